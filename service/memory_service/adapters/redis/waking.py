"""Waking the worker: one blocking read over the outbox streams of every memory, on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from memory_service.adapters.redis.connection import Connection
from memory_service.errors import Unavailable
from memory_service.keys import Keys

BLOCK_MS: Final = 1_000
"""Longest blocking read; a memory that begins to wait is in the next one."""
_PAUSE_SECONDS: Final = 0.002
"""Between a wake-up and the next look: what comes in a burst wakes once."""
_AWAY_SECONDS: Final = 0.5


class Waker:
    """Sets a memory's event when something was written to its outbox since it was last set."""

    def __init__(self, blocking: Connection, plain: Connection) -> None:
        self._blocking = blocking
        self._plain = plain
        self._seen: dict[str, str] = {}
        self._events: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, keys: Keys, *, timeout_ms: int) -> None:
        """Return once any partition was written to since the last return, or after the time.

        The first wait returns at once if there is a backlog. Nothing is missed between reading the outbox and waiting,
        because what was seen is remembered from before that reading.
        """
        event = self._watch(keys)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1_000):
                await event.wait()
        event.clear()

    def forget(self, keys: Keys) -> None:
        """Stop watching a memory that is gone."""
        for key in keys.outboxes():
            self._seen.pop(key, None)
            self._events.pop(key, None)

    async def close(self) -> None:
        """Stop watching altogether."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _watch(self, keys: Keys) -> asyncio.Event:
        outboxes = keys.outboxes()
        event = self._events.get(outboxes[0])
        if event is None:
            event = asyncio.Event()
            for key in outboxes:
                self._events[key] = event
                self._seen[key] = "0-0"
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="redis:waker")
        return event

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Unavailable:
                # The worker's own reads tell that Redis is away; here it only means to try again.
                await asyncio.sleep(_AWAY_SECONDS)

    async def _look(self) -> None:
        keys = list(self._seen)
        places = [self._seen[key] for key in keys]
        written = await self._blocking.call("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", *keys, *places)
        if not written:
            return
        await asyncio.sleep(_PAUSE_SECONDS)
        streams = [key.decode() for key in written]
        ends = await self._plain.pipeline([("XREVRANGE", key, "+", "-", "COUNT", 1) for key in streams])
        self._note(streams, ends, written)

    def _note(
        self, streams: Sequence[str], ends: Sequence[list[list[bytes]]], written: dict[bytes, list[list[bytes]]]
    ) -> None:
        """Remember how far each stream goes, and wake those who wait for it."""
        for key, end in zip(streams, ends, strict=True):
            if key in self._seen:
                last = end[0][0] if end else written[key.encode()][0][0]
                self._seen[key] = last.decode()
                self._events[key].set()
