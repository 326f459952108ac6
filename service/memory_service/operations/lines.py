"""The lines of an export: what each says, how they are numbered, and how they are written.

An export is a header, threads in order of their creation, documents of owners, a footer; a thread's line is followed by
its document and its messages. `seq` rises from line to line and is a place in the memory, not a count: each thread has
SPAN numbers of its own, made from its incarnation, and its last line has the last of them. So whoever holds the lines
up to a seq knows without any other state which threads are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import msgspec
from memory_crd import durations
from msgspec import UNSET, Meta, UnsetType

from memory_service.errors import Fault, Refused
from memory_service.model.archive import OwnerDocument, Snapshot
from memory_service.model.facts import WorkingDocument
from memory_service.model.values import Role, ThreadType
from memory_service.operations import moments
from memory_service.operations.words import TITLE_CHARACTERS, Duration, Expiry, Moment, OwnerId, ThreadId
from memory_service.operations.working_memory import Format, readable

VERSION: Final = 1
"""Of the format. A reader refuses a later one."""
SPAN: Final = 1 << 20
"""Numbers of a thread: more than a thread may have lines (options.limits.threadMessages is at most a million)."""
MAX_LINE_BYTES: Final = 8 << 20
"""More than the longest line that an export can have: a document of a mebibyte, each of its characters escaped."""

Seq = Annotated[int, Meta(ge=0, le=(1 << 63) - 1, description="A place in the memory; rises from line to line.")]
encode: Final = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of lines."""

    code = "invalid_import"

    seq: Seq


class HeaderLine(Line, frozen=True, kw_only=True):
    """The first line: of what, when, and from where on."""

    type: Literal["header"] = "header"
    version: Annotated[int, Meta(ge=1, le=VERSION, description="Of this format.")] = VERSION
    memory: str
    exported_at: Moment
    resume_after: Seq = 0
    prefix: str | None = None
    owner: str | None = None


class ThreadLineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A thread's settings. Without `ttl` the memory's own applies."""

    code = "invalid_import"

    type: ThreadType = "CHAT"
    owner: OwnerId | None = None
    title: Annotated[str, Meta(max_length=TITLE_CHARACTERS)] | None = None
    max_messages: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    ttl: Duration | UnsetType = UNSET
    pinned: bool = False
    metadata: dict[str, Any] = {}


class ThreadLine(Line, frozen=True, kw_only=True):
    """A thread; the next lines are its document, if `working_memory` says so, and as many messages as `messages` says.

    `expires_at` is the stored expiry, null for none; a pin suspends it. `version` is of the memory exported.
    """

    type: Literal["thread"] = "thread"
    thread: ThreadId
    settings: ThreadLineSettings
    expires_at: Expiry | None
    created_at: Moment
    updated_at: Moment
    version: Annotated[int, Meta(ge=0)]
    messages: Annotated[int, Meta(ge=0, le=SPAN - 2)]
    working_memory: bool = False


class ExportedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is read. An import gives it another id and counts its tokens again."""

    code = "invalid_import"

    tokens: Annotated[int, Meta(ge=0)] = 0
    id: str = ""
    role: Role
    content: Annotated[str, Meta(min_length=1)]
    timestamp: Moment
    metadata: dict[str, Any] = {}


class MessageLine(Line, frozen=True, kw_only=True):
    """A message of the thread above. `expires_at` is its own expiry."""

    type: Literal["message"] = "message"
    thread: ThreadId
    message: ExportedMessage
    expires_at: Expiry | UnsetType = UNSET


class WorkingMemoryLine(Line, frozen=True, kw_only=True):
    """A document: of the thread above, or of an owner."""

    type: Literal["working_memory"] = "working_memory"
    scope: Literal["thread", "owner"]
    thread: ThreadId | UnsetType = UNSET
    owner: OwnerId | UnsetType = UNSET
    format: Format
    content: Any
    version: Annotated[int, Meta(ge=0)]
    updated_at: Moment
    expires_at: Expiry | UnsetType | None = UNSET


