"""What the vector index must learn, and what the worker finds while it teaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memory_service.model.search import Candidate

OutboxKind = Literal["add", "remove", "cut", "gone", "owner"]


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One thing the vector store must learn. `pos` orders entries of a memory; ids only, never text.

    add: seqs first..last are new (holes are messages already gone), seqs <= cut are gone, incarnation `dead` (if not 0)
    is gone entirely. Entries that one batch wrote share an `id`; acknowledging it acknowledges all of them.
    remove: exactly `seqs` are gone. cut: every seq <= cut is gone. gone: the incarnation is gone. owner: owner was set.
    """

    id: str
    pos: int
    kind: OutboxKind
    thread: str
    incarnation: int
    dead: int = 0
    first: int = 0
    last: int = 0
    cut: int = 0
    seqs: tuple[int, ...] = ()
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class LiveText:
    """A message that still lives, as the indexer needs it: stored bytes and the thread's owner."""

    candidate: Candidate
    owner: str | None
    message: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An entry that can never be indexed as it is (poison text), with why and since when."""

    id: str
    thread: str
    message_id: str
    error: str
    attempts: int
    since: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What one comparison of history and vectors found.

    `threads` were compared; `points` were seen, of which `orphans` had no message (deleted); `missing` messages had no
    point (put on the outbox again).
    """

    threads: int = 0
    points: int = 0
    orphans: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What one reaper step did, and what expired over the memory's life, however it was found.

    `corrected` index entries were put right; `repaired` threads had to have an expiry and were given one. `more` may be
    due at once. `lag_ms` is how long the oldest of what was due had waited.
    """

    threads: int = 0
    messages: int = 0
    corrected: int = 0
    repaired: int = 0
    more: bool = False
    lag_ms: int = 0
    ever_threads: int = 0
    ever_messages: int = 0
    ever_repaired: int = 0
