"""When messages of a thread were last read, for the flush that takes the least recently used."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from memory_service.adapters.redis.connection import Argument, Connection
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
        """Note that these messages are read now, in one script. A full Redis notes nothing, and reads go on."""
        args: list[Argument] = [FRESH_MS]
        for (thread, incarnation), read in groupby(messages, key=lambda each: (each.thread, each.incarnation)):
            seqs = [each.seq for each in read]
            for at in range(0, len(seqs), STEP):
                some = seqs[at : at + STEP]
                args += [thread, incarnation, struct.pack(f"<{len(some)}I", *some)]
        if len(args) > 1:
            with suppress(StorageFull):
                await self._connection.run("used", [self._keys.memory], args, write=False)

    async def of(self, thread: str) -> dict[int, int]:
        """When each message was read, by seq, in milliseconds; one that never was is missing."""
        rows = await self._connection.call("ZRANGE", self._keys.key("accesses", thread), 0, -1, "WITHSCORES")
        return {int(row[0]): int(float(row[1])) for row in rows}
