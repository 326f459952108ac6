"""Removes what has expired: headers, counters, index entries, and by way of the outbox the vectors.

Nobody reads an expired message meanwhile: reads and the recall check compare times themselves. Any number of workers
may reap one memory; a script removes each thread once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from memory_service.errors import Unavailable
from memory_service.worker.backoff import Backoff
from memory_service.worker.subject import Subject

BATCH: Final = 100
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
        if expired.threads:
            self._subject.metrics.series("memory_expired_total", self._subject.id).inc(expired.threads)
        return expired.threads + expired.messages >= BATCH