class FooterLine(Line, frozen=True, kw_only=True):
    """The last line: what was written, and the SHA-256 of every line before it with its newline."""

    type: Literal["footer"] = "footer"
    threads: Annotated[int, Meta(ge=0)]
    messages: Annotated[int, Meta(ge=0)]
    working_memory: Annotated[int, Meta(ge=0)]
    damaged: Annotated[int, Meta(ge=0, description="Entries of the store that are no messages, and are not here.")] = 0
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


AnyLine = HeaderLine | ThreadLine | MessageLine | WorkingMemoryLine | FooterLine
LINES: Final[dict[str, type[AnyLine]]] = {
    "header": HeaderLine,
    "thread": ThreadLine,
    "message": MessageLine,
    "working_memory": WorkingMemoryLine,
    "footer": FooterLine,
}


# --- numbers ----------------------------------------------------------------------------------------------------------


def last_of(seq: int) -> int:
    """The number of the last line of the thread that a line belongs to."""
    return seq | (SPAN - 1)


def seq_of(incarnation: int, index: int, lines: int) -> int:
    """The number of a line of a thread, which has so many."""
    return incarnation * SPAN + (index if index < lines - 1 else SPAN - 1)


def whole_before(seq: int) -> int:
    """The incarnation up to which whoever holds the lines up to `seq` has whole threads."""
    return max(0, (seq + 1) // SPAN - 1)


# --- writing ----------------------------------------------------------------------------------------------------------


def thread_head(snapshot: Snapshot, count: int, form: Format) -> list[bytes]:
    """The lines of a thread before its messages, of which there are `count`."""
    facts, thread = snapshot.facts, snapshot.facts.thread
    documents = int(snapshot.document.version > 0)
    total = 1 + documents + count
    line = {
        "type": "thread",
        "seq": seq_of(facts.incarnation, 0, total),
        "thread": thread,
        "settings": _settings(snapshot),
        "expires_at": moments.render_or_none(snapshot.expires_at),
        "created_at": moments.render_or_none(facts.created_at),
        "updated_at": moments.render_or_none(facts.updated_at),
        "version": facts.version,
        "messages": count,
        "working_memory": bool(documents),
    }
    lines = [encode(line) + b"\n"]
    if documents:
        seq = seq_of(facts.incarnation, 1, total)
        place = {"type": "working_memory", "seq": seq, "scope": "thread", "thread": thread}
        lines.append(encode(place | _document(snapshot.document, form)) + b"\n")
    return lines


def message_line(thread: bytes, seq: int, message: bytes, expires_at: int | None) -> bytes:
    """A message's line around the bytes that are stored."""
    if expires_at is None:
        return b'{"type":"message","seq":%d,"thread":"%s","message":%s}\n' % (seq, thread, message)
    at = moments.render(expires_at).encode()
    return b'{"type":"message","seq":%d,"thread":"%s","message":%s,"expires_at":"%s"}\n' % (seq, thread, message, at)


def owner_line(found: OwnerDocument, seq: int, form: Format) -> bytes:
    """An owner's document."""
    place = {"type": "working_memory", "seq": seq, "scope": "owner", "owner": found.owner}
    until = {"expires_at": moments.render_or_none(found.expires_at)}
    return encode(place | _document(found.document, form) | until) + b"\n"


def _settings(snapshot: Snapshot) -> dict[str, object]:
    facts = snapshot.facts
    said: dict[str, object] = {"type": facts.type, "owner": facts.owner, "title": facts.title}
    said |= {"max_messages": facts.max_messages, "pinned": facts.pinned, "metadata": facts.metadata}
    return said if snapshot.ttl_ms is None else said | {"ttl": durations.render(snapshot.ttl_ms)}


def _document(document: WorkingDocument, form: Format) -> dict[str, object]:
    content, form = readable(document.content, form)
    at = moments.render_or_none(document.updated_at)
    return {"format": form, "content": content, "version": document.version, "updated_at": at}


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
