"""A memory in numbers, exact and without a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memory_service.errors import VectorUnavailable
from memory_service.model.facts import Totals

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals of the log; `vectors` is None while the vector store is away."""

    totals: Totals
    vectors: int | None


async def stats(memory: OpenMemory) -> Stats:
    """Raises StorageUnavailable; an absent vector store only leaves its number out."""
    totals = await memory.store.totals()
    try:
        vectors: int | None = await memory.index.count()
    except VectorUnavailable:
        vectors = None
    return Stats(totals, vectors)
