"""What keeps vectors in step with history, by hand: dead letters, another try for them, an audit now."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from memory_service.errors import Refused
from memory_service.model.outbox import Audit, DeadLetter

if TYPE_CHECKING:
    from memory_service.operations.health import Worker
    from memory_service.operations.registry import OpenMemory


async def dead_letters(memory: OpenMemory, cursor: str | None, limit: int) -> tuple[list[DeadLetter], str | None]:
    """Messages that could not be indexed, the oldest letter first, and where the next page begins."""
    return await memory.outbox.dead(cursor=cursor, limit=limit)


async def replay(memory: OpenMemory, ids: Sequence[str] | None) -> int:
    """Try dead letters again, those named or all; answers how many there were.

    What became wrong in the meantime (a text that is gone) is no fault: its letter goes. Raises Refused
    `recall_disabled` where nothing is indexed, which would make letters vanish without having been tried.
    """
    _indexing(memory)
    return await memory.outbox.replay(ids)


async def audit(memory: OpenMemory, worker: Worker) -> tuple[Audit, float]:
    """Compare history and vectors now and repair both ways; what was found, and the seconds it took.

    Raises Refused `recall_disabled` and `busy`, Timeout, Unavailable.
    """
    _indexing(memory)
    started = perf_counter()
    found = await worker.audit(memory.definition.spec.id)
    return found, round(perf_counter() - started, 3)


def _indexing(memory: OpenMemory) -> None:
    if not memory.definition.spec.options.semantic_recall.enabled:
        raise Refused("recall_disabled", "this memory keeps no vectors: options.semanticRecall.enabled is false")
