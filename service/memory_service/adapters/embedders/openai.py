"""An OpenAI-compatible endpoint: OpenAI, vLLM, TEI, Ollama and their kind, by `POST {url}/embeddings`.

Answers are read in base64 (forty times cheaper to parse than numbers) or as lists of numbers, whichever a server sends.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec
import numpy as np
import stamina

from memory_service.errors import EmbedderUnavailable, TextRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH: Final = 64
"""Texts of one call; the smallest limit among servers in use is well above."""
TEXT_BYTES: Final = 24_000
"""A text is cut to this many bytes of UTF-8, about 8,000 tokens, which common models take. Words stay searchable."""
TIMEOUT_SECONDS: Final = 15.0
ATTEMPTS: Final = 3
LONGEST_WAIT_SECONDS: Final = 10.0
"""A server that asks for more in Retry-After is answered by the caller's own back-off."""

_CHOOSES_DIMENSIONS: Final = "text-embedding-3-"
"""Models of OpenAI that shorten their vectors on request; other servers refuse the field."""


class _Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class _TryAgain(Exception):
    """A fault that time may heal; `after` is what the server asked for, in seconds."""

    def __init__(self, detail: str, after: float | None = None) -> None:
        super().__init__(detail)
        self.after = after


class OpenAiEmbedder:
    """One model at one endpoint. `api_key` is asked before each call, so a key that appears late heals by itself.

    It returns the key, None where none is declared, and raises EmbedderUnavailable (SecretMissing) while it is absent.
    """

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        *,
        url: str,
        model: str,
        dimensions: int,
        api_key: Callable[[], str | None],
    ) -> None:
        self.name = model
        self.dimensions = dimensions
        self._session = session
        self._url = url.rstrip("/") + "/embeddings"
        self._api_key = api_key
        self._asked: dict[str, Any] = {"model": model, "encoding_format": "base64"}
        if model.startswith(_CHOOSES_DIMENSIONS):
            self._asked["dimensions"] = dimensions

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), whatever the model has), in the order given.

        Raises TextRefused where the server refuses what it was given, EmbedderUnavailable for everything else.
        An urgent call is not tried again: who asks waits for the answer.
        """
        batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        parts = [await self._batch(batch, attempts=1 if urgent else ATTEMPTS) for batch in batches]
        return np.concatenate(parts) if parts else np.zeros((0, self.dimensions), np.float32)

    async def _batch(self, texts: Sequence[str], *, attempts: int) -> NDArray[np.float32]:
        try:
            async for attempt in stamina.retry_context(on=_when, attempts=attempts, timeout=None, wait_max=5.0):
                with attempt:
                    return await self._call(texts)
        except _TryAgain as error:
            raise EmbedderUnavailable(str(error)) from error
        raise AssertionError("stamina ends with a result or the last error")

    async def _call(self, texts: Sequence[str]) -> NDArray[np.float32]:
        key = self._api_key()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        body = msgspec.json.encode({**self._asked, "input": [cut(text) for text in texts]})
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with self._session().post(self._url, data=body, headers=headers, timeout=timeout) as answer:
                raw = await answer.read()
                if answer.status != 200:
                    raise _fault(answer, raw)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _TryAgain(f"{self._url} does not answer: {type(error).__name__}: {error}") from error
        return _vectors(raw, len(texts))


def _fault(answer: aiohttp.ClientResponse, raw: bytes) -> Exception:
    """What an answer other than 200 means."""
    said = f"{answer.url} answered {answer.status}: {raw[:300].decode(errors='replace')}"
    if answer.status in (401, 403):
        return EmbedderUnavailable(said, reason="Unauthorized")
    if answer.status in (408, 429) or answer.status >= 500:
        return _TryAgain(said, _retry_after(answer))
    if answer.status in (400, 413, 422):
        return TextRefused(said)
    return EmbedderUnavailable(said, reason="ModelFailed")


def _when(error: Exception) -> bool | datetime.timedelta:
    if not isinstance(error, _TryAgain):
        return False
    if error.after is None:
        return True
    return error.after <= LONGEST_WAIT_SECONDS and datetime.timedelta(seconds=error.after)


def cut(text: str, *, most: int = TEXT_BYTES) -> str:
    """The text's first `most` bytes of UTF-8, never half a character."""
    if len(text) * 4 <= most:
        return text
    raw = text.encode()
    return text if len(raw) <= most else raw[:most].decode(errors="ignore")


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _vectors(raw: bytes, wanted: int) -> NDArray[np.float32]:
    try:
        items = sorted(msgspec.json.decode(raw, type=_Answer).data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(wanted)):
            raise EmbedderUnavailable(f"asked for {wanted} vectors, the answer has {len(items)}", reason="ModelFailed")
        rows = [_vector(item.embedding) for item in items]
        return np.stack(rows)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise EmbedderUnavailable(f"the answer is no list of embeddings: {error}", reason="ModelFailed") from error


def _vector(embedding: str | list[float]) -> NDArray[np.float32]:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    return np.asarray(embedding, np.float32)
