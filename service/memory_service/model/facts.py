"""What reads ask for and answer: facts, pages, totals, owners, documents, health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from memory_service.model.values import Role


@dataclass(frozen=True, slots=True)
class Facts:
    """A thread as it is now; an absent or expired one has `exists` False and zeros."""

    thread: str
    exists: bool = False
    incarnation: int = 0
    type: str | None = None
    owner: str | None = None
    title: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    max_messages: int | None = None
    messages: int = 0
    system_messages: int = 0
    tokens: int = 0
    bytes: int = 0
    version: int = 0
    created_at: int | None = None
    updated_at: int | None = None
    expires_at: int | None = None
    ttl_ms: int | None = None
    remaining_ms: int | None = None
    pinned: bool = False
    last_flush: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Which messages of a thread to read: a page of them, or with `last` the newest. Ids are exclusive bounds."""

    last: int | None = None
    limit: int = 50
    after: str | None = None
    before: str | None = None
    since: int | None = None
    until: int | None = None
    role: Role | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Stored bytes of each message, in the order asked for. `next_seq` continues after the last one, None at the end.

    A page also ends at 1 MiB. For `last` and for newest first, go on with `before=<incarnation>-<next_seq>`; a `last`
    that was cut short by its bytes has the newest of them and a `next_seq`.
    `gone` is True when `after`/`before` name an incarnation of the thread that is no more. `corrupted` counts entries
    that were passed over because their bytes are those of no message. `stale` says that a refresh on this read would
    move the thread's expiry, where the policy has reads do that.
    """

    messages: list[bytes]
    total: int
    version: int
    incarnation: int
    next_seq: int | None = None
    gone: bool = False
    corrupted: int = 0
    stale: bool = False


@dataclass(frozen=True, slots=True)
class ThreadQuery:
    """Which threads to list. `match` is a glob (`*`, `?`), bounded by `max_scan` threads looked at."""

    prefix: str | None = None
    match: str | None = None
    owner: str | None = None
    type: str | None = None
    expiring_within_ms: int | None = None
    order: Literal["id", "created", "expires_at"] = "id"
    limit: int = 50
    cursor: str | None = None
    max_scan: int = 10_000


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Facts of each thread listed; `truncated` when `max_scan` stopped the search before `limit` did."""

    threads: list[Facts]
    next_cursor: str | None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """The memory in numbers, without a scan. `oldest_pending_ms` is the age of the oldest outbox entry, 0 if none.

    Exact but for one thing: messages, tokens and bytes of threads that expired since the reaper's last step still
    count; `reaper_lag_ms` says how late it is. `pinned` threads are among those `without_ttl`.
    """

    epoch: str
    pos: int
    threads: int
    messages: int
    tokens: int
    bytes: int
    expiring_1h: int
    expiring_24h: int
    expiring_7d: int
    without_ttl: int
    outbox_depth: int
    oldest_pending_ms: int
    dead: int
    reaper_lag_ms: int
    pinned: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """Some messages, and their tokens."""

    messages: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where adding up goes on: behind a seq of a thread's list (0 conversation, 1 system messages)."""

    thread: str
    list: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What one step of adding messages up found; `groups` by "role" and "day" (UTC).

    `looked` counts threads and messages that were looked at, `threads` those begun that live; `damaged` entries could
    not be read. `oldest` and `newest` are timestamps.
    `version` is that of the last thread looked at. `next` is None at the end.
    """

    looked: int = 0
    threads: int = 0
    messages: int = 0
    tokens: int = 0
    damaged: int = 0
    oldest: str | None = None
    newest: str | None = None
    groups: Mapping[str, Mapping[str, Share]] = field(default_factory=dict)
    version: int = 0
    next: Place | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody with threads or a document. `threads` counts those that expired since the reaper's last step."""

    name: str
    threads: int
    document: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one step of erasing an owner removed, or one step of looking found, and how to go on.

    `incarnations` are those of the threads removed, or found; `left` threads are still there; `cursor` goes on, None at
    the end; `pos` is the log's position then.
    """

    messages: int
    documents: int
    backups: int
    left: int
    cursor: int | None
    pos: int
    incarnations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkingDocument:
    """A working-memory document; `version` 0 means none stored. `content` is text (template) or JSON bytes (schema)."""

    content: bytes = b""
    version: int = 0
    updated_at: int | None = None


Status = Literal["ok", "degraded", "failed"]


Circuit = Literal["closed", "half-open", "open"]
"""Whether this process asks a part (closed), fails at once (open), or lets one call find out (half-open)."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one part of a memory answered. `reason` is a CamelCase constant of memory_crd.status."""

    status: Status = "ok"
    reason: str = "Ok"
    message: str = ""
    latency_ms: float | None = None
    lag_seconds: float | None = None
    circuit: Circuit | None = None
