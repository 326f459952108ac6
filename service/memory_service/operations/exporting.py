"""A memory as lines, written as they are read: threads in order of creation, then documents of owners.

Each thread is what it was at one instant, while others go on writing. Only a few threads are held at a time, and of a
large one no more than HELD_BYTES.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from memory_service.errors import Refused
from memory_service.model.archive import Snapshot
from memory_service.model.facts import Slice
from memory_service.operations import lines, moments
from memory_service.operations.stored import decode, decoded
from memory_service.operations.working_memory import Format

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

WHOLE_BYTES: Final = 256 * 1024
"""Threads up to this are read in one go, and several at once; larger ones by pages."""
HELD_BYTES: Final = 8 << 20
"""Of a thread that is read by pages, so much waits for its end, so that it can be read again when it was disturbed."""
AT_ONCE: Final = 8
CHUNK_BYTES: Final = 64 * 1024
PAGE: Final = 200
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: threads that were not whole at `resume_after`, of one prefix or owner if said so."""

    resume_after: int = 0
    prefix: str | None = None
    owner: str | None = None


@dataclass(slots=True)
class Export:
    """One export under way, and what it has written: threads, their messages and documents, documents of owners."""

    memory: OpenMemory
    wanted: Wanted
    threads: int = 0
    messages: int = 0
    documents: int = 0
    of_threads: int = 0
    damaged: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The lines, some at a time. Raises Unavailable, and Refused `busy` when a large thread keeps changing."""
        waiting: list[bytes] = []
        size = 0
        async for line in self._lines():
            self._digest.update(line)
            waiting.append(line)
            size += len(line)
            if size >= CHUNK_BYTES:
                yield b"".join(waiting)
                waiting.clear()
                size = 0
        yield b"".join(waiting)

    async def _lines(self) -> AsyncIterator[bytes]:
        """Every line, or several in one piece."""
        upto = (await self.memory.store.totals()).pos
        yield self._header()
        async for born in self._born(upto):
            for at in range(0, len(born), AT_ONCE):
                async for piece in self._several(born[at : at + AT_ONCE]):
                    yield piece
        seq = (upto + 1) * lines.SPAN
        async for line in self._owners(seq):
            yield line
        yield self._footer(seq + self.documents)

    def _header(self) -> bytes:
        wanted = self.wanted
        line = {
            "type": "header",
            "seq": wanted.resume_after,
            "version": lines.VERSION,
            "memory": self.memory.definition.spec.id,
            "exported_at": moments.render(self.memory.clock.now_ms()),
            "resume_after": wanted.resume_after,
            "prefix": wanted.prefix,
            "owner": wanted.owner,
        }
        return lines.encode(line) + b"\n"

    def _footer(self, seq: int) -> bytes:
        line = {
            "type": "footer",
            "seq": seq,
            "threads": self.threads,
            "messages": self.messages,
            "working_memory": self.of_threads + self.documents,
            "damaged": self.damaged,
            "sha256": self._digest.hexdigest(),
        }
        return lines.encode(line) + b"\n"

    # --- threads ------------------------------------------------------------------------------------------------------

    async def _born(self, upto: int) -> AsyncIterator[Sequence[tuple[int, str]]]:
        """Incarnations up to `upto` that are wanted, with their threads, in order of creation."""
        after, wanted = lines.whole_before(self.wanted.resume_after), self.wanted
        if wanted.owner is not None:
            owned = sorted((g, thread) for thread, g in await self.memory.store.owned(wanted.owner))
            yield [(g, thread) for g, thread in owned if after < g <= upto and self._named(thread)]
            return
        while page := await self.memory.store.born(after, PAGE):
            yield [(g, thread) for g, thread in page if g <= upto and self._named(thread)]
            after = page[-1][0]
            if after > upto:
                return

    def _named(self, thread: str) -> bool:
        return self.wanted.prefix is None or thread.startswith(self.wanted.prefix)

    async def _several(self, born: Sequence[tuple[int, str]]) -> AsyncIterator[bytes]:
        """A few threads, each at an instant of its own; those that went meanwhile are left out."""
        store = self.memory.store
        found = await asyncio.gather(*(store.snapshot(thread, WHOLE_BYTES) for _, thread in born))
        for (g, _), snapshot in zip(born, found, strict=True):
            if not self._is(snapshot, g):
                continue
            if snapshot.messages is not None:
                for line in self._small(snapshot, snapshot.messages):
                    yield line
            else:
                async for piece in self._large(snapshot):
                    yield piece

    def _is(self, snapshot: Snapshot | None, g: int) -> TypeGuard[Snapshot]:
        """Whether it is the incarnation, and the owner's, that is to be written."""
        if snapshot is None or snapshot.facts.incarnation != g:
            return False
        return self.wanted.owner is None or snapshot.facts.owner == self.wanted.owner

    def _small(self, snapshot: Snapshot, entries: Sequence[bytes]) -> Iterable[bytes]:
        """A thread whose messages are here."""
        messages = _readable(entries)
        head = lines.thread_head(snapshot, len(messages), self._form)
        yield from head
        self._count(snapshot, len(messages), snapshot.corrupted + len(entries) - len(messages))
        yield from _message_lines(snapshot, messages, snapshot.expiries, len(head), len(head) + len(messages))

    async def _large(self, snapshot: Snapshot) -> AsyncIterator[bytes]:
        """A thread page by page: begun again when messages left it meanwhile, as long as nothing of it was written."""
        g, thread = snapshot.facts.incarnation, snapshot.facts.thread
        lost = await self._lost(snapshot) if snapshot.facts.bytes > HELD_BYTES else 0
        for _ in range(ATTEMPTS):
            count, at, bad, size, written = snapshot.facts.messages - lost, 0, 0, 0, False
            held = lines.thread_head(snapshot, count, self._form)
            head = len(held)
            async for messages, expiries, damaged in self._pages(snapshot):
                held += _message_lines(snapshot, messages, expiries, head + at, head + count)
                at, bad, size = at + len(messages), bad + damaged, size + sum(map(len, messages))
                if size > HELD_BYTES:
                    yield b"".join(held)
                    held, size, written = [], 0, True
            if (at, bad) == (count, lost):
                self._count(snapshot, at, bad)
                yield b"".join(held)
                return
            if written:
                break
            lost = bad if at + bad == snapshot.facts.messages else 0
            again = await self.memory.store.snapshot(thread, WHOLE_BYTES)
            if not self._is(again, g):
                return
            if again.messages is not None:
                for line in self._small(again, again.messages):
                    yield line
                return
            snapshot = again
        raise Refused("busy", f"thread {thread!r} kept losing messages while it was read; go on from where this ended")

    async def _lost(self, snapshot: Snapshot) -> int:
        """Damaged entries of a thread so large that its first line goes out before its last message is read."""
        return sum([damaged async for _, _, damaged in self._pages(snapshot)])

    async def _pages(self, snapshot: Snapshot) -> AsyncIterator[tuple[list[bytes], dict[int, int], int]]:
        """The messages that a thread had, with their expiries and the number of damaged ones.

        They are fewer when some left it meanwhile.
        """
        thread, g, store = snapshot.facts.thread, snapshot.facts.incarnation, self.memory.store
        what = Slice(limit=1_000, before=f"{g}-{snapshot.last_seq + 1}")
        while True:
            page = await store.read(thread, what)
            messages, expiries = _readable(page.messages), {}
            if snapshot.expiring and messages:
                expiries = await store.message_expiries(thread, [_seq(message) for message in messages])
            yield messages, expiries, page.corrupted + len(page.messages) - len(messages)
            if page.gone or page.next_seq is None:
                return
            what = replace(what, after=f"{g}-{page.next_seq}")

    def _count(self, snapshot: Snapshot, messages: int, damaged: int) -> None:
        self.threads += 1
        self.messages += messages
        self.damaged += damaged
        self.of_threads += snapshot.document.version > 0

    @property
    def _form(self) -> Format:
        return "template" if self.memory.definition.spec.options.working_memory.schema is None else "schema"

    # --- owners -------------------------------------------------------------------------------------------------------

    async def _owners(self, seq: int) -> AsyncIterator[bytes]:
        """Documents of owners, numbered from `seq` on: of the one or of all; of none where a prefix is asked for."""
        async for names in self._owner_names():
            for found in await self.memory.store.owner_documents(names):
                yield lines.owner_line(found, seq + self.documents, self._form)
                self.documents += 1

    async def _owner_names(self) -> AsyncIterator[list[str]]:
        wanted, after, more = self.wanted, None, True
        if wanted.owner is not None:
            yield [wanted.owner]
        while wanted.owner is None and wanted.prefix is None and more:
            page, more = await self.memory.store.owners(after=after, limit=PAGE)
            yield [owner.name for owner in page if owner.document]
            after = page[-1].name if page else None


def _message_lines(
    snapshot: Snapshot, messages: Sequence[bytes], expiries: dict[int, int], index: int, total: int
) -> Iterable[bytes]:
    """Lines of messages, the first of which is the `index`th of `total` lines of the thread."""
    thread, g = snapshot.facts.thread.encode(), snapshot.facts.incarnation
    for place, message in enumerate(messages, index):
        at = expiries.get(_seq(message)) if expiries else None
        yield lines.message_line(thread, lines.seq_of(g, place, total), message, at)


def _readable(entries: Sequence[bytes]) -> list[bytes]:
    """Those of a thread's entries that are messages inside too: a line that nobody can read would damage the export."""
    return [entry for entry in entries if decoded(entry) is not None]


def _seq(message: bytes) -> int:
    return int(decode(message).id.partition("-")[2])
