"""An OpenAI-compatible endpoint: OpenAI, vLLM, TEI, Ollama and their kind, by `POST {url}/embeddings`.

Answers are read in base64 (forty times cheaper to parse than numbers) or as lists of numbers, whichever a server sends.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec
import numpy as np

from memory_service.adapters.endpoint import ATTEMPTS, Endpoint, EndpointFault
from memory_service.errors import EmbedderUnavailable, TextRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH: Final = 64
"""Texts of one call; the smallest limit among servers in use is well above."""
TEXT_BYTES: Final = 24_000
"""A text is cut to this many bytes of UTF-8, about 8,000 tokens, which common models take. Words stay searchable."""
TIMEOUT_SECONDS: Final = 15.0
ANSWER_BYTES: Final = 64 * 2**20
"""Far above BATCH vectors of the largest models, written out as numbers."""

_CHOOSES_DIMENSIONS: Final = "text-embedding-3-"
"""Models of OpenAI that shorten their vectors on request; other servers refuse the field."""


class _Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class OpenAiEmbedder:
    """One model at one endpoint; `api_key` as Endpoint has it."""

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
        self._endpoint = Endpoint(session, url, api_key, TIMEOUT_SECONDS, ANSWER_BYTES)
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
        body = msgspec.json.encode({**self._asked, "input": [cut(text) for text in texts]})
        try:
            return _vectors(await self._endpoint.post("/embeddings", body, attempts=attempts), len(texts))
        except EndpointFault as fault:
            if fault.reason == "Refused":
                raise TextRefused(fault.detail) from fault
            raise EmbedderUnavailable(fault.detail, reason=fault.reason) from fault


def cut(text: str, *, most: int = TEXT_BYTES) -> str:
    """The text's first `most` bytes of UTF-8, never half a character."""
    if len(text) * 4 <= most:
        return text
    raw = text.encode()
    return text if len(raw) <= most else raw[:most].decode(errors="ignore")


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
