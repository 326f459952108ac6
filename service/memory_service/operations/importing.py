"""Lines of an export back into a memory: each thread in one step, whole or not at all, with what came before it kept.

Everything passes what any caller's messages pass: limits, redaction, excluded roles, the rules of expiry.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from memory_service.errors import Refused
from memory_service.model.mutations import Import
from memory_service.model.values import UNSET as KEEP
from memory_service.model.values import Draft, Settings
from memory_service.operations import lines, privacy, working_memory
from memory_service.operations.arriving import Arriving, Mode, Numbered, Report
from memory_service.operations.landing import SOON_MS, Landing
from memory_service.operations.lines import (
    FooterLine,
    HeaderLine,
    MessageLine,
    ThreadLine,
    WorkingMemoryLine,
    at_lines,
    damaged,
    placed,
    wrong,
)
from memory_service.operations.messages import NewMessage, received
from memory_service.operations.threads import check_window, redacted
from memory_service.operations.working_memory import Place

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

PART_MESSAGES: Final = 500
PART_BYTES: Final = 512 * 1024
"""Of a thread, no more is held here; what is more waits in the store until the thread is whole."""
TURN: Final = 32
"""Lines after which others get their turn."""


async def run(memory: OpenMemory, arriving: AsyncIterator[Numbered], mode: Mode, report: Report) -> None:
    """Import lines until their footer. `report` is kept up to date, also for those who catch what is raised.

    Raises Refused: `invalid_import` for what is no whole, unchanged export; `not_empty` for a thread that exists (mode
    `fail`); what the store refuses. Each names the line. Raises Unavailable.
    """
    importer = Importer(memory, mode, report)
    try:
        async for each in arriving:
            await importer.take(each)
            if each.number % TURN == 0:
                await asyncio.sleep(0)
        importer.ended()
    finally:  # threads before a line at fault stay, and one of them may be refused first
        await importer.flush()


class Importer:
    """One import under way."""

    def __init__(self, memory: OpenMemory, mode: Mode, report: Report) -> None:
        self._memory, self._mode, self._report = memory, mode, report
        self._resume_after = report.resume_after
        self._digest = hashlib.sha256()
        self._seen: Counter[str] = Counter()
        self._seq = -1
        self._thread: Arriving | None = None
        self._landing = Landing(memory, mode, report)
        self._complete = False

    async def take(self, each: Numbered) -> None:
        """Take the next line. Raises Refused with its number, Unavailable."""
        try:
            self._check_order(each.line)
            await self._dispatch(each)
        except Refused as refusal:
            raise placed(refusal, each.number) from None
        self._digest.update(each.raw + b"\n")
        self._report.lines = each.number

    def ended(self) -> None:
        """No line is left. Raises Refused unless the last one was the footer."""
        if not self._complete:
            number = self._report.lines + 1
            what = "is not there: the export ends before its footer" if number > 1 else "is missing: the body is empty"
            raise damaged(number, what)

    async def _dispatch(self, each: Numbered) -> None:
        line = each.line
        self._seen[type(line).__name__] += 1
        if isinstance(line, ThreadLine):
            await self._begin(Arriving(each.number, line))
        elif isinstance(line, MessageLine):
            await self._message(each, line)
        elif isinstance(line, WorkingMemoryLine):
            await self._document(each.number, line)
        elif isinstance(line, FooterLine):
            await self.flush()
            self._finish(line)

    def _check_order(self, line: lines.AnyLine) -> None:
        """What every line must keep to. Raises Refused."""
        if self._complete:
            raise wrong("comes after the footer; an import takes one export")
        if isinstance(line, HeaderLine) != (self._seq < 0):
            raise wrong("must be a header" if self._seq < 0 else "is a second header; an import takes one export")
        if line.seq <= self._seq and not isinstance(line, HeaderLine):
            raise wrong(
                f"does not come after seq {self._seq}: lines were lost, doubled or put in another order", "/seq"
            )
        if self._thread is not None and not isinstance(line, MessageLine | WorkingMemoryLine):
            have, want = self._thread.seen, self._thread.line.messages
            raise wrong(f"comes too early: thread {self._thread.line.thread!r} has {have} of its {want} messages")
        self._seq = line.seq

    # --- threads ------------------------------------------------------------------------------------------------------

    async def _begin(self, thread: Arriving) -> None:
        line = thread.line
        if lines.last_of(line.seq) <= self._resume_after:
            thread.lands = False
        elif self._over(line):
            thread.lands = False
            self._landing.expired(thread)
        self._thread = thread
        await self._settle_if_whole(thread)

    def _over(self, line: ThreadLine) -> bool:
        """Whether the thread's time is over, by what is written down or by the memory's maximum age."""
        if line.settings.pinned:
            return False
        most = self._memory.definition.spec.options.ttl.max_age_ms
        ends = [at for at in (line.expires_at, line.created_at + most if most else None) if at is not None]
        return bool(ends) and min(ends) <= self._memory.clock.now_ms() + SOON_MS

    async def _message(self, each: Numbered, line: MessageLine) -> None:
        thread = self._thread
        if thread is None or line.thread != thread.line.thread or thread.seen == thread.line.messages:
            raise wrong("does not belong to the thread above", "/thread")
        thread.seen += 1
        if thread.lands:
            self._keep(thread, each, line)
            if len(thread.pending) >= PART_MESSAGES or thread.size >= PART_BYTES:
                await self._stage(thread)
        await self._settle_if_whole(thread)

    def _keep(self, thread: Arriving, each: Numbered, line: MessageLine) -> None:
        said = line.message
        message = NewMessage(said.content, said.role, said.timestamp, said.metadata, expires_at=line.expires_at)
        thread.pending.append(message)
        thread.numbers.append(each.number)
        thread.size += len(each.raw)
        thread.bytes += len(each.raw)

    def _drafts(self, thread: Arriving) -> tuple[Draft, ...]:
        """What is held of the thread, checked and redacted. Raises Refused with the numbers of the lines."""
        pinned = thread.line.settings.pinned
        soon = 0 if pinned else self._memory.clock.now_ms() + SOON_MS
        held = [pair for pair in zip(thread.pending, thread.numbers, strict=True) if not _ends_by(pair[0], soon)]
        thread.expired += len(thread.pending) - len(held)
        try:
            new = received(self._memory, [message for message, _ in held], pinned=pinned)
        except Refused as refusal:
            raise at_lines(refusal, [number for _, number in held]) from None
        thread.redacted += new.desk.redacted
        thread.excluded += new.excluded
        thread.sent += len(new.drafts)
        thread.pending.clear()
        thread.numbers.clear()
        thread.size = 0
        return new.drafts

    async def _stage(self, thread: Arriving) -> None:
        """Bring what is held of a thread into the store, unless the thread has no place there."""
        if not thread.staged and self._mode != "replace":
            await self.flush()
            if (await self._memory.store.facts(thread.line.thread)).exists:
                thread.lands = False
                self._landing.exists(thread)
                return
        drafts = self._drafts(thread)
        if drafts:
            await self._memory.store.stage(thread.token, drafts)
            thread.staged += len(drafts)

    async def _settle_if_whole(self, thread: Arriving) -> None:
        if not thread.whole:
            return
        self._thread = None
        try:
            mutation = await self._mutation(thread) if thread.lands else None
        except Refused as refusal:
            raise placed(refusal, thread.number) from None
        await self._landing.whole(thread, mutation)

    async def flush(self) -> None:
        """Store what is whole. Raises Refused, Unavailable."""
        await self._landing.flush()

    async def _mutation(self, thread: Arriving) -> Import:
        line, memory = thread.line, self._memory
        desk = privacy.desk(memory)
        settings = redacted(memory, desk, _settings(memory, line.settings), "/settings")
        document = self._thread_document(thread, desk)
        if thread.staged:
            await self._stage(thread)
        drafts = self._drafts(thread)
        thread.redacted += desk.redacted
        return Import(
            thread=line.thread,
            settings=settings,
            drafts=drafts,
            created_at=line.created_at,
            updated_at=line.updated_at,
            expires_at=line.expires_at,
            document=document,
            document_at=thread.document.updated_at if thread.document is not None else 0,
            staged=thread.token if thread.staged else "",
            staged_count=thread.staged,
            replacing=self._mode == "replace",
            skipping=self._mode == "skip",
        )

    # --- documents ----------------------------------------------------------------------------------------------------

    async def _document(self, number: int, line: WorkingMemoryLine) -> None:
        if isinstance(line.content, str) != (line.format == "template"):
            raise wrong("must be text for a template, an object for a schema", "/content")
        if line.scope == "thread":
            await self._of_thread(number, line)
        elif self._thread is not None or line.owner is UNSET or line.thread is not UNSET:
            raise wrong("must name its owner, and stand behind all threads", "/owner")
        elif line.seq > self._resume_after:
            await self._landing.document(line, line.owner)

    async def _of_thread(self, number: int, line: WorkingMemoryLine) -> None:
        thread = self._thread
        named = thread is not None and line.thread == thread.line.thread and line.owner is UNSET
        if thread is None or not named or thread.document is not None or not thread.line.working_memory:
            raise wrong("does not belong to the thread above", "/thread")
        thread.document, thread.document_number = line, number
        await self._settle_if_whole(thread)

    def _thread_document(self, thread: Arriving, desk: privacy.Desk) -> bytes | None:
        if thread.document is None:
            return None
        place = Place(thread=thread.line.thread)
        try:
            return working_memory.prepared(self._memory, place, thread.document.content, desk)
        except Refused as refusal:
            raise placed(refusal, thread.document_number) from None

    # --- the end ------------------------------------------------------------------------------------------------------

    def _finish(self, line: FooterLine) -> None:
        counted = (self._seen["ThreadLine"], self._seen["MessageLine"], self._seen["WorkingMemoryLine"])
        if counted != (line.threads, line.messages, line.working_memory):
            raise wrong("counts other lines than came: some were lost or added")
        if self._digest.hexdigest() != line.sha256:
            raise wrong("is not the checksum of the lines before: the export was changed", "/sha256")
        self._complete = True
        self._landing.whole_up_to(line.seq)


def _ends_by(message: NewMessage, soon: int) -> bool:
    return message.expires_at is not UNSET and message.expires_at <= soon


def _settings(memory: OpenMemory, said: lines.ThreadLineSettings) -> Settings:
    """A line's settings, every one of them said. Raises Refused where the memory does not take them."""
    settings = Settings(
        type=said.type,
        owner=said.owner,
        title=said.title,
        max_messages=said.max_messages,
        ttl_ms=KEEP if said.ttl is UNSET else said.ttl,
        pinned=said.pinned,
        metadata=said.metadata or None,
    )
    check_window(memory, settings, "/settings/max_messages")
    return settings
