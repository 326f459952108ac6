"""Lines of an export back into a memory: each thread in one step, whole or not at all, with what came before it kept.

Everything passes what any caller's messages pass: limits, redaction, excluded roles, the rules of expiry.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from memory_service.errors import Fault, Refused
from memory_service.model.mutations import Cleaned, Import, Outcome
from memory_service.model.values import UNGUARDED, Draft, Settings
from memory_service.model.values import UNSET as KEEP
from memory_service.operations import lines, privacy, working_memory
from memory_service.operations.lines import FooterLine, HeaderLine, MessageLine, ThreadLine, WorkingMemoryLine
from memory_service.operations.messages import NewMessage, received
from memory_service.operations.outcomes import settle
from memory_service.operations.relieving import relieved
from memory_service.operations.threads import check_metadata, check_window
from memory_service.operations.working_memory import Place

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

Mode = Literal["fail", "skip", "replace"]
"""What becomes of a thread, or an owner's document, that exists."""

PART_MESSAGES: Final = 500
PART_BYTES: Final = 512 * 1024
"""Of a thread, no more is held here; what is more waits in the store until the thread is whole."""
SOON_MS: Final = 1_000
"""What expires within this is taken for expired: it would be gone before anybody read it."""
TURN: Final = 32
"""Lines after which others get their turn."""


class Numbered(NamedTuple):
    """A line, its number in the request, and its bytes without the newline."""

    number: int
    raw: bytes
    line: lines.AnyLine


@dataclass(slots=True)
class Tally:
    """How many were stored (of which `replaced` had been there), left alone, over already, evicted by a window."""

    imported: int = 0
    replaced: int = 0
    skipped: int = 0
    expired: int = 0
    evicted: int = 0


@dataclass(slots=True)
class Report:
    """What an import did so far. `resume_after` is where it would go on."""

    resume_after: int
    lines: int = 0
    threads: Tally = field(default_factory=Tally)
    messages: Tally = field(default_factory=Tally)
    documents: Tally = field(default_factory=Tally)
    redacted: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    last: Outcome | None = None

    def summary(self, memory: OpenMemory) -> Outcome:
        """Everything stored, as one outcome: for metrics, and for waiting until it is indexed."""
        private = memory.definition.spec.options.privacy is not None
        cleaned = Cleaned(self.redacted, tuple(self.excluded.items())) if private else None
        count, evicted = self.messages.imported, self.messages.evicted
        return replace(self.last or Outcome(), count=count, evicted=evicted, cleaned=cleaned)


@dataclass(slots=True)
class Arriving:
    """A thread of which lines are still to come. `lands` is False where it is only read."""

    number: int
    line: ThreadLine
    lands: bool = True
    seen: int = 0
    expired: int = 0
    pending: list[NewMessage] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0
    excluded: list[str] = field(default_factory=list)
    redacted: int = 0
    document: WorkingMemoryLine | None = None
    token: str = field(default_factory=lambda: os.urandom(12).hex())
    staged: int = 0

    @property
    def whole(self) -> bool:
        return self.seen == self.line.messages and self.line.working_memory == (self.document is not None)


async def run(memory: OpenMemory, arriving: AsyncIterator[Numbered], mode: Mode, report: Report) -> None:
    """Import lines until their footer. `report` is kept up to date, also for those who catch what is raised.

    Raises Refused: `invalid_import` for what is no whole, unchanged export; `not_empty` for a thread that exists (mode
    `fail`); what the store refuses. Each names the line. Raises Unavailable.
    """
    importer = Importer(memory, mode, report)
    async for each in arriving:
        await importer.take(each)
        if each.number % TURN == 0:
            await asyncio.sleep(0)
    importer.ended()


