"""Outbox on Redis: the worker's side of one memory's log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from memory_service.adapters.redis import entries
from memory_service.adapters.redis.connection import Connection
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.keys import Keys
from memory_service.model import Audience, Candidate, DeadLetter, LiveText, OutboxEntry

DEAD_LETTERS = 1_000
"""Dead letters kept; beyond that the oldest go."""
_EVERYONE = Audience(any_owner=True)


class RedisOutbox:
    """What the worker of one memory reads, and tells when it is done."""

    def __init__(self, connection: Connection, keys: Keys, store: RedisThreadStore) -> None:
        self._connection = connection
        self._keys = keys
        self._store = store

    async def lease(self, partition: int, token: str, *, ttl_ms: int) -> bool:
        """Take or renew the partition's lease; False when another worker holds it."""
        return bool(await self._lease(partition, token, ttl_ms))

    async def release(self, partition: int, token: str) -> None:
        """Give the lease back, if it is ours."""
        await self._lease(partition, token, 0)

    async def _lease(self, partition: int, token: str, ttl_ms: int) -> int:
        taken: int = await self._connection.run("lease", [self._keys.memory], [partition, token, ttl_ms], write=False)
        return taken

    async def pending(self, partition: int, *, most: int) -> list[OutboxEntry]:
        """The oldest entries; `most` counts batches as they were written, so there may be more operations than that."""
        rows = await self._connection.call("XRANGE", self._keys.key("outbox", partition), "-", "+", "COUNT", most)
        return [entry for row in rows for entry in entries.decode(row[0].decode(), row[1][1])]

    async def texts(self, candidates: Sequence[Candidate]) -> list[LiveText | None]:
        """Stored bytes and owner of each message that still lives."""
        if not candidates:
            return []
        found = await self._store.check(candidates, _EVERYONE, before=0, after=0)
        return [LiveText(live.candidate, live.owner, live.message) if live else None for live in found]

    async def acknowledge(self, partition: int, token: str, upto: str, dead: Sequence[DeadLetter] = ()) -> bool:
        """Trim entries up to and including `upto`, if the lease is still ours; False when it is not."""
        letters = [msgspec.msgpack.encode(letter) for letter in dead]
        args = [partition, token, upto, DEAD_LETTERS, *letters]
        return bool(await self._connection.run("acknowledge", [self._keys.memory], args, write=False))
