"""Which collections of a memory points go to, and the way from one shape of points to another.

Normally there is one, behind the alias. When the embedder, the dimensions or the declared filters change, a new version
is created beside it and all living messages are put on the outbox again: the ordinary road fills the new collection
while the old one still answers, by words where its vectors are of another model. When all is indexed the alias moves.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.versions import Built, Survey, Versions
from memory_service.errors import VectorUnavailable
from memory_service.model.facts import Slice
from memory_service.model.search import Candidate
from memory_service.ports import VectorWriter
from memory_service.worker.lease import UPKEEP, Lease
from memory_service.worker.subject import Subject

PAGE: Final = 500
"""Messages put on the outbox at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A collection that points are written to; without `dense` its vectors are another model's, so only words go in."""

    writer: VectorWriter
    dense: bool


class Keeper:
    """Sets up a memory's collection, and moves it to a new shape. `targets` does nothing while all is well."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._versions = Versions(subject.vectors, subject.tenant, subject.id)
        self._targets: list[Target] = []
        self._refill = False
        self._settling = asyncio.Lock()

    def doubt(self) -> None:
        """Look again before the next write: a call failed."""
        self._targets = []

    async def targets(self) -> list[Target]:
        """Where points go now. Raises VectorUnavailable, StorageUnavailable, LeaseLost (another worker sets it up)."""
        async with self._settling:
            if not self._targets:
                self._targets = await self._settle()
            return self._targets

    async def _settle(self) -> list[Target]:
        """Find the collections as they should be, or make them so."""
        survey = await self._versions.survey()
        if not _settled(survey, self._subject.shape.digest):
            async with (
                self._subject.vectors.setting_up,
                Lease(self._subject.outbox, UPKEEP, self._subject.token, self._subject.clock),
            ):
                survey = await self._arrange(await self._versions.survey())
        assert survey.serving is not None
        filling = next((each for each in survey.filling if each.digest == self._subject.shape.digest), None)
        self._subject.board.worked("vector")
        self._subject.board.reindexing = filling is not None and not self._same_vectors(survey.serving)
        self._refill = self._refill or filling is not None
        found = [self._target(survey.serving, dense=self._same_vectors(survey.serving))]
        return found + ([self._target(filling, dense=True)] if filling else [])

    async def _arrange(self, survey: Survey) -> Survey:
        """Create what is missing, drop what nothing needs; repeated after a crash it goes on where it was."""
        shape = self._subject.shape
        if not self._subject.wanted():
            # Between asking to erase a memory and learning of it here, its collection must not come back.
            raise VectorUnavailable("the definitions have just changed; they are read again first", reason="Pending")
        for name in survey.leftovers:
            await self._versions.remove(name)
        for built in survey.filling:
            if built.digest != shape.digest:
                await self._versions.remove(built.collection)
        if survey.serving is None:
            await self._versions.create(survey.next_version, shape, serve=True)
            self._refill = (await self._subject.store.totals()).messages > 0
        elif survey.serving.digest != shape.digest and not any(b.digest == shape.digest for b in survey.filling):
            log.info("memory %s: its vectors change shape; a new collection is filled", self._subject.id)
            await self._versions.create(survey.next_version, shape, serve=False)
        return await self._versions.survey()

    def _same_vectors(self, built: Built) -> bool:
        return built.digest.partition("-")[0] == self._subject.shape.digest.partition("-")[0]

    def _target(self, built: Built, *, dense: bool) -> Target:
        subject = self._subject
        writer = QdrantIndex(subject.vectors, subject.tenant, subject.id, collection=built.collection)
        return Target(writer, dense)

    async def finish(self) -> bool:
        """Fill what was found empty or incomplete, and switch when it is full; False when there was nothing to do.

        Raises Unavailable or LeaseLost; repeating it is safe.
        """
        await self.targets()
        if not self._refill:
            return False
        subject = self._subject
        async with Lease(subject.outbox, UPKEEP, subject.token, subject.clock) as lease:
            await self._enqueue_everything(lease)
            end = (await subject.store.totals()).pos
            while not await subject.store.indexed(end):
                await asyncio.sleep(0.1)
                await lease.keep()
            survey = await self._versions.survey()
            full = next((each for each in survey.filling if each.digest == subject.shape.digest), None)
            if full is not None:
                await self._versions.serve(full, survey.serving)
                log.info("memory %s: the new collection %s serves", subject.id, full.collection)
        self._refill = False
        self.doubt()
        subject.board.reindexing = False
        return True

    async def discard(self) -> None:
        """Drop all collections: what nobody keeps up must not be searched, and can be built again from the log."""
        self.doubt()
        survey = await self._versions.survey()
        if survey.serving is not None or survey.filling or survey.leftovers:
            await self._versions.drop()

    async def _enqueue_everything(self, lease: Lease) -> None:
        subject = self._subject
        async for facts in subject.outbox.walk(most=PAGE):
            await lease.keep()
            await enqueue_thread(subject, facts.thread)


async def enqueue_thread(subject: Subject, thread: str) -> int:
    """Put all living messages of a thread on the outbox; how many."""
    after: str | None = None
    enqueued = 0
    while True:
        page = await subject.store.read(thread, Slice(limit=PAGE, after=after))
        if page.gone or not page.messages:
            return enqueued
        seqs = [int(_id(message).partition("-")[2]) for message in page.messages]
        candidates = [Candidate(thread, page.incarnation, seq) for seq in seqs]
        enqueued += await subject.outbox.enqueue(candidates)
        if page.next_seq is None:
            return enqueued
        after = f"{page.incarnation}-{page.next_seq}"


def _id(message: bytes) -> str:
    start = message.index(b'"id":"') + 6
    return message[start : message.index(b'"', start)].decode()


def _settled(survey: Survey, digest: str) -> bool:
    """One collection of the right shape and nothing beside it."""
    return (
        survey.serving is not None
        and not survey.leftovers
        and all(each.digest == digest for each in survey.filling)
        and (survey.serving.digest == digest or len(survey.filling) == 1)
    )
