"""One memory as the worker sees it: its definition, its ports, and what happened lately."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from memory_service.adapters.embedders import words
from memory_service.adapters.vectors.versions import Shape
from memory_service.metrics import Families
from memory_service.ports import Outbox, ThreadStore
from memory_service.worker.board import Board

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from memory_crd.memory import Filterable, Spec
    from numpy.typing import NDArray

    from memory_service.adapters.vectors.rest import VectorStore


class TextEmbedder(Protocol):
    """What turns a memory's texts into vectors of its declared dimensions."""

    name: str

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A memory at work. `embedder` None means that none is declared or possible: words only.

    `enabled` is whether semantic recall is on: without it nothing is indexed. `token` names this worker in leases.
    """

    tenant: str
    spec: Spec
    store: ThreadStore
    outbox: Outbox
    vectors: VectorStore
    embedder: TextEmbedder | None
    metrics: Families
    token: str
    board: Board = field(default_factory=Board)
    auditing: asyncio.Lock = field(default_factory=asyncio.Lock)
    clock: Callable[[], float] = time.monotonic
    wanted: Callable[[], bool] = lambda: True
    """False as soon as the definitions on disk may say something else: then nothing new is set up."""

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def enabled(self) -> bool:
        return self.spec.options.semantic_recall.enabled

    @property
    def filterable(self) -> tuple[Filterable, ...]:
        return self.spec.options.semantic_recall.filterable

    @property
    def shape(self) -> Shape:
        """What this definition's points look like."""
        return Shape(
            dimensions=self.spec.vector.dimensions,
            model=self.embedder.name if self.embedder else "",
            words=words.VERSION,
            fields=tuple((each.key, each.type) for each in self.filterable),
        )
