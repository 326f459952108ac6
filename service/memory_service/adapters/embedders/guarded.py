"""What all vectors go through before anything believes them: size, finiteness, unit length, and a cache."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from memory_service.errors import EmbedderUnavailable, TextRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

CACHE_BYTES: Final = 8 * 2**20
"""Vectors kept for texts that come again: 5,461 of 384 dimensions."""


class Model(Protocol):
    """An embedder as its adapter has it."""

    name: str
    dimensions: int

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]: ...


class VectorCache:
    """The newest used vectors of one process, by model and content hash; bounded in bytes."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most = most_bytes
        self._held = 0
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """The vector, now the newest used, or None."""
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector, at the cost of the least recently used ones."""
        old = self._vectors.pop(key, None)
        self._held += vector.nbytes - (0 if old is None else old.nbytes)
        self._vectors[key] = vector
        while self._held > self._most:
            _, dropped = self._vectors.popitem(last=False)
            self._held -= dropped.nbytes


class GuardedEmbedder:
    """An embedder of declared dimensions. Equal texts are embedded once, and again only when the cache forgot them.

    `observe` gets the seconds of each call that really embedded something.
    """

    def __init__(
        self,
        model: Model,
        *,
        dimensions: int,
        cache: VectorCache,
        clock: Callable[[], float],
        observe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.name = model.name
        self.dimensions = dimensions
        self._model = model
        self._cache = cache
        self._clock = clock
        self._observe = observe
        self._salt = f"{model.name}\0{dimensions}\0".encode()

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]:
        """Unit vectors of shape (len(texts), dimensions).

        Raises EmbedderUnavailable with reason DimensionsMismatch, ModelFailed, SecretMissing, Unauthorized or
        Unreachable, and TextRefused when no usable vector comes of one of the texts.
        """
        keys = [hashlib.blake2b(self._salt + text.encode(errors="replace"), digest_size=16).digest() for text in texts]
        found = {key: self._cache.get(key) for key in keys}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if found[key] is None}
        if missing:
            fresh = await self._fresh(list(missing.values()), urgent=urgent)
            for key, vector in zip(missing, fresh, strict=True):
                found[key] = vector
                self._cache.put(key, vector.copy())
        out = np.zeros((len(texts), self.dimensions), np.float32)
        for row, key in enumerate(keys):
            out[row] = found[key]
        return out

    async def _fresh(self, texts: Sequence[str], *, urgent: bool) -> NDArray[np.float32]:
        started = self._clock()
        vectors = await self._model.embed(texts, urgent=urgent)
        self._observe(self._clock() - started)
        if vectors.shape != (len(texts), self.dimensions):
            size = vectors.shape[-1]
            detail = f"{self.name} gives vectors of {size} dimensions, vector.dimensions says {self.dimensions}"
            raise EmbedderUnavailable(detail, reason="DimensionsMismatch")
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not norms.all():
            raise TextRefused(f"{self.name} gave a vector that is zero or not finite")
        unit: NDArray[np.float32] = vectors / norms
        return unit
