"""Everything the worker does for each memory, kept in step with the definitions while it runs.

One group of loops a memory: indexer, reaper, prober, auditor, and the filling of a new collection. A changed definition
replaces the group, a removed one ends it. Retained memories go on expiring; erased ones are left to the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from memory_crd.errors import InvalidMemory
from memory_crd.status import Reason

from memory_service.errors import Unavailable
from memory_service.metrics import Families
from memory_service.model.outbox import Audit
from memory_service.worker.auditor import Auditor
from memory_service.worker.backoff import Backoff
from memory_service.worker.indexer import Indexer
from memory_service.worker.keeper import Keeper
from memory_service.worker.lease import LeaseLost
from memory_service.worker.prober import Prober
from memory_service.worker.reaper import Reaper
from memory_service.worker.subject import Subject

if TYPE_CHECKING:
    from memory_crd.definitions import Entry, Loaded

POLL_SECONDS: Final = 0.25
FILL_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


Loop = Callable[[], Awaitable[None]]


class Source(Protocol):
    """Where definitions come from; `fingerprint` differs whenever `load` may answer something else."""

    def fingerprint(self) -> object: ...

    def load(self) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One memory at work."""

    entry: Entry
    subject: Subject
    keeper: Keeper
    task: asyncio.Task[None]


class Crew:
    """The memories at work by id. `open_subject` builds one (no I/O) and raises InvalidMemory when it cannot."""

    def __init__(self, source: Source, open_subject: Callable[[Entry], Subject], metrics: Families) -> None:
        self._source = source
        self._open = open_subject
        self._metrics = metrics
        self._members: dict[str, Member] = {}
        self._fingerprint: object = None
        self.loaded = False

    def subject(self, memory_id: str) -> Subject | None:
        """A memory at work, or None."""
        member = self._members.get(memory_id)
        return member.subject if member else None

    async def audit(self, memory_id: str) -> Audit:
        """Compare a memory's history and vectors now, at full speed.

        Raises KeyError for a memory that is not at work here, Unavailable, LeaseLost while another audit runs.
        """
        member = self._members[memory_id]
        return await Auditor(member.subject, member.keeper, pace=0).audit()

    def subjects(self) -> Iterator[Subject]:
        """All memories at work, in order of id."""
        return (self._members[key].subject for key in sorted(self._members))

    async def run(self) -> None:
        """Keep in step with the definitions until cancelled."""
        try:
            while True:
                try:
                    await self.refresh()
                except OSError as error:
                    log.warning("definitions cannot be read now: %s", error)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._stop(list(self._members))

    async def refresh(self) -> None:
        """Load the definitions again if their fingerprint moved."""
        fingerprint = self._source.fingerprint()
        if self.loaded and fingerprint == self._fingerprint:
            return
        loaded = self._source.load()
        self._fingerprint = fingerprint
        wanted = {entry.id: entry for entry in loaded.entries if entry.state != "erase"}
        await self._stop([key for key in self._members if key not in wanted])
        for memory_id, entry in wanted.items():
            await self._take(memory_id, entry)
        self.loaded = True

    async def _take(self, memory_id: str, entry: Entry) -> None:
        """Start a memory, or replace it when its definition changed; a bad definition leaves the old one at work."""
        member = self._members.get(memory_id)
        if member is not None and member.entry == entry:
            return
        try:
            subject = replace(self._open(entry), wanted=self._unchanged)
        except InvalidMemory as fault:
            log.warning("memory %s generation %d cannot be worked on: %s", memory_id, entry.generation, fault)
            return
        if member is not None:
            await self._stop([memory_id], forget=False)
        keeper = Keeper(subject)
        task = asyncio.create_task(work(subject, keeper), name=f"memory {memory_id}")
        self._members[memory_id] = Member(entry, subject, keeper, task)

    def _unchanged(self) -> bool:
        try:
            return self._source.fingerprint() == self._fingerprint
        except OSError:
            return False

    async def _stop(self, memory_ids: list[str], *, forget: bool = True) -> None:
        members = [self._members.pop(memory_id) for memory_id in memory_ids]
        for member in members:
            member.task.cancel()
        await asyncio.gather(*(member.task for member in members), return_exceptions=True)
        if forget:
            for memory_id in memory_ids:
                self._metrics.forget(memory_id)


async def work(subject: Subject, keeper: Keeper | None = None) -> None:
    """All loops of one memory, until cancelled. A loop that fails unexpectedly is logged and started again."""
    keeper = keeper or Keeper(subject)
    loops: list[Loop] = [Indexer(subject, keeper).run, Reaper(subject).run]
    if subject.enabled:
        loops += [Prober(subject, keeper).run, Auditor(subject, keeper).run, lambda: fill(subject, keeper)]
    else:
        subject.board.degraded("vector", Reason.RECALL_DISABLED, "semantic recall is off")
        loops.append(lambda: discard(subject, keeper))
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_forever(subject, loop))


async def fill(subject: Subject, keeper: Keeper) -> None:
    """Set the collection up at once, and fill it whenever it turns out empty or of another shape."""
    backoff = Backoff()
    while True:
        try:
            await keeper.finish()
            backoff.worked()
            await asyncio.sleep(FILL_SECONDS)
        except LeaseLost:
            await asyncio.sleep(backoff.pause())
        except Unavailable as error:
            keeper.doubt()
            pause = backoff.pause()
            log.info("memory %s: its collection waits %.1f s: %s", subject.id, pause, error)
            await asyncio.sleep(pause)


async def discard(subject: Subject, keeper: Keeper) -> None:
    """Without recall nothing keeps a collection up, so none is kept."""
    while True:
        with contextlib.suppress(Unavailable):
            await keeper.discard()
            await asyncio.Event().wait()
        await asyncio.sleep(FILL_SECONDS)


async def _forever(subject: Subject, loop: Loop) -> None:
    """The outermost seam of a memory's loop: a defect in one costs a log line, not the other loops."""
    backoff = Backoff(first=1.0)
    while True:
        try:
            await loop()
        except Exception:
            log.exception("memory %s: %s failed and starts again", subject.id, loop)
            await asyncio.sleep(backoff.pause())
