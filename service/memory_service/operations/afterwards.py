"""Flushes that wait for a model: they go on after the answer of the write that made them due.

Nothing has to be remembered: what is cancelled with the process, or finds no room here, is due again at the next write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from memory_service.errors import ServiceError

if TYPE_CHECKING:
    from memory_service.operations.flushing import Flushed

AT_ONCE: Final = 4
"""Models asked at once by one process."""
MOST: Final = 256
"""Threads that may wait for their turn; more are left to their next write."""

log = logging.getLogger(__name__)


class Afterwards:
    """The flushes under way in this process, one a thread. `on_flushed` gets a memory's id and what was done."""

    def __init__(self, on_flushed: Callable[[str, Flushed], None] = lambda memory_id, done: None) -> None:
        self._on_flushed = on_flushed
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def start(self, memory_id: str, thread: str, flush: Callable[[], Awaitable[Flushed]]) -> None:
        """Begin, unless this thread is being flushed already or too many wait."""
        place = (memory_id, thread)
        if place not in self._tasks and len(self._tasks) < MOST:
            task = asyncio.create_task(self._run(memory_id, flush), name=f"flush:{memory_id}")
            self._tasks[place] = task
            task.add_done_callback(lambda _: self._tasks.pop(place, None))

    async def _run(self, memory_id: str, flush: Callable[[], Awaitable[Flushed]]) -> None:
        async with self._turns:
            try:
                self._on_flushed(memory_id, await flush())
            except ServiceError as error:
                log.warning("memory %s: a thread is not flushed now: %s", memory_id, error)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Cancel what is under way, and wait for its end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