class Importer:
    """One import under way."""

    def __init__(self, memory: OpenMemory, mode: Mode, report: Report) -> None:
        self._memory, self._mode, self._report = memory, mode, report
        self._resume_after = report.resume_after
        self._digest = hashlib.sha256()
        self._seen: Counter[str] = Counter()
        self._seq = -1
        self._thread: Arriving | None = None
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
            await self._document(line)
        elif isinstance(line, FooterLine):
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
        line, tally = thread.line, self._report.threads
        if lines.last_of(line.seq) <= self._resume_after:
            thread.lands = False
        elif self._over(line):
            thread.lands = False
            tally.expired += 1
            self._report.messages.expired += line.messages
        elif self._mode != "replace" and (await self._memory.store.facts(line.thread)).exists:
            thread.lands = False
            self._exists(line)
        self._thread = thread
        await self._settle_if_whole(thread)

    def _exists(self, line: ThreadLine) -> None:
        if self._mode == "fail":
            raise Refused("not_empty", f"thread {line.thread!r} exists; import with mode=skip or mode=replace")
        self._report.threads.skipped += 1
        self._report.messages.skipped += line.messages

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
        expires_at, said = line.expires_at, line.message
        if expires_at is not UNSET and expires_at <= self._memory.clock.now_ms() + SOON_MS:
            thread.expired += 1
            return
        message = NewMessage(said.content, said.role, said.timestamp, said.metadata, expires_at=expires_at)
        thread.pending.append(message)
        thread.numbers.append(each.number)
        thread.size += len(each.raw)

    def _drafts(self, thread: Arriving) -> tuple[Draft, ...]:
        """What is held of the thread, checked and redacted. Raises Refused with the numbers of the lines."""
        try:
            new = received(self._memory, thread.pending)
        except Refused as refusal:
            raise at_lines(refusal, thread.numbers) from None
        thread.redacted += new.desk.redacted
        thread.excluded += new.excluded
        thread.pending.clear()
        thread.numbers.clear()
        thread.size = 0
        return new.drafts

    async def _stage(self, thread: Arriving) -> None:
        drafts = self._drafts(thread)
        if drafts:
            await self._memory.store.stage(thread.token, drafts)
            thread.staged += len(drafts)

    async def _settle_if_whole(self, thread: Arriving) -> None:
        if not thread.whole:
            return
        if thread.lands:
            await self._land(thread)
        self._thread = None
        self._report.resume_after = max(self._report.resume_after, lines.last_of(thread.line.seq))

    async def _land(self, thread: Arriving) -> None:
        """Store the thread. Raises Refused at the thread's line."""
        try:
            outcome = await self._memory.store.mutate(await self._mutation(thread))
            if outcome.code == "exists":
                self._exists(thread.line)
                return
            if outcome.code == "busy":
                raise Refused("busy", "its first messages waited too long for the others; import again")
            outcome = await relieved(self._memory, thread.line.thread, settle(outcome), UNGUARDED)
        except Refused as refusal:
            raise placed(refusal, thread.number) from None
        self._landed(thread, outcome)

    def _landed(self, thread: Arriving, outcome: Outcome) -> None:
        report = self._report
        report.threads.imported += 1
        report.threads.replaced += outcome.deleted
        report.messages.imported += outcome.count
        report.messages.expired += thread.expired
        report.messages.evicted += outcome.evicted
        report.documents.imported += thread.document is not None
        report.redacted += thread.redacted
        report.excluded.update(thread.excluded)
        report.last = outcome

    async def _mutation(self, thread: Arriving) -> Import:
        line, memory = thread.line, self._memory
        desk = privacy.desk(memory)
        settings = desk.settings(_settings(memory, line.settings))
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
        )

    # --- documents ----------------------------------------------------------------------------------------------------

    async def _document(self, line: WorkingMemoryLine) -> None:
        if isinstance(line.content, str) != (line.format == "template"):
            raise wrong("must be text for a template, an object for a schema", "/content")
        if line.scope == "thread":
            await self._of_thread(line)
        elif self._thread is not None or line.owner is UNSET or line.thread is not UNSET:
            raise wrong("must name its owner, and stand behind all threads", "/owner")
        elif line.seq > self._resume_after:
            await self._of_owner(line, line.owner)

    async def _of_thread(self, line: WorkingMemoryLine) -> None:
        thread = self._thread
        named = thread is not None and line.thread == thread.line.thread and line.owner is UNSET
        if thread is None or not named or thread.document is not None or not thread.line.working_memory:
            raise wrong("does not belong to the thread above", "/thread")
        thread.document = line
        await self._settle_if_whole(thread)

    def _thread_document(self, thread: Arriving, desk: privacy.Desk) -> bytes | None:
        if thread.document is None:
            return None
        return working_memory.prepared(self._memory, Place(thread=thread.line.thread), thread.document.content, desk)

    async def _of_owner(self, line: WorkingMemoryLine, owner: str) -> None:
        tally, memory, now = self._report.documents, self._memory, self._memory.clock.now_ms()
        expires_at = _moment(line.expires_at)
        if expires_at is not None and expires_at <= now + SOON_MS:
            tally.expired += 1
        else:
            desk = privacy.desk(memory)
            raw = working_memory.prepared(memory, Place(owner=owner), line.content, desk)
            before = await memory.store.working(thread=None, owner=owner)
            seen = None if self._mode == "replace" else 0
            ttl = expires_at - now if expires_at is not None else _required_ttl(memory)
            outcome = await memory.store.set_working(raw, thread=None, owner=owner, if_match=seen, ttl_ms=ttl)
            if outcome.code == "version_mismatch" and self._mode == "fail":
                raise Refused("not_empty", f"owner {owner!r} has a document; import with mode=skip or mode=replace")
            if outcome.code == "version_mismatch":
                tally.skipped += 1
            else:
                settle(outcome)
                tally.imported += 1
                tally.replaced += before.version > 0
                self._report.redacted += desk.redacted
        self._report.resume_after = line.seq

    # --- the end ------------------------------------------------------------------------------------------------------

    def _finish(self, line: FooterLine) -> None:
        counted = (self._seen["ThreadLine"], self._seen["MessageLine"], self._seen["WorkingMemoryLine"])
        if counted != (line.threads, line.messages, line.working_memory):
            raise wrong("counts other lines than came: some were lost or added")
        if self._digest.hexdigest() != line.sha256:
            raise wrong("is not the checksum of the lines before: the export was changed", "/sha256")
        self._complete = True
        self._report.resume_after = max(self._report.resume_after, line.seq)


