"""Looks after what nobody is using right now: is the collection there, can a text be embedded?"""

from __future__ import annotations

import asyncio
from typing import Final

from memory_crd.status import Reason

from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.errors import ServiceError, TextRefused, Unavailable
from memory_service.worker.backoff import Backoff
from memory_service.worker.embedding import no_embedder
from memory_service.worker.keeper import Keeper
from memory_service.worker.pointing import PROBE
from memory_service.worker.subject import Subject

PROBE_SECONDS: Final = 3.0
"""How often parts are looked at; a failed embedder heals, and a dead store is noticed, within it."""
LAG_SECONDS: Final = 30.0
"""An index this far behind is degraded."""


class Prober:
    """Keeps one memory's board true. An embedder that works is not asked again: its use shows how it does."""

    def __init__(self, subject: Subject, keeper: Keeper) -> None:
        self._subject = subject
        self._keeper = keeper
        self._index = QdrantIndex(subject.vectors, subject.tenant, subject.id)

    async def run(self) -> None:
        """Look until cancelled; more often at first and after a change for the worse."""
        eager = Backoff(first=0.2, longest=PROBE_SECONDS)
        while True:
            await self.look()
            well = all(check.status == "ok" for check in self._subject.board.checks().values())
            if well:
                eager.worked()
            await asyncio.sleep(PROBE_SECONDS if well else eager.pause())

    async def look(self) -> None:
        """One look at every part."""
        await asyncio.gather(self._vector(), self._embedder(), self._numbers())

    async def _vector(self) -> None:
        board, started = self._subject.board, self._subject.clock()
        try:
            await self._index.ping()
        except Unavailable as error:
            self._keeper.doubt()  # a store without volume comes back empty, and is filled again without a write
            board.failed("vector", error)
            return
        latency = round((self._subject.clock() - started) * 1000, 3)
        if board.reindexing:
            board.degraded("vector", Reason.REINDEXING, "a new collection is filled; until then words are searched")
        else:
            board.worked("vector", latency)

    async def _embedder(self) -> None:
        subject = self._subject
        if subject.embedder is None:
            subject.board.failed("embedder", no_embedder())
            return
        if subject.board.embedder.status == "ok":
            return
        started = subject.clock()
        try:
            await subject.embedder.embed([PROBE], urgent=True)
        except Unavailable as error:
            subject.board.failed("embedder", error)
        except TextRefused as error:
            subject.board.degraded("embedder", Reason.MODEL_FAILED, str(error))
        else:
            subject.board.worked("embedder", round((subject.clock() - started) * 1000, 3))

    async def _numbers(self) -> None:
        subject = self._subject
        try:
            totals = await subject.store.totals()
        except ServiceError:
            return  # the service reports on storage itself
        lag = totals.oldest_pending_ms / 1000
        if subject.board.index.status == "ok" and lag > LAG_SECONDS:
            subject.board.degraded(
                "index", Reason.PENDING, f"{totals.outbox_depth} changes wait, the oldest for {lag:.0f} s"
            )
