"""Owners: whom there is, and erasing one of them everywhere, with a receipt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from memory_service.errors import VectorUnavailable
from memory_service.operations.catching_up import caught_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memory_service.model.facts import Forgotten, Owner
    from memory_service.operations.registry import OpenMemory

SETTLE_MS: Final = 10_000
"""How long an erasure waits for the worker to take the vectors away; what is left then is in the receipt."""
LETTERS: Final = 1_000
AT_ONCE: Final = 64


@dataclass(slots=True)
class Counts:
    """What an owner has, or had."""

    threads: int = 0
    messages: int = 0
    working_memory: int = 0
    vectors: int = 0
    backups: int = 0

    def add(self, step: Forgotten) -> None:
        """Count what a step removed or found."""
        self.threads += len(step.incarnations)
        self.messages += step.messages
        self.working_memory += step.documents
        self.backups += step.backups


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was removed, what a second look found, and whether that look was complete and found nothing.

    It does not say whose it was: it may be kept for a replay, and nothing of an erased owner may.
    """

    erased_at: int
    removed: Counts
    remaining: Counts
    verified: bool


async def listed(memory: OpenMemory, after: str | None, limit: int) -> tuple[list[Owner], bool]:
    """A page of the memory's owners, and whether there are more."""
    return await memory.store.owners(after=after, limit=limit)


async def erase(memory: OpenMemory, owner: str) -> Receipt:
    """Remove every thread, message, document, backup, dead letter and vector of an owner. Repeating it does no harm.

    History goes first: from then on nothing can be recalled. The worker takes the vectors away, which is waited for;
    while it or the vector store is away the receipt is not `verified`, and a later call finishes it.
    Raises StorageUnavailable; the erasure may then be partly done and is repeated.
    """
    owned = await memory.store.owned(owner)
    incarnations = {g for _, g in owned}
    before = await _vectors(memory, owner, incarnations)
    removed, pos = await _remove(memory, owner, incarnations)
    await _drop_letters(memory, incarnations)
    settled = before is not None and await _settled(memory, pos)  # no worker can settle without a vector store
    remaining = await _look(memory, owner, owned)
    left = await _vectors(memory, owner, incarnations)
    if before is not None and left is not None:
        removed.vectors, remaining.vectors = max(0, before - left), left
    elif before is not None:
        remaining.vectors = before
    found = any(getattr(remaining, field.name) for field in fields(remaining))
    verified = settled and left is not None and not found
    return Receipt(memory.clock.now_ms(), removed, remaining, verified)


async def _remove(memory: OpenMemory, owner: str, incarnations: set[int]) -> tuple[Counts, int]:
    """Everything in Redis, step by step; what that was, and the position to wait for. Adds incarnations met."""
    removed, cursor, pos = Counts(), 0, 0
    while True:
        step = await memory.store.forget(owner, cursor=cursor, erase=True)
        removed.add(step)
        incarnations.update(step.incarnations)
        pos = max(pos, step.pos)
        if step.cursor is None and not step.left:
            return removed, pos
        cursor = step.cursor or 0


async def preview(memory: OpenMemory, owner: str) -> Receipt:
    """What erasing an owner would remove now; nothing is written. Vectors count 0 while their store is away."""
    found, incarnations = await _present(memory, owner)
    found.vectors = await _vectors(memory, owner, incarnations) or 0
    return Receipt(memory.clock.now_ms(), found, Counts(), verified=False)


async def _present(memory: OpenMemory, owner: str) -> tuple[Counts, set[int]]:
    """What there is of an owner in Redis, by its index, document and backups; incarnations of its threads."""
    found, cursor, incarnations = Counts(), 0, set[int]()
    while True:
        step = await memory.store.forget(owner, cursor=cursor, erase=False)
        found.add(step)
        incarnations.update(step.incarnations)
        if step.cursor is None:
            return found, incarnations
        cursor = step.cursor


async def _look(memory: OpenMemory, owner: str, owned: Sequence[tuple[str, int]]) -> Counts:
    """Read everything again: the owner's index, document and backups, and each thread that was the owner's."""
    found, _ = await _present(memory, owner)
    for at in range(0, len(owned), AT_ONCE):
        part = owned[at : at + AT_ONCE]
        for facts, (_, g) in zip(
            await asyncio.gather(*(memory.store.facts(thread) for thread, _ in part)), part, strict=True
        ):
            if facts.exists and facts.incarnation == g and facts.owner != owner:  # in the index it is counted already
                found.threads, found.messages = found.threads + 1, found.messages + facts.messages
    return found


async def _drop_letters(memory: OpenMemory, incarnations: set[int]) -> None:
    """Dead letters name a thread and say why its text was refused: those of the owner go too."""
    letters, _ = await memory.outbox.dead(cursor=None, limit=LETTERS)
    await memory.outbox.discard(
        [letter.id for letter in letters if int(letter.message_id.partition("-")[0]) in incarnations]
    )


async def _settled(memory: OpenMemory, pos: int) -> bool:
    """Whether the worker has learnt of the erasure in time."""
    if not _indexed(memory):
        return True
    totals = await memory.store.totals()
    return await caught_up(memory, strong=False, position=(totals.epoch, pos), timeout_ms=SETTLE_MS)


async def _vectors(memory: OpenMemory, owner: str, incarnations: set[int]) -> int | None:
    """Points of the owner; None while the vector store does not answer."""
    if not _indexed(memory):
        return 0
    try:
        by_thread = await memory.index.count_of(incarnations=sorted(incarnations))
        return max(by_thread, await memory.index.count_of(owner=owner))
    except VectorUnavailable as error:
        return 0 if error.reason == "Pending" else None  # pending: there is no collection yet


def _indexed(memory: OpenMemory) -> bool:
    return memory.definition.spec.options.semantic_recall.enabled
