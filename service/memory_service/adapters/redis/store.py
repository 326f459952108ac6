"""ThreadStore on Redis: the facade over batches, reads, listings and the recall check of one memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.accesses import Accesses
from memory_service.adapters.redis.archive import Archive
from memory_service.adapters.redis.batching import Batcher
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.documents import Documents, document_of
from memory_service.adapters.redis.headers import decode_header
from memory_service.adapters.redis.listing import Lister
from memory_service.adapters.redis.owners import Owners
from memory_service.adapters.redis.reading import Due, Reader, message_numbers, milliseconds, stale
from memory_service.adapters.redis.reservations import Reservations
from memory_service.adapters.redis.tallies import tally
from memory_service.adapters.redis.totals import read_totals
from memory_service.errors import StorageUnavailable, Unavailable
from memory_service.keys import Keys, parse_message_id
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
from memory_service.model.mutations import Append, Import, Mutation, Outcome
from memory_service.model.search import Audience, Candidate, Checked
from memory_service.model.values import PLAINLY, Draft, IdempotencyKey, Reservation, Writing
from memory_service.policies.retention import Policy

T = TypeVar("T")
_EVERYONE: Final = Audience(any_owner=True)
_PURGES: Final = 16
_SCANNED_THREADS: Final = 1_000


class RedisThreadStore:
    """One memory's log. Bound to its current policy; another policy is another store on the same connection."""

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy
        self._batcher = Batcher(connection, keys, policy)
        self._reader = Reader(connection, keys, policy)
        self._lister = Lister(connection, keys, policy, self.facts)
        self._documents = Documents(connection, keys, policy)
        self._owners = Owners(connection, keys)
        self._reservations = Reservations(connection, keys)
        self._accesses = Accesses(connection, keys)
        self._archive = Archive(connection, keys)

    async def mutate(self, mutation: Mutation) -> Outcome:
        """Apply one mutation atomically, grouped with others of this memory."""
        return await self._batcher.submit(codec.encode(mutation, self._keys))

    async def facts(self, thread: str) -> Facts:
        """The thread as it is now."""
        return await self._purged(thread, lambda: self._reader.facts(thread))

    async def read(self, thread: str, what: Slice) -> MessagePage:
        """A page of the thread's messages."""
        return await self._purged(thread, lambda: self._reader.read(thread, what))

    async def message(self, thread: str, message_id: str) -> bytes | None:
        """The stored bytes of one living message."""
        if (parsed := parse_message_id(message_id)) is None:
            return None
        found = await self.check([Candidate(thread, *parsed)], _EVERYONE, before=0, after=0)
        return found[0].message if found[0] is not None else None

    @property
    def circuit(self) -> Circuit:
        """The state of the way to Redis."""
        return self._connection.circuit

    async def threads(self, query: ThreadQuery) -> ThreadPage:
        """A page of the memory's threads. Raises Refused `invalid_cursor`."""
        return await self._lister.page(query)

    async def touch(self, thread: str) -> bool:
        """Refresh the thread's expiry after a read, where the policy says so; True when it moved."""
        if self._policy.refresh != "read":
            return False
        clock, raw = await self._connection.pipeline([("TIME",), ("GET", self._keys.header(thread))])
        if raw is None or not stale(self._policy, decode_header(raw), milliseconds(clock)):
            return False
        return (await self._batcher.submit(codec.encode(codec.Touch(thread), self._keys))).refreshed

    async def used(self, messages: Sequence[Candidate]) -> None:
        """Note that messages are read now, to a minute."""
        await self._accesses.note(messages)

    async def recount(self, thread: str) -> bool:
        """Bring a thread's counters, and the memory's, in step with its messages; True where they were not."""
        keys = [self._keys.memory, self._keys.header(thread)]
        return bool(await self._connection.run("recount", keys, [], write=True))

    async def last_used(self, thread: str) -> dict[int, int]:
        """When each message was last read, by seq."""
        return await self._accesses.of(thread)

    async def summarising(self, thread: str, token: str, *, ttl_ms: int) -> bool:
        """Take the lease of a thread's summary, or give it back (0); False when another holds it."""
        keys = [self._keys.memory, self._keys.key("summarising", thread)]
        return bool(await self._connection.run("lease", keys, [token, ttl_ms], write=False))

    async def working(self, *, thread: str | None, owner: str | None) -> WorkingDocument:
        """The working-memory document of a thread or an owner."""
        return await self._documents.get(document_of(thread, owner))

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
        """Replace or delete (content None) that document."""
        place = document_of(thread, owner)
        return await self._documents.set(content, place, if_match=if_match, ttl_ms=ttl_ms, how=how)

    async def touch_document(self, owner: str, ttl_ms: int) -> bool:
        """Refresh an owner's document after a read; True when its expiry moved."""
        return await self._documents.touch(owner, ttl_ms)

    async def answered(self, key: IdempotencyKey) -> Outcome | None:
        """What was answered under a key, None when nothing was."""
        return await self._documents.answered(key)

    async def working_at(self, version: int, *, thread: str | None, owner: str | None) -> bytes | None:
        """That document's content at a version that a keyed change gave it."""
        return await self._documents.at(version, document_of(thread, owner))

    async def owners(self, *, after: str | None, limit: int) -> tuple[list[Owner], bool]:
        """A page of the memory's owners in order of name, and whether there are more."""
        return await self._owners.page(after=after, limit=limit)

    async def owned(self, owner: str) -> list[tuple[str, int]]:
        """Every thread of an owner, and its incarnation."""
        return await self._owners.threads(owner)

    async def forget(self, owner: str, *, cursor: int, erase: bool) -> Forgotten:
        """One bounded step of erasing an owner, or of looking for what is left."""
        return await self._owners.forget(owner, cursor=cursor, erase=erase)

    async def born(self, after: int, most: int) -> list[tuple[int, str]]:
        """Incarnations greater than `after` and their threads, in order of creation."""
        return await self._archive.born(after, most)

    async def snapshot(self, thread: str, most_bytes: int) -> Snapshot | None:
        """The thread with all it has, at one instant; None when it is absent."""
        return await self._archive.snapshot(thread, most_bytes)

    async def message_expiries(self, thread: str, seqs: Sequence[int]) -> dict[int, int]:
        """The messages' own expiries, by seq."""
        return await self._archive.expiries(thread, seqs)

    async def owner_documents(self, owners: Sequence[str]) -> list[OwnerDocument]:
        """Working memory of those owners that have some."""
        return await self._archive.documents(owners)

    async def stage(self, token: str, drafts: Sequence[Draft]) -> int:
        """Keep a part of a thread that is to be imported."""
        return await self._archive.stage(token, drafts)

    async def reserve(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> Reservation:
        """Reserve a key for a request of several steps."""
        return await self._reservations.take(key, token, lease_ms)

    async def renew(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> bool:
        """Hold a reservation longer; False when it was lost."""
        return await self._reservations.renew(key, token, lease_ms)

    async def conclude(self, key: IdempotencyKey, token: bytes, answer: bytes) -> bool:
        """End a reservation with the answer that is repeated from now on; False when it was lost."""
        return await self._reservations.keep(key, token, answer)

    async def release(self, key: IdempotencyKey, token: bytes) -> None:
        """End a reservation without an answer."""
        await self._reservations.drop(key, token)

    async def land(self, threads: Sequence[Import]) -> list[Outcome | Unavailable]:
        """Import threads in one step; those behind one that is refused are `busy`."""
        return await self._batcher.together([codec.encode(thread, self._keys) for thread in threads])

    async def admit(self, per_second: int) -> bool:
        """Whether one more request fits `per_second`, over all replicas."""
        return bool(await self._connection.run("admit", [self._keys.memory], [per_second], write=False))

    async def totals(self) -> Totals:
        """The memory in numbers."""
        return await read_totals(self._connection, self._keys)

    async def tally(self, place: Place | None, *, thread: str | None = None, most: int) -> Tally:
        """One bounded step of adding messages up."""
        return await tally(self._connection, self._keys, place, thread=thread, most=most)

    async def indexed(self, pos: int) -> bool:
        """True when every outbox partition is empty or starts behind `pos`."""
        commands = [("XRANGE", key, "-", "+", "COUNT", 1) for key in self._keys.outboxes()]
        for entries in await self._connection.pipeline(commands):
            if entries and int(entries[0][0].split(b"-")[0]) <= pos:
                return False
        return True

    async def check(
        self, candidates: Sequence[Candidate], audience: Audience, *, before: int, after: int
    ) -> list[Checked | None]:
        """Candidate by candidate, what lives and may be seen at one instant."""
        flags = audience.any_owner | audience.ownerless << 1
        flags |= (audience.thread is not None) << 2 | (audience.owner is not None) << 3
        flat: list[Argument] = [value for each in candidates for value in (each.thread, each.incarnation, each.seq)]
        args: list[Argument] = [flags, audience.thread or "", audience.owner or "", before, after, *flat]
        replies = await self._connection.run("check", [self._keys.memory], args, write=False)
        return [_checked(candidate, reply) for candidate, reply in zip(candidates, replies, strict=True)]

    async def newest(self, audience: Audience, *, most: int) -> list[Checked]:
        """The newest messages of the given thread or owner, newest first; nothing when neither is given."""
        threads = await self._audience_threads(audience)
        found: list[Checked] = []
        for facts in threads:
            if len(found) >= most:
                break
            for message in await self._recent(facts.thread, most - len(found)):
                candidate = Candidate(facts.thread, *message_numbers(message))
                found.append(Checked(candidate, facts.owner, message, [], []))
        return found

    async def _audience_threads(self, audience: Audience) -> list[Facts]:
        """The threads that a scan may look into, the last written first."""
        if audience.thread is not None:
            facts = await self.facts(audience.thread)
            return [facts] if facts.exists and _visible(audience, facts.owner) else []
        if audience.owner is None:
            return []
        page = await self._lister.page(ThreadQuery(owner=audience.owner, limit=_SCANNED_THREADS))
        return sorted(page.threads, key=lambda facts: -facts.version)

    async def _recent(self, thread: str, most: int) -> list[bytes]:
        """The newest messages of a thread, newest first, over as many pages as that takes."""
        found: list[bytes] = []
        before: str | None = None
        while len(found) < most:
            page = await self.read(thread, Slice(limit=most - len(found), before=before, newest_first=True))
            found += page.messages
            if page.next_seq is None:
                break
            before = f"{page.incarnation}-{page.next_seq}"
        return found

    async def _purged(self, thread: str, read: Callable[[], Awaitable[T]]) -> T:
        """Read, after purging messages that expired: an empty append does that, as every mutation does."""
        for _ in range(_PURGES):
            try:
                return await read()
            except Due:
                await self.mutate(Append(thread, ()))
        raise StorageUnavailable("messages of this thread expire faster than they can be removed; try again")


def _visible(audience: Audience, owner: str | None) -> bool:
    if audience.any_owner:
        return True
    return audience.ownerless if owner is None else owner == audience.owner


def _checked(candidate: Candidate, reply: list[object] | None) -> Checked | None:
    if reply is None:
        return None
    owner, place, *messages = reply
    assert isinstance(place, int)
    stored = [message for message in messages if isinstance(message, bytes)]
    name = owner.decode() if isinstance(owner, bytes) else None
    return Checked(candidate, name, stored[place], stored[:place], stored[place + 1 :])
