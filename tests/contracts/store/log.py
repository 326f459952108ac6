"""A memory of a test's own, with short words for what tests do to it."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import msgspec
from memory_service.adapters.redis.outbox import RedisOutbox
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.adapters.redis.stores import RedisStores
from memory_service.model.facts import MessagePage, Slice
from memory_service.model.mutations import Append, Outcome
from memory_service.model.outbox import OutboxEntry
from memory_service.model.values import Draft, Guard, IdempotencyKey, Role
from memory_service.policies.retention import Policy

from tests.contracts.store.servers import Server

_numbers = itertools.count(1)
HOUR = 3_600_000
UNGUARDED = Guard()


def draft(text: str = "hi", role: Role = "user", *, at: str = "2026-01-01T00:00:00.000Z", **expiry: int) -> Draft:
    """A message about to be stored; its cost is a token a character."""
    tail = f'"role":"{role}","content":{msgspec.json.encode(text).decode()},"timestamp":"{at}"}}'
    return Draft(role, tail.encode(), len(text), **expiry)


def drafts(*texts: str) -> tuple[Draft, ...]:
    """Messages of a user."""
    return tuple(draft(text) for text in texts)


def keyed(name: str, body: str = "body") -> Guard:
    """A guard with an idempotency key."""
    return Guard(key=IdempotencyKey(name.encode().ljust(16, b"."), body.encode().ljust(8, b".")))


def texts(messages: list[bytes]) -> list[str]:
    """What stored messages say."""
    return [msgspec.json.decode(message)["content"] for message in messages]


@dataclass
class Log:
    """One memory: its store and outbox, and a look behind them."""

    store: RedisThreadStore
    outbox: RedisOutbox
    stores: RedisStores
    server: Server
    memory_id: str

    @classmethod
    def new(cls, stores: RedisStores, server: Server, **policy: Any) -> Log:
        """A memory that no other test knows."""
        return cls.open(stores, server, f"m{next(_numbers)}", **policy)

    @classmethod
    def open(cls, stores: RedisStores, server: Server, memory_id: str, **policy: Any) -> Log:
        """A memory by id."""
        store, outbox = stores.open_with(memory_id, Policy(**policy))
        return cls(store, outbox, stores, server, memory_id)

    def with_policy(self, **policy: Any) -> Log:
        """The same memory under another policy."""
        return Log.open(self.stores, self.server, self.memory_id, **policy)

    async def append(self, thread: str, *messages: str | Draft, guard: Guard = UNGUARDED) -> Outcome:
        """Append messages, texts being a user's."""
        given = tuple(draft(each) if isinstance(each, str) else each for each in messages)
        return await self.store.mutate(Append(thread, given, guard))

    async def page(self, thread: str, **what: Any) -> MessagePage:
        """A page of a thread."""
        return await self.store.read(thread, Slice(**what))

    async def texts(self, thread: str, **what: Any) -> list[str]:
        """What a page of a thread says."""
        return texts((await self.page(thread, **what)).messages)

    async def entries(self) -> list[OutboxEntry]:
        """Everything on the outbox, in order of position."""
        every = await asyncio.gather(*(self.outbox.pending(number, most=10_000) for number in range(4)))
        return sorted(itertools.chain.from_iterable(every), key=lambda entry: entry.pos)

    def key_names(self) -> list[str]:
        """Every physical key of the memory."""
        with self.server.admin() as admin:
            return sorted(key.decode() for key in admin.keys(f"{{*/{self.memory_id}}}:*"))
