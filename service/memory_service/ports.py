"""What operations and the worker need from the outside, as protocols. Adapters implement them.

Every method may raise StorageUnavailable (Redis ports), VectorUnavailable (VectorIndex) or EmbedderUnavailable
(Embedder); mutations also StorageFull. None of them returns a half-written state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from memory_service.errors import Unavailable
from memory_service.model.archive import OwnerDocument, Snapshot
from memory_service.model.facts import (
    Circuit,
    Facts,
    Forgotten,
    MessagePage,
    Owner,
    Place,
    Slice,
    Tally,
    ThreadPage,
    ThreadQuery,
    Totals,
    WorkingDocument,
)
from memory_service.model.mutations import Import, Mutation, Outcome
from memory_service.model.outbox import DeadLetter, Expired, LiveText, OutboxEntry
from memory_service.model.search import Audience, Candidate, Checked, Point, Proposals, QueryVectors, Removals, Search
from memory_service.model.values import PARTITIONS as PARTITIONS
from memory_service.model.values import PLAINLY, Draft, IdempotencyKey, Reservation, Writing

if TYPE_CHECKING:  # the HTTP process never loads numpy: 25 MiB it has no use for
    import numpy as np
    from numpy.typing import NDArray


class Clock(Protocol):
    """Milliseconds since the epoch, injectable."""

    def now_ms(self) -> int: ...


class ThreadStore(Protocol):
    """One memory's log: threads and their messages. Bound to one memory and its current options."""

    @property
    def circuit(self) -> Circuit:
        """Whether this process asks Redis, fails at once, or lets one call find out."""
        ...

    async def mutate(self, mutation: Mutation) -> Outcome:
        """Apply one mutation atomically. Calls of one event-loop tick are grouped into one script call."""
        ...

    async def facts(self, thread: str) -> Facts: ...

    async def read(self, thread: str, what: Slice) -> MessagePage: ...

    async def message(self, thread: str, message_id: str) -> bytes | None: ...

    async def threads(self, query: ThreadQuery) -> ThreadPage: ...

    async def totals(self) -> Totals: ...

    async def tally(self, place: Place | None, *, thread: str | None = None, most: int) -> Tally:
        """One bounded step of adding messages up: of the whole memory in order of thread, or of one thread.

        It looks at about `most` messages and threads, at most 1 MiB of them. Each step is of its own instant.
        """
        ...

    async def touch(self, thread: str) -> bool:
        """Refresh the thread's TTL after a read (`refresh: read`); True when the expiry moved."""
        ...

    async def used(self, messages: Sequence[Candidate]) -> None:
        """Note that messages are read now, to a minute; for memories that flush the least recently used first.

        What is gone meanwhile is left out, and a store that is full notes nothing.
        """
        ...

    async def recount(self, thread: str) -> bool:
        """Count a thread anew from its messages; True where counters were wrong, and are right now."""
        ...

    async def last_used(self, thread: str) -> Mapping[int, int]:
        """When each message was last read, by seq, in milliseconds; one that never was is missing."""
        ...

    async def summarising(self, thread: str, token: str, *, ttl_ms: int) -> bool:
        """Take the lease of a thread's summary for so long, or give it back (0); False when another holds it.

        It spares a model's work being done twice. What a flush writes is guarded by the version alone.
        """
        ...

    async def indexed(self, pos: int) -> bool:
        """True when every outbox partition is empty or starts behind `pos`."""
        ...

    async def working(self, *, thread: str | None, owner: str | None) -> WorkingDocument: ...

    async def set_working(
        self,
        content: bytes | None,
        *,
        thread: str | None,
        owner: str | None,
        if_match: int | None,
        ttl_ms: int | None,
        how: Writing = PLAINLY,
    ) -> Outcome:
        """Replace (or delete, content None) a document; `version` in the outcome is the document's own.

        A thread's document lives as long as its thread, which is created when absent; an owner's for `ttl_ms`.
        """
        ...

    async def touch_document(self, owner: str, ttl_ms: int) -> bool:
        """Refresh an owner's document after a read; True when its expiry moved, which takes a grain (1 s, ttl/1024)."""
        ...

    async def answered(self, key: IdempotencyKey) -> Outcome | None:
        """What was answered under a key (`replayed`, or `idempotency_mismatch`), None when nothing was."""
        ...

    async def working_at(self, version: int, *, thread: str | None, owner: str | None) -> bytes | None:
        """A document's content at a version that a keyed change gave it, None when that is no longer known."""
        ...

    async def reserve(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> Reservation:
        """Reserve a key for a request of several steps; `token` (8 bytes) names who holds it."""
        ...

    async def renew(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> bool:
        """Hold a reservation longer; False when it lapsed and is another's."""
        ...

    async def conclude(self, key: IdempotencyKey, token: bytes, answer: bytes) -> bool:
        """End a reservation with the answer that is repeated from now on; False when it was lost."""
        ...

    async def release(self, key: IdempotencyKey, token: bytes) -> None:
        """End a reservation without an answer."""
        ...

    async def check(
        self, candidates: Sequence[Candidate], audience: Audience, *, before: int, after: int
    ) -> list[Checked | None]:
        """One script with Redis TIME: candidate by candidate what lives and may be seen, in the order given."""
        ...

    async def newest(self, audience: Audience, *, most: int) -> list[Checked]:
        """The newest messages of the given thread or owner, for recall without a vector store."""
        ...

    async def owners(self, *, after: str | None, limit: int) -> tuple[list[Owner], bool]:
        """A page of the memory's owners in order of name, and whether there are more."""
        ...

    async def owned(self, owner: str) -> list[tuple[str, int]]:
        """Every thread of an owner, and its incarnation."""
        ...

    async def forget(self, owner: str, *, cursor: int, erase: bool) -> Forgotten:
        """One bounded step of erasing an owner (threads with all they have, document, backups), or of looking only.

        Steps go on at the cursor of the one before, from 0, until it is None and no thread is left.
        """
        ...

    async def born(self, after: int, most: int) -> list[tuple[int, str]]:
        """Incarnations greater than `after`, in order of creation, and their threads."""
        ...

    async def snapshot(self, thread: str, most_bytes: int) -> Snapshot | None:
        """The thread with all it has, at one instant; its messages only where they have at most `most_bytes`."""
        ...

    async def message_expiries(self, thread: str, seqs: Sequence[int]) -> dict[int, int]:
        """Own expiries of messages, by seq, of those that have one."""
        ...

    async def owner_documents(self, owners: Sequence[str]) -> list[OwnerDocument]:
        """Working memory of those owners that have some."""
        ...

    async def stage(self, token: str, drafts: Sequence[Draft]) -> int:
        """Keep messages for an Import that names the token, behind those kept before; answers how many there are."""
        ...

    async def land(self, threads: Sequence[Import]) -> list[Outcome | Unavailable]:
        """Import up to 32 threads in one script call, in order: each as a whole, none behind one that is refused."""
        ...

    async def admit(self, per_second: int) -> bool:
        """Count a request against the memory's rate, shared by all replicas; False when it is over."""
        ...


class Outbox(Protocol):
    """The worker's side of one memory's log."""

    async def lease(self, partition: int, token: str, *, ttl_ms: int) -> bool:
        """Take or renew the partition's lease; False when another worker holds it."""
        ...

    async def release(self, partition: int, token: str) -> None: ...

    async def pending(self, partition: int, *, most: int) -> list[OutboxEntry]: ...

    async def wait(self, *, timeout_ms: int) -> None:
        """Return when something was written to any partition since the last return, or after the time.

        What was written while nobody waited ends the next wait at once. The memories of a process wait together on one
        connection (one XREAD over all their streams), so that twenty of them do not wait for each other.
        """
        ...

    async def texts(self, candidates: Sequence[Candidate]) -> list[LiveText | None]: ...

    async def acknowledge(self, partition: int, token: str, upto: str, dead: Sequence[DeadLetter] = ()) -> bool:
        """Trim entries up to and including `upto`, if the lease is still ours; False when it is not."""
        ...

    async def dead(self, *, cursor: str | None, limit: int) -> tuple[list[DeadLetter], str | None]: ...

    async def replay(self, ids: Sequence[str] | None) -> int: ...

    async def discard(self, ids: Sequence[str]) -> None:
        """Drop dead letters."""
        ...

    async def reap(self, *, most: int) -> Expired:
        """Expire up to `most` due threads and messages: data, counters, indexes and outbox entries in one script."""
        ...

    async def enqueue(self, candidates: Sequence[Candidate]) -> int:
        """Put living messages on the outbox again (the auditor found their vectors missing)."""
        ...

    def walk(self, *, most: int) -> AsyncIterator[Facts]:
        """Every living thread of the memory, in id order, `most` a step (for the auditor)."""
        ...

    async def erase(self) -> dict[str, int]:
        """Remove every key of the memory in bounded steps; returns what remains, counted anew (all zero = done)."""
        ...


class Embedder(Protocol):
    """Text to vectors. `name` labels metrics, `dimensions` is what it really returns (0 until first asked)."""

    name: str
    dimensions: int

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), finite, in the order given."""
        ...


class QueryEmbedder(Protocol):
    """A question to vectors, for one memory. The HTTP process asks the worker over its socket."""

    @property
    def circuit(self) -> Circuit:
        """Whether this process asks the embedder, fails at once, or lets one call find out."""
        ...

    async def query(self, text: str, *, meaning: bool = True) -> QueryVectors:
        """Never raises for an embedder that is away: the answer says what is missing and why.

        Without `meaning` only words are asked for, which needs no embedder.
        """
        ...


class Summarizer(Protocol):
    """A chat model that sums up what leaves a thread."""

    @property
    def circuit(self) -> Circuit: ...

    async def complete(self, instructions: str, text: str, *, tokens: int) -> str:
        """What the model says of a text, in at most so many of its own tokens. Raises SummaryFailed."""
        ...


class VectorIndex(Protocol):
    """One memory's collection: it only proposes; ThreadStore.check decides (data-engine.md, invariant 1).

    Raises VectorUnavailable when the store is away, refuses the key, or does not know the collection yet.
    """

    @property
    def circuit(self) -> Circuit:
        """Whether this process asks the vector store, fails at once, or lets one call find out."""
        ...

    async def search(self, what: Search) -> Proposals: ...

    async def count(self) -> int:
        """Points of the serving collection, exactly."""
        ...

    async def count_thread(self, incarnation: int) -> int:
        """Points of one incarnation of a thread, exactly."""
        ...

    async def count_of(self, *, owner: str | None = None, incarnations: Sequence[int] = ()) -> int:
        """Points of an owner, or of some incarnations of threads, exactly."""
        ...

    async def ping(self) -> None:
        """Return when the collection answers."""
        ...

    async def drop(self) -> int:
        """Erase every version of the collection and its aliases; returns points that remain (0 = done)."""
        ...


class VectorWriter(VectorIndex, Protocol):
    """The worker's side of a collection."""

    async def upsert(self, points: Sequence[Point]) -> None: ...

    async def remove(self, what: Removals) -> None: ...

    async def scroll(self, *, cursor: str | None, most: int) -> tuple[list[Candidate], str | None]:
        """A page of the candidates that have points, and where the next one starts (None at the end)."""
        ...

    async def present(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those of some candidates that have points."""
        ...
