"""A memory in numbers: totals, exact and without a scan; and its messages by role and day, as far as asked to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from memory_service.errors import VectorUnavailable
from memory_service.model.facts import Place, Share, Tally, Totals

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

Group = Literal["role", "day"]

MOST_GROUPS: Final = 1_000
"""Groups after which a page ends: days are what clients say they are, so there can be as many as messages."""
_ONE: Final = 1_000_000


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


@dataclass(slots=True)
class Sum:
    """Steps of a tally, added up; `next` is where to go on, None at the end."""

    threads: int = 0
    messages: int = 0
    tokens: int = 0
    damaged: int = 0
    oldest: str | None = None
    newest: str | None = None
    groups: dict[str, dict[str, Share]] = field(default_factory=dict)
    next: Place | None = None

    def add(self, step: Tally) -> None:
        """Take one step in."""
        self.threads += step.threads
        self.messages += step.messages
        self.tokens += step.tokens
        self.damaged += step.damaged
        self.oldest = min(filter(None, (self.oldest, step.oldest)), default=None)
        self.newest = max(filter(None, (self.newest, step.newest)), default=None)
        for kind, shares in step.groups.items():
            known = self.groups.setdefault(kind, {})
            for name, share in shares.items():
                before = known.get(name, Share())
                known[name] = Share(before.messages + share.messages, before.tokens + share.tokens)
        self.next = step.next

    def by(self, wanted: Sequence[Group]) -> dict[str, dict[str, Share]]:
        """The groups asked for, each in order of its names."""
        return {kind: dict(sorted(self.groups.get(kind, {}).items())) for kind in wanted}


async def grouped(memory: OpenMemory, wanted: Sequence[Group], place: Place | None, max_scan: int) -> Sum:
    """Messages of the memory from a place on, until about `max_scan` messages and threads were looked at.

    Each step is of its own instant, so what is written meanwhile may count or not.
    """
    total, left = Sum(next=place), max_scan
    while True:
        step = await memory.store.tally(total.next, most=left)
        total.add(step)
        left -= step.looked
        if total.next is None or left <= 0 or any(len(total.groups[kind]) >= MOST_GROUPS for kind in wanted):
            return total


async def of_thread(memory: OpenMemory, thread: str, version: int) -> tuple[Sum, bool]:
    """All messages of one thread, and whether every step saw it at this version."""
    total, steady = Sum(), True
    while True:
        step = await memory.store.tally(total.next, thread=thread, most=_ONE)
        steady = steady and step.version == version
        total.add(step)
        if total.next is None or not steady:
            return total, steady
