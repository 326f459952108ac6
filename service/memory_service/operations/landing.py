"""Where the threads and owners' documents of an import are stored: in groups, in order, up to one that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, UnsetType

from memory_service.errors import Refused, Unavailable
from memory_service.model.mutations import Import, Outcome
from memory_service.model.values import UNGUARDED
from memory_service.operations import lines, privacy, working_memory
from memory_service.operations.arriving import Arriving, Mode, Report
from memory_service.operations.lines import WorkingMemoryLine, placed
from memory_service.operations.outcomes import settle
from memory_service.operations.relieving import relieved
from memory_service.operations.working_memory import Place

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

GROUP: Final = 16
GROUP_BYTES: Final = 128 * 1024
"""Threads that land in one step."""
SOON_MS: Final = 1_000
"""What expires within this is taken for expired: it would be gone before anybody read it."""


class Landing:
    """The way of one import into the store; what became of everything is in its report."""

    def __init__(self, memory: OpenMemory, mode: Mode, report: Report) -> None:
        self._memory, self._mode, self._report = memory, mode, report
        self._ready: list[tuple[Arriving, Import]] = []
        self._bytes = 0
        self._done = -1

    async def whole(self, thread: Arriving, mutation: Import | None) -> None:
        """A thread has come whole, and is to be stored if there is a mutation. Raises as `flush` does."""
        if mutation is not None:
            self._ready.append((thread, mutation))
            self._bytes += thread.bytes
        self._done = lines.last_of(thread.line.seq)
        if len(self._ready) >= GROUP or self._bytes >= GROUP_BYTES or not self._ready:
            await self.flush()

    def exists(self, thread: Arriving) -> None:
        """Its place is taken. Raises Refused where that ends the import."""
        line = thread.line
        if self._mode == "fail":
            text = f"thread {line.thread!r} exists; import with mode=skip or mode=replace"
            raise placed(Refused("not_empty", text), thread.number)
        self._report.threads.skipped += 1
        self._report.messages.skipped += line.messages

    async def flush(self) -> None:
        """Land the threads that are whole, in one step, in order. Raises Refused at the line of the first refused."""
        ready, self._ready, self._bytes = self._ready, [], 0
        done, self._done = self._done, -1
        outcomes = await self._memory.store.land([mutation for _, mutation in ready]) if ready else []
        for (thread, _), outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, Unavailable):
                raise outcome
            await self._settle(thread, outcome)
            self.whole_up_to(lines.last_of(thread.line.seq))
        self.whole_up_to(done)

    def whole_up_to(self, seq: int) -> None:
        """Everything up to a line is dealt with."""
        self._report.resume_after = max(self._report.resume_after, seq)

    async def _settle(self, thread: Arriving, outcome: Outcome) -> None:
        """What became of one thread. Raises Refused at its line."""
        if outcome.code == "exists":
            self.exists(thread)
            return
        if outcome.code == "invalid_ttl":
            self.expired(thread)
            return
        try:
            if outcome.code == "busy":
                raise Refused("busy", "its first messages waited too long for the others; import again")
            outcome = await relieved(self._memory, thread.line.thread, settle(outcome), UNGUARDED)
        except Refused as refusal:
            raise placed(refusal, thread.number) from None
        self._landed(thread, outcome)

    def expired(self, thread: Arriving) -> None:
        """Its time is over."""
        self._report.threads.expired += 1
        self._report.messages.expired += thread.line.messages

    def _landed(self, thread: Arriving, outcome: Outcome) -> None:
        report = self._report
        report.threads.imported += 1
        report.threads.replaced += outcome.deleted
        report.messages.imported += outcome.count
        report.messages.expired += thread.expired + thread.sent - outcome.count
        report.messages.evicted += outcome.evicted
        report.documents.imported += thread.document is not None
        report.redacted += thread.redacted
        report.excluded.update(thread.excluded)
        if outcome.relief is not None:
            report.flushed[outcome.relief.strategy] += outcome.relief.removed
        report.last = outcome

    async def document(self, line: WorkingMemoryLine, owner: str) -> None:
        """Store an owner's document, behind all threads. Raises Refused."""
        await self.flush()
        expires_at, now = _moment(line.expires_at), self._memory.clock.now_ms()
        if expires_at is not None and expires_at <= now + SOON_MS:
            self._report.documents.expired += 1
        else:
            ttl = expires_at - now if expires_at is not None else _required_ttl(self._memory)
            await self._store(owner, line.content, ttl)
        self.whole_up_to(line.seq)

    async def _store(self, owner: str, content: Any, ttl_ms: int | None) -> None:
        """An owner's document, where it has a place."""
        tally, memory, desk = self._report.documents, self._memory, privacy.desk(self._memory)
        raw = working_memory.prepared(memory, Place(owner=owner), content, desk)
        before = await memory.store.working(thread=None, owner=owner)
        seen = None if self._mode == "replace" else 0
        outcome = await memory.store.set_working(raw, thread=None, owner=owner, if_match=seen, ttl_ms=ttl_ms)
        if outcome.code == "version_mismatch" and self._mode == "skip":
            tally.skipped += 1
            return
        if outcome.code == "version_mismatch":
            raise Refused("not_empty", f"owner {owner!r} has a document; import with mode=skip or mode=replace")
        settle(outcome)
        tally.imported += 1
        tally.replaced += before.version > 0
        self._report.redacted += desk.redacted


def _moment(at: int | UnsetType | None) -> int | None:
    return None if at is UNSET else at


def _required_ttl(memory: OpenMemory) -> int | None:
    ttl = memory.definition.spec.options.ttl
    return (ttl.after_ms or None) if ttl.required else None