def _settings(memory: OpenMemory, said: lines.ThreadLineSettings) -> Settings:
    """A line's settings, every one of them said. Raises Refused where the memory does not take them."""
    check_metadata(memory, said.metadata, "/settings/metadata")
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


def _moment(at: int | UnsetType | None) -> int | None:
    return None if at is UNSET else at


def _required_ttl(memory: OpenMemory) -> int | None:
    ttl = memory.definition.spec.options.ttl
    return (ttl.after_ms or None) if ttl.required else None


# --- refusals ---------------------------------------------------------------------------------------------------------


def wrong(text: str, path: str = "") -> Refused:
    """A line that no export has; `placed` says which."""
    return Refused("invalid_import", text, [Fault(path, "invalid_import", text)])


def damaged(number: int, text: str) -> Refused:
    """A line that cannot be read."""
    return placed(wrong(text), number)


def placed(refusal: Refused, number: int) -> Refused:
    """A refusal with the number of its line, unless it has one."""
    if "line" in refusal.extra:
        return refusal
    faults = refusal.faults or (Fault("", refusal.code, refusal.detail),)
    named = [replace(fault, path=f"line:{number}{fault.path}") for fault in faults]
    return _named(refusal, named, number)


def at_lines(refusal: Refused, numbers: Sequence[int]) -> Refused:
    """A refusal of `/messages/<index>...`, which came from these lines."""
    named = list(_by_line(refusal.faults, numbers))
    return _named(refusal, named, numbers[_index(refusal.faults[0])])


def _by_line(faults: Iterable[Fault], numbers: Sequence[int]) -> Iterable[Fault]:
    for fault in faults:
        rest = fault.path.split("/", 3)[3:]
        path = "/".join([f"line:{numbers[_index(fault)]}/message", *rest])
        yield replace(fault, path=path)


def _index(fault: Fault) -> int:
    return int(fault.path.split("/")[2])


def _named(refusal: Refused, faults: Sequence[Fault], number: int) -> Refused:
    first = faults[0]
    detail = f"{first.path} {first.message}" if first.code == "invalid_import" else f"line:{number} {refusal.detail}"
    return Refused(refusal.code, detail, faults, **{**refusal.extra, "line": number})
