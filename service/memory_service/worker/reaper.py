"""Removes what has expired: headers, counters, index entries, and by way of the outbox the vectors.

Nobody reads an expired message meanwhile: reads and the recall check compare times themselves. Any number of workers
may reap one memory, and any of them may die at any moment: a step is one script, which removes each thread once and
counts it in the store.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from memory_service.errors import Unavailable
from memory_service.model.outbox import Expired
from memory_service.worker.backoff import Backoff
from memory_service.worker.subject import Subject

BATCH: Final = 250
"""Threads of one step: some three milliseconds, in which Redis serves nobody else."""
IDLE_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Reaper:
    """Reaps one memory until cancelled."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._backoff = Backoff()

    async def run(self) -> None:
        """Full steps follow each other at once, else there is a pause."""
        while True:
            try:
                full = await self.step()
                self._backoff.worked()
            except Unavailable as error:
                pause = self._backoff.pause()
                log.warning("memory %s: reaping waits %.1f s: %s", self._subject.id, pause, error)
                await asyncio.sleep(pause)
            else:
                await asyncio.sleep(0 if full else IDLE_SECONDS)

    async def step(self) -> bool:
        """Expire what is due, at most BATCH; True when there may be more. Raises StorageUnavailable."""
        expired = await self._subject.outbox.reap(most=BATCH)
        self._tell(expired)
        return expired.more

    def _tell(self, expired: Expired) -> None:
        metrics, memory = self._subject.metrics, self._subject.id
        metrics.begin(memory)
        metrics.reached("memory_expired_total", memory, expired.ever_threads)
        metrics.reached("memory_expired_messages_total", memory, expired.ever_messages)
        metrics.reached("memory_ttl_repairs_total", memory, expired.ever_repaired)
        metrics.series("memory_reaper_lag_seconds", memory).set(expired.lag_ms / 1000)
