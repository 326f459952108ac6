"""Compares history and vectors, and repairs both ways.

A vector store cannot fence off a worker that lost its lease in the middle of a call, and volumes can be restored from
different days. So points without a living message are deleted, and messages without a point go on the outbox again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.errors import Unavailable
from memory_service.model.outbox import Audit
from memory_service.model.search import Candidate, Removals
from memory_service.worker.keeper import Keeper, enqueue_thread
from memory_service.worker.lease import UPKEEP, Lease, LeaseLost
from memory_service.worker.subject import Subject

FIRST_SECONDS: Final = 20.0
EVERY_SECONDS: Final = 300.0
PAGE: Final = 256
PACE_SECONDS: Final = 0.05
"""Pause between two pages, so that an audit is never the load."""
SETTLE_SECONDS: Final = 30.0
"""How long an audit waits for the outbox: for deletions in all, then before messages count as missing."""

log = logging.getLogger(__name__)


class Auditor:
    """Audits one memory now and then, or when asked."""

    def __init__(self, subject: Subject, keeper: Keeper, *, pace: float = PACE_SECONDS) -> None:
        self._subject = subject
        self._keeper = keeper
        self._index = QdrantIndex(subject.vectors, subject.tenant, subject.id)
        self._pace = pace
        self._settled_by = 0.0

    async def run(self) -> None:
        """Audit until cancelled; what is away is met again next time."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.audit()
            except (Unavailable, LeaseLost) as error:
                log.info("memory %s: no audit now: %s", self._subject.id, error)
            await asyncio.sleep(EVERY_SECONDS)

    async def audit(self) -> Audit:
        """Compare and repair. Raises Unavailable, or LeaseLost while another audit runs, here or elsewhere."""
        subject = self._subject
        if subject.auditing.locked():
            raise LeaseLost("an audit of this memory is under way")
        async with subject.auditing:
            return await self._audit()

    async def _audit(self) -> Audit:
        subject = self._subject
        await self._keeper.targets()
        async with Lease(subject.outbox, UPKEEP, subject.token, subject.clock) as lease:
            self._settled_by = subject.clock() + SETTLE_SECONDS
            points, orphans = await self._orphans(lease)
            threads, missing = await self._missing(lease)
        subject.metrics.series("memory_orphan_vectors", subject.id).set(orphans)
        subject.metrics.series("memory_missing_vectors", subject.id).set(missing)
        if orphans or missing:
            log.warning("memory %s: audit deleted %d orphans, enqueued %d messages", subject.id, orphans, missing)
        return Audit(threads, points, orphans, missing)

    async def _orphans(self, lease: Lease) -> tuple[int, int]:
        """Points in all and those left behind. What has no message goes: ids are never used again, so that is safe."""
        points = orphans = 0
        cursor: str | None = None
        while True:
            await lease.keep()
            page, cursor = await self._index.scroll(cursor=cursor, most=PAGE)
            alive = await self._subject.outbox.texts(page)
            dead = tuple(candidate for candidate, text in zip(page, alive, strict=True) if text is None)
            if dead:
                orphans += await self._left_behind(lease, dead)
                await self._index.remove(Removals(candidates=dead))
            points += len(page)
            if cursor is None:
                return points, orphans
            await asyncio.sleep(self._pace)

    async def _left_behind(self, lease: Lease, dead: Sequence[Candidate]) -> int:
        """How many of these points are there although every deletion written so far was carried out.

        While the worker is behind they count as on their way out, not as orphans.
        """
        pos = (await self._subject.store.totals()).pos
        while not await self._subject.store.indexed(pos):
            if self._subject.clock() > self._settled_by:
                return 0
            await lease.keep()
            await asyncio.sleep(0.1)
        return len(await self._index.present(dead))

    async def _missing(self, lease: Lease) -> tuple[int, int]:
        """Threads compared, and messages enqueued because their thread has too few points.

        No message has two points and no point is an orphan any more, so equal sums say that every thread is complete.
        """
        if (compared := await self._complete(lease)) is not None:
            return compared, 0
        threads = missing = 0
        async for facts in self._subject.outbox.walk(most=PAGE):
            await lease.keep()
            threads += 1
            if await self._lacks(facts.thread):
                missing += await enqueue_thread(self._subject, facts.thread)
            await asyncio.sleep(self._pace / 10)
        return threads, missing

    async def _complete(self, lease: Lease) -> int | None:
        """How many threads there are if there are as many points as messages, once the outbox has been emptied."""
        subject = self._subject
        deadline = subject.clock() + SETTLE_SECONDS
        while True:
            totals = await subject.store.totals()
            if totals.outbox_depth == 0 and await self._index.count() == totals.messages:
                return totals.threads
            if totals.outbox_depth == 0 or subject.clock() > deadline:
                return None
            await lease.keep()
            await asyncio.sleep(0.2)

    async def _lacks(self, thread: str) -> bool:
        """True when the thread has fewer points than messages although all its writes are indexed."""
        subject = self._subject
        facts = await subject.store.facts(thread)
        if not facts.exists or await self._index.count_thread(facts.incarnation) >= facts.messages:
            return False
        deadline = subject.clock() + SETTLE_SECONDS
        while not await subject.store.indexed(facts.version):
            if subject.clock() > deadline:
                return False  # it is on its way
            await asyncio.sleep(0.1)
        points = await self._index.count_thread(facts.incarnation)
        again = await subject.store.facts(thread)
        return again.version == facts.version and points < again.messages
