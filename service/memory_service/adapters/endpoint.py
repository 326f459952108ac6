"""An OpenAI-compatible endpoint, as far as its routes agree: the key, time limits, back-off, what a status means."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
import stamina

from memory_service.adapters.credentials import KeyMissing

ATTEMPTS: Final = 3
LONGEST_WAIT_SECONDS: Final = 10.0
"""A server that asks for more in Retry-After is answered by the caller's own back-off."""
_CHUNK: Final = 65_536


class EndpointFault(Exception):
    """An endpoint gave nothing that can be used.

    `reason` is SecretMissing, Unauthorized, Unreachable, Refused (it does not take what it was given) or ModelFailed.
    """

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class _TryAgain(Exception):
    """A fault that time may heal; `after` is what the server asked for, in seconds."""

    def __init__(self, detail: str, after: float | None = None) -> None:
        super().__init__(detail)
        self.after = after


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One base URL, such as https://api.openai.com/v1. `timeout` is of one attempt; `most_bytes` of an answer.

    `api_key` is asked before each call, so a key that appears late heals by itself. It returns the key, None where none
    is declared, and raises KeyMissing while it is absent.
    """

    session: Callable[[], aiohttp.ClientSession]
    url: str
    api_key: Callable[[], str | None]
    timeout: float
    most_bytes: int

    async def post(self, path: str, body: bytes, *, attempts: int = ATTEMPTS) -> bytes:
        """The body of a 200. Raises EndpointFault; faults that time may heal are tried again before."""
        try:
            async for attempt in stamina.retry_context(on=_when, attempts=attempts, timeout=None, wait_max=5.0):
                with attempt:
                    return await self._call(self.url.rstrip("/") + path, body)
        except _TryAgain as error:
            raise EndpointFault(str(error), "Unreachable") from error
        raise AssertionError("stamina ends with a result or the last error")

    async def _call(self, url: str, body: bytes) -> bytes:
        try:
            key = self.api_key()
        except KeyMissing as missing:
            raise EndpointFault(str(missing), "SecretMissing") from None
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        try:
            # What was said goes to the place that was declared, and to no other that it may point to.
            async with self.session().post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                raw = await self._read(answer)
                if answer.status != 200:
                    raise _fault(answer, raw)
                return raw
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _TryAgain(f"{url} does not answer: {type(error).__name__}: {error}") from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            raw += chunk
            if len(raw) > self.most_bytes:
                raise EndpointFault(f"{answer.url} answered more than {self.most_bytes} bytes", "ModelFailed")
        return bytes(raw)


def _fault(answer: aiohttp.ClientResponse, raw: bytes) -> Exception:
    """What an answer other than 200 means."""
    said = f"{answer.url} answered {answer.status}: {raw[:300].decode(errors='replace')}"
    if answer.status in (401, 403):
        return EndpointFault(said, "Unauthorized")
    if answer.status in (408, 429) or answer.status >= 500:
        return _TryAgain(said, _retry_after(answer))
    return EndpointFault(said, "Refused" if answer.status in (400, 413, 422) else "ModelFailed")


def _when(error: Exception) -> bool | datetime.timedelta:
    if not isinstance(error, _TryAgain):
        return False
    if error.after is None:
        return True
    return error.after <= LONGEST_WAIT_SECONDS and datetime.timedelta(seconds=error.after)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None
