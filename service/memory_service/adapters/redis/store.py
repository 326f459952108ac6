"""ThreadStore on Redis: the facade over batches, reads, listings and the recall check of one memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Final, TypeVar

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.batching import Batcher
from memory_service.adapters.redis.connection import Connection
from memory_service.adapters.redis.reading import Due, Reader
from memory_service.adapters.redis.totals import read_totals
from memory_service.errors import StorageUnavailable
from memory_service.keys import Keys, parse_message_id
from memory_service.model import (
    Append,
    Audience,
    Candidate,
    Checked,
    Facts,
    MessagePage,
    Mutation,
    Outcome,
    Slice,
    Totals,
)
from memory_service.policies.retention import Policy

T = TypeVar("T")
_EVERYONE: Final = Audience(any_owner=True)
_PURGES: Final = 16


class RedisThreadStore:
    """One memory's log. Bound to its current policy; another policy is another store on the same connection."""

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy
        self._batcher = Batcher(connection, keys, policy)
        self._reader = Reader(connection, keys, policy.ttl_ms)

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

    async def totals(self) -> Totals:
        """The memory in numbers."""
        return await read_totals(self._connection, self._keys)

    async def indexed(self, pos: int) -> bool:
        """True when every outbox partition is empty or starts behind `pos`."""
        commands = [("XRANGE", key, "-", "+", "COUNT", 1) for key in self._keys.outboxes()]
        for entries in await self._connection.transaction(commands):
            if entries and int(entries[0][0].split(b"-")[0]) <= pos:
                return False
        return True

    async def check(
        self, candidates: Sequence[Candidate], audience: Audience, *, before: int, after: int
    ) -> list[Checked | None]:
        """Candidate by candidate, what lives and may be seen at one instant."""
        flags = audience.any_owner | audience.ownerless << 1
        flags |= (audience.thread is not None) << 2 | (audience.owner is not None) << 3
        flat = chain.from_iterable((c.thread, c.incarnation, c.seq) for c in candidates)
        args = [flags, audience.thread or "", audience.owner or "", before, after, *flat]
        replies = await self._connection.run("check", [self._keys.memory], args, write=False)
        return [_checked(candidate, reply) for candidate, reply in zip(candidates, replies, strict=True)]

    async def _purged(self, thread: str, read: Callable[[], Awaitable[T]]) -> T:
        """Read, after purging messages that expired: an empty append does that, as every mutation does."""
        for _ in range(_PURGES):
            try:
                return await read()
            except Due:
                await self.mutate(Append(thread, ()))
        raise StorageUnavailable("messages of this thread expire faster than they can be removed; try again")


def _checked(candidate: Candidate, reply: list[object] | None) -> Checked | None:
    if reply is None:
        return None
    owner, place, *messages = reply
    assert isinstance(place, int)
    stored = [message for message in messages if isinstance(message, bytes)]
    name = owner.decode() if isinstance(owner, bytes) else None
    return Checked(candidate, name, stored[place], stored[:place], stored[place + 1 :])
