"""The outbox loop of one memory: what was written becomes points, in order, exactly once in effect.

A partition's entries are coalesced, applied and acknowledged under its lease. A crash anywhere before the
acknowledgement replays them, which changes nothing. A fault of a store or of the embedder holds the same batch back;
nothing is skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from memory_service.errors import EmbedderUnavailable, StorageUnavailable, Unavailable, VectorUnavailable
from memory_service.model.outbox import DeadLetter, LiveText
from memory_service.model.search import Candidate, Removals
from memory_service.model.values import PARTITIONS
from memory_service.worker import pointing
from memory_service.worker.backoff import Backoff
from memory_service.worker.coalesce import coalesce
from memory_service.worker.keeper import Keeper
from memory_service.worker.lease import Lease, LeaseLost
from memory_service.worker.subject import Subject

BATCH: Final = 256
"""Outbox entries taken at once."""
TEXTS: Final = 64
"""Messages embedded and written at once: a few seconds at most, so that a lease is renewed in time."""
WAIT_MS: Final = 1_000
"""Longest sleep without news; what another worker left behind is noticed within it."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class Indexer:
    """Keeps one memory's collection up with its log. `run` until cancelled."""

    def __init__(self, subject: Subject, keeper: Keeper) -> None:
        self._subject = subject
        self._keeper = keeper
        self._backoff = [Backoff() for _ in range(PARTITIONS)]
        self._news = [asyncio.Event() for _ in range(PARTITIONS)]
        self._words_only: set[tuple[int, str]] = set()

    async def run(self) -> None:
        """Drain every partition whenever something was written to one of them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            for partition in range(PARTITIONS):
                group.create_task(self._follow(partition))

    async def _listen(self) -> None:
        """Tell every partition when something was written, also those that are busy with what came before."""
        while True:
            await self._subject.outbox.wait(timeout_ms=WAIT_MS)
            for news in self._news:
                news.set()

    async def _follow(self, partition: int) -> None:
        backoff = self._backoff[partition]
        while True:
            self._news[partition].clear()
            try:
                await self.drain(partition)
                backoff.worked()
                if not any(each.faults for each in self._backoff):
                    self._subject.board.worked("index")
                await self._news[partition].wait()
            except LeaseLost:
                await asyncio.sleep(backoff.pause())
            except Unavailable as error:
                self._failed(error)
                pause = backoff.pause()
                log.warning("memory %s: indexing waits %.1f s: %s", self._subject.id, pause, error)
                await asyncio.sleep(pause)

    async def drain(self, partition: int) -> None:
        """Work until the partition is empty. Raises Unavailable, or LeaseLost while another worker has it."""
        outbox = self._subject.outbox
        if not await outbox.pending(partition, most=1):
            return
        async with Lease(outbox, partition, self._subject.token, self._subject.clock) as lease:
            while entries := await outbox.pending(partition, most=BATCH):
                work = coalesce(entries)
                dead = await self._apply(lease, (partition, work.upto), work.removals, work.added)
                if not await outbox.acknowledge(partition, lease.token, work.upto, dead):
                    raise LeaseLost(f"partition {partition} was taken over")

    async def _apply(
        self, lease: Lease, batch: tuple[int, str], removals: Removals, added: Sequence[Candidate]
    ) -> list[DeadLetter]:
        """Make the points so. Raises EmbedderUnavailable after the new ones were made findable by words, once."""
        if not self._subject.enabled:
            return []
        targets = await self._keeper.targets()
        for target in targets:
            await lease.keep()
            await target.writer.remove(removals)
        dead: list[DeadLetter] = []
        for candidates in _chunks(added, TEXTS):
            texts = [text for text in await self._subject.outbox.texts(candidates) if text is not None]
            if texts:
                dead += await self._write(lease, batch, texts)
        return dead

    async def _write(self, lease: Lease, batch: tuple[int, str], texts: Sequence[LiveText]) -> list[DeadLetter]:
        subject = self._subject
        try:
            made = await pointing.make(subject, texts)
        except EmbedderUnavailable:
            if batch not in self._words_only:
                await self._upsert_words(lease, texts)
                self._words_only = {each for each in self._words_only if each[0] != batch[0]} | {batch}
            raise
        if subject.embedder is not None:
            subject.board.worked("embedder")
        for target in await self._keeper.targets():
            await lease.keep()
            await target.writer.upsert(made.points if target.dense else pointing.by_words(subject, texts))
        subject.metrics.series("memory_indexed_total", subject.id).inc(len(texts))
        return made.dead

    async def _upsert_words(self, lease: Lease, texts: Sequence[LiveText]) -> None:
        for target in await self._keeper.targets():
            await lease.keep()
            await target.writer.upsert(pointing.by_words(self._subject, texts))

    def _failed(self, error: Unavailable) -> None:
        board = self._subject.board
        if isinstance(error, EmbedderUnavailable):
            board.failed("embedder", error)
        elif isinstance(error, VectorUnavailable):
            self._keeper.doubt()
            board.failed("vector", error)
        if not isinstance(error, StorageUnavailable):
            board.failed("index", error)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))
