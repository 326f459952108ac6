"""Many outbox entries become the least work that has the same effect. Pure.

Entries of a partition are in order, and what they say about a message only ever goes from present to gone: seqs and
incarnations are never used again. So deletions may go first, and whatever a later entry kills need not be added at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from memory_service.model.outbox import OutboxEntry
from memory_service.model.search import Candidate, Removals


@dataclass(frozen=True, slots=True)
class Work:
    """What to do, removals first. `upto` is the last entry's id."""

    removals: Removals
    added: tuple[Candidate, ...]
    upto: str


@dataclass(slots=True)
class _Thread:
    """What the entries so far say about one incarnation."""

    name: str = ""
    gone: bool = False
    cut: int = 0
    removed: set[int] = field(default_factory=set)
    added: dict[int, None] = field(default_factory=dict)
    owner: str | None = None


def coalesce(entries: Iterable[OutboxEntry]) -> Work:
    """The work of a run of entries, which must not be empty."""
    threads: dict[int, _Thread] = {}
    upto = ""
    for entry in entries:
        _take(threads, entry)
        upto = entry.id
    living = {g: thread for g, thread in threads.items() if not thread.gone}
    removals = Removals(
        gone=tuple(g for g, thread in threads.items() if thread.gone),
        cuts=tuple((g, thread.cut) for g, thread in living.items() if thread.cut),
        candidates=tuple(
            Candidate(thread.name, g, seq)
            for g, thread in living.items()
            for seq in sorted(thread.removed)
            if seq > thread.cut
        ),
        owners=tuple((g, thread.owner) for g, thread in living.items() if thread.owner is not None),
    )
    added = tuple(
        Candidate(thread.name, g, seq)
        for g, thread in living.items()
        for seq in thread.added
        if seq > thread.cut and seq not in thread.removed
    )
    return Work(removals, added, upto)


def _take(threads: dict[int, _Thread], entry: OutboxEntry) -> None:
    if entry.kind == "add" and entry.dead:
        threads.setdefault(entry.dead, _Thread(entry.thread)).gone = True
    thread = threads.setdefault(entry.incarnation, _Thread(entry.thread))
    match entry.kind:
        case "add":
            thread.cut = max(thread.cut, entry.cut)
            thread.added.update(dict.fromkeys(range(entry.first, entry.last + 1)))
        case "remove":
            thread.removed.update(entry.seqs)
        case "cut":
            thread.cut = max(thread.cut, entry.cut)
        case "gone":
            thread.gone = True
        case "owner":
            thread.owner = entry.owner
