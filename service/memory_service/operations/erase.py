"""Erasing a whole memory: what was there is counted, removed in bounded steps, and read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memory_service.errors import VectorUnavailable

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt: counts removed, counts left after a second look, and whether that look found nothing."""

    removed: dict[str, int]
    remaining: dict[str, int]
    verified: bool


async def erase(memory: OpenMemory, before: Erasure | None = None) -> Erasure:
    """Remove every key and the collection of one memory. `before` is an earlier, unfinished round's receipt.

    History goes first: from then on nothing can be recalled, whatever the vector store still holds.
    Raises StorageUnavailable or VectorUnavailable; the erasure may then be partly done and is repeated.
    """
    totals = await memory.store.totals()
    found = {"threads": totals.threads, "messages": totals.messages, "vectors": await _points(memory)}
    removed = {kind: max(count, before.removed.get(kind, 0) if before else 0) for kind, count in found.items()}
    remaining = dict(await memory.outbox.erase())
    remaining["vectors"] = await memory.index.drop()
    return Erasure(removed, remaining, verified=not any(remaining.values()))


async def _points(memory: OpenMemory) -> int:
    """Points before erasing. A collection that was never made, or is gone since the last round, has none."""
    try:
        return await memory.index.count()
    except VectorUnavailable:
        return 0
