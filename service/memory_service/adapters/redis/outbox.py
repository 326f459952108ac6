"""Outbox on Redis: the worker's side of one memory's log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from memory_service.adapters.redis import codec, entries
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.adapters.redis.waking import Waker
from memory_service.errors import Refused
from memory_service.keys import Keys, parse_message_id
from memory_service.model.facts import Facts, ThreadQuery
from memory_service.model.outbox import DeadLetter, Expired, LiveText, OutboxEntry
from memory_service.model.search import Audience, Candidate
from memory_service.policies.retention import Policy

DEAD_LETTERS: Final = 1_000
"""Dead letters kept; beyond that the oldest go."""
REAPED: Final = 1_000
ENQUEUED: Final = 1_000
ERASED: Final = 500
SCANNED: Final = 10_000
_EVERYONE: Final = Audience(any_owner=True)
_decode_letter: Final = msgspec.msgpack.Decoder(DeadLetter).decode
_STREAM_ID: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")


class RedisOutbox:
    """What the worker of one memory reads, and tells when it is done."""

    def __init__(
        self, connection: Connection, keys: Keys, policy: Policy, store: RedisThreadStore, waker: Waker
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = codec.pack_policy(policy)
        self._store = store
        self._waker = waker

    async def lease(self, partition: int, token: str, *, ttl_ms: int) -> bool:
        """Take or renew the partition's lease; False when another worker holds it."""
        return bool(await self._lease(partition, token, ttl_ms))

    async def release(self, partition: int, token: str) -> None:
        """Give the lease back, if it is ours."""
        await self._lease(partition, token, 0)

    async def _lease(self, partition: int, token: str, ttl_ms: int) -> int:
        keys = [self._keys.memory, self._keys.key("lease", partition)]
        taken: int = await self._connection.run("lease", keys, [token, ttl_ms], write=False)
        return taken

    async def pending(self, partition: int, *, most: int) -> list[OutboxEntry]:
        """The oldest entries; `most` counts batches as they were written, so there may be more operations than that."""
        rows = await self._connection.call("XRANGE", self._keys.key("outbox", partition), "-", "+", "COUNT", most)
        return [entry for row in rows for entry in entries.decode(row[0].decode(), row[1][1])]

    async def wait(self, *, timeout_ms: int) -> None:
        """Return once something was written to any partition since the last return, or after the time."""
        await self._waker.wait(self._keys, timeout_ms=timeout_ms)

    async def texts(self, candidates: Sequence[Candidate]) -> list[LiveText | None]:
        """Stored bytes and owner of each message that still lives."""
        if not candidates:
            return []
        found = await self._store.check(candidates, _EVERYONE, before=0, after=0)
        return [LiveText(live.candidate, live.owner, live.message) if live else None for live in found]

    async def acknowledge(self, partition: int, token: str, upto: str, dead: Sequence[DeadLetter] = ()) -> bool:
        """Trim entries up to and including `upto`, if the lease is still ours; False when it is not."""
        letters = [msgspec.msgpack.encode(letter) for letter in dead]
        args: list[Argument] = [partition, token, upto, DEAD_LETTERS, *letters]
        return bool(await self._connection.run("acknowledge", [self._keys.memory], args, write=False))

    async def dead(self, *, cursor: str | None, limit: int) -> tuple[list[DeadLetter], str | None]:
        """Dead letters, the oldest first. Raises Refused `invalid_cursor`."""
        if cursor is not None and _STREAM_ID.fullmatch(cursor) is None:
            raise Refused("invalid_cursor", "the cursor is not one of this list; begin again without one")
        low = f"({cursor}" if cursor else "-"
        rows = await self._connection.call("XRANGE", self._keys.key("dead"), low, "+", "COUNT", limit + 1)
        letters = [_letter(row) for row in rows[:limit]]
        return letters, letters[-1].id if len(rows) > limit else None

    async def replay(self, ids: Sequence[str] | None) -> int:
        """Put dead letters' messages on the outbox again: those named, or all; answers how many there were."""
        letters, _ = await self.dead(cursor=None, limit=DEAD_LETTERS)
        chosen = [letter for letter in letters if ids is None or letter.id in set(ids)]
        parsed = [(letter.thread, parse_message_id(letter.message_id)) for letter in chosen]
        await self.enqueue([Candidate(thread, *numbers) for thread, numbers in parsed if numbers is not None])
        # Only now: a crash in between puts them on the outbox once more, which does no harm.
        await self.discard([letter.id for letter in chosen])
        return len(chosen)

    async def discard(self, ids: Sequence[str]) -> None:
        """Drop dead letters."""
        if ids:
            await self._connection.call("XDEL", self._keys.key("dead"), *ids, write=True)

    async def reap(self, *, most: int) -> Expired:
        """Expire up to `most` due threads and messages, in one script."""
        args: list[Argument] = [self._policy, min(most, REAPED)]
        threads, messages, corrected, repaired, more, *rest = await self._connection.run(
            "reap", [self._keys.memory], args, write=True
        )
        return Expired(threads, messages, corrected, repaired, bool(more), *rest)

    async def enqueue(self, candidates: Sequence[Candidate]) -> int:
        """Put messages of living incarnations on the outbox again."""
        put = 0
        for at in range(0, len(candidates), ENQUEUED):
            chunk = candidates[at : at + ENQUEUED]
            flat: list[Argument] = [value for each in chunk for value in (each.thread, each.incarnation, each.seq)]
            put += await self._connection.run("enqueue", [self._keys.memory], flat, write=True)
        return put

    async def walk(self, *, most: int) -> AsyncIterator[Facts]:
        """Every living thread, in order of id, `most` a step."""
        cursor: str | None = None
        while True:
            page = await self._store.threads(ThreadQuery(limit=most, cursor=cursor, max_scan=max(most, SCANNED)))
            for facts in page.threads:
                yield facts
            cursor = page.next_cursor
            if cursor is None:
                return

    async def erase(self) -> dict[str, int]:
        """Remove every key of the memory, in bounded steps; answers what remains, all zero when it is done."""
        while True:
            threads, owners, backups, others = await self._connection.run(
                "erase", [self._keys.memory], [ERASED], write=False
            )
            if not threads + owners + backups:
                self._waker.forget(self._keys)
                return {"threads": threads, "owners": owners, "backups": backups, "keys": others}


def _letter(row: tuple[bytes, list[bytes]]) -> DeadLetter:
    letter_id, fields = row
    return replace(_decode_letter(fields[1]), id=letter_id.decode())
