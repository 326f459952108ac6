"""One vector store: a connection pool, its key, and what its answers mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec

from memory_service.errors import VectorUnavailable
from memory_service.policies.breaker import Breaker

TIMEOUT_SECONDS: Final = 4.0
"""Shorter than what is left of an outbox lease when a worker dares to begin a call."""
CONNECT_SECONDS: Final = 1.0
"""A store in the same cluster that takes longer to accept a connection is away; recall then scans instead."""
CONNECTIONS: Final = 16
SETUPS: Final = 1
"""Collections set up at once: each takes the store a third of a second, and twenty together would all time out."""


class NotThere(VectorUnavailable):
    """The collection or alias does not exist (yet)."""


class RefusedByStore(VectorUnavailable):
    """The store understood the call and refuses it: a disagreement that waiting does not settle."""


_encode = msgspec.json.Encoder().encode


class VectorStore:
    """A vector store by URL. `api_key` is asked for each call, so that a rotated key is taken up."""

    def __init__(self, url: str, api_key: Callable[[], str | None], *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None
        self.setting_up = asyncio.Semaphore(SETUPS)
        self.breaker = Breaker(time.monotonic)

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """The `result` of a call. Raises VectorUnavailable with reason Unreachable, Unauthorized or StorageFull,
        NotThere for a 404, RefusedByStore for other 4xx.
        """
        status, raw = await self._answer(method, path, None if body is None else _encode(body))
        if status >= 300:
            raise _fault(status, f"{method} {path.partition('?')[0]}", raw)
        try:
            return msgspec.json.decode(raw)["result"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise VectorUnavailable(f"{self.url} does not speak Qdrant's protocol: {raw[:100]!r}") from error

    async def _answer(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        """Status and body of what the store says, if it is asked at all. Raises VectorUnavailable."""
        key = self._api_key()
        headers = {"Content-Type": "application/json"} | ({"api-key": key} if key else {})
        if not self.breaker.admit():
            raise VectorUnavailable(self.breaker.silence)
        with self.breaker.counting(VectorUnavailable):
            try:
                return await self._send(method, path, data, headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = f"the vector store at {self.url} does not answer: {type(error).__name__}: {error}"
                raise VectorUnavailable(said.rstrip(": ")) from error

    async def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body. Every call may be repeated, so one that met a connection just closed is, once."""
        for fresh in (False, True):
            try:
                async with self._open().request(method, self.url + path, data=data, headers=headers) as answer:
                    return answer.status, await answer.read()
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                if fresh:
                    raise
        raise AssertionError("the second attempt answers or raises")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    async def close(self) -> None:
        """Close the pool; a later call would open a new one."""
        if self._session is not None:
            await self._session.close()


def _fault(status: int, call: str, raw: bytes) -> VectorUnavailable:
    said = f"{call} answered {status}: {_complaint(raw)}"
    if status in (401, 403):
        return VectorUnavailable(said, reason="Unauthorized")
    if status == 404:
        return NotThere(f"{said}; the worker makes it, try again in a moment", reason="Pending")
    if status == 507:
        return VectorUnavailable(said, reason="StorageFull")
    if status < 500 and status not in (408, 429):
        return RefusedByStore(said, reason="Unreachable")
    return VectorUnavailable(said)


def _complaint(raw: bytes) -> str:
    """Qdrant's own words without the time they took: a message that differs on every look is a status write a look."""
    try:
        return str(msgspec.json.decode(raw)["status"]["error"])[:300]
    except (msgspec.DecodeError, KeyError, TypeError):
        return raw[:300].decode(errors="replace")
