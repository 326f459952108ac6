"""When messages of a thread were last read, for the flush that takes the least recently used."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from memory_service.adapters.redis.connection import Argument, Command, Connection
from memory_service.adapters.redis.reading import milliseconds
from memory_service.errors import StorageFull
from memory_service.keys import Keys
from memory_service.model.search import Candidate

FRESH_MS: Final = 60_000
"""A time of access this young is left as it is, so that a thread that is read all the time costs a write a minute."""
STEP: Final = 2_000
"""Messages of one thread that a script notes at once."""


class Accesses:
    """Times of access in one memory: a sorted set a thread, which lives as long as the thread's messages do."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def note(self, messages: Sequence[Candidate]) -> None:
        """Note that these messages are read now, in one script if any is not fresh. A full Redis notes nothing."""
        read = [(where, [each.seq for each in some]) for where, some in groupby(messages, key=_thread)]
        steps = [(where, seqs[at : at + STEP]) for where, seqs in read for at in range(0, len(seqs), STEP)]
        looks: list[Command] = [("ZMSCORE", self._keys.key("accesses", where[0]), *seqs) for where, seqs in steps]
        if not looks:
            return
        # Nearly always all are fresh, and plain commands see that at less than half of the script's price.
        clock, *known = await self._connection.pipeline([("TIME",), *looks])
        oldest = milliseconds(clock) - FRESH_MS
        args: list[Argument] = [FRESH_MS]
        for (where, seqs), times in zip(steps, known, strict=True):
            stale = [seq for seq, time in zip(seqs, times, strict=True) if time is None or float(time) <= oldest]
            if stale:
                args += [*where, struct.pack(f"<{len(stale)}I", *stale)]
        if len(args) > 1:
            with suppress(StorageFull):
                await self._connection.run("used", [self._keys.memory], args, write=False)

    async def of(self, thread: str) -> dict[int, int]:
        """When each message was read, by seq, in milliseconds; one that never was is missing."""
        rows = await self._connection.call("ZRANGE", self._keys.key("accesses", thread), 0, -1, "WITHSCORES")
        return {int(row[0]): int(float(row[1])) for row in rows}


def _thread(message: Candidate) -> tuple[str, int]:
    return message.thread, message.incarnation
