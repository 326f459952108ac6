"""Which embedder serves a definition, and one model in memory for all that use it."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from memory_crd.memory import Embedder, resolve_embedder

from memory_service.adapters.credentials import api_key
from memory_service.adapters.embedders.guarded import GuardedEmbedder, Model, VectorCache
from memory_service.adapters.embedders.openai import OpenAiEmbedder
from memory_service.errors import EmbedderUnavailable
from memory_service.metrics import Families

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from memory_crd.memory import Spec
    from numpy.typing import NDArray

    from memory_service.adapters.embedders.local import LocalModel


class LazyLocal:
    """The local model, loaded when the first text comes, once for the process; a fault to load is told each time."""

    def __init__(self, folder: Path, name: str, dimensions: int) -> None:
        self.name = name
        self.dimensions = dimensions
        self._folder = folder
        self._model: LocalModel | None = None

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]:
        """As LocalModel. Raises EmbedderUnavailable (ModelFailed) while the folder has no model."""
        return await self.load().embed(texts, urgent=urgent)

    def load(self) -> LocalModel:
        """The model; a third of a second the first time."""
        if self._model is None:
            from memory_service.adapters.embedders.local import LocalModel

            self._model = LocalModel(self._folder)
        return self._model

    def close(self) -> None:
        if self._model is not None:
            self._model.close()


class Embedders:
    """Makes the embedder of each memory; the model, the cache and the connections are shared."""

    def __init__(self, model: LazyLocal, secrets: Path | None, environ: Mapping[str, str], metrics: Families) -> None:
        self._local = model
        self._secrets = secrets
        self._environ = environ
        self._metrics = metrics
        self._cache = VectorCache()
        self._session: aiohttp.ClientSession | None = None

    def of(self, spec: Spec) -> GuardedEmbedder | None:
        """The embedder of a memory, of its declared dimensions; None when it has none (reason NoEmbedder)."""
        resolved = resolve_embedder(spec)
        if resolved is None:
            return None
        model = self._local if resolved.use == "local" else self._endpoint(resolved, spec.vector.dimensions)
        observe = functools.partial(self._observe, resolved.use)
        return GuardedEmbedder(
            model, dimensions=spec.vector.dimensions, cache=self._cache, clock=time.perf_counter, observe=observe
        )

    def _endpoint(self, embedder: Embedder, dimensions: int) -> Model:
        return OpenAiEmbedder(
            self._open,
            url=embedder.url or "",
            model=embedder.model or "",
            dimensions=dimensions,
            api_key=api_key(embedder.api_key, self._secrets, self._environ),
        )

    def _observe(self, embedder: str, seconds: float) -> None:
        self._metrics.series("memory_embedding_duration_seconds", embedder).observe(seconds)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        """Let the model and the connections go."""
        self._local.close()
        if self._session is not None:
            await self._session.close()


def model_folder(told: str | None) -> Path:
    """Where the local model is: as told, in the image, or beside the source tree that this runs from."""
    if told:
        return Path(told)
    places = [Path("/opt/memory/model"), *(up / ".cache/model/current" for up in Path(__file__).resolve().parents)]
    return next((place for place in places if (place / "model.json").exists()), places[0])


def no_embedder() -> EmbedderUnavailable:
    """Why a memory without embedder cannot be searched by meaning."""
    remedy = "declare spec.embedder, or set vector.dimensions to 384 for the local one; until then words are searched"
    return EmbedderUnavailable(f"no embedder makes vectors of the declared dimensions: {remedy}", reason="NoEmbedder")
