"""Answers of the HTTP API as msgspec Structs: what is written and published."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.model.values import Role, Strategy, ThreadType
from memory_service.operations.words import Version

Redacted = Annotated[int | UnsetType, Meta(description="Messages in which something was replaced.")]
Excluded = Annotated[int | UnsetType, Meta(description="Messages not stored because of their role.")]
Seconds = Annotated[float, Meta(ge=0)]


class Answer(msgspec.Struct, kw_only=True):
    """Base of answers."""


class Mutated(Answer, kw_only=True):
    """Base of the answers of mutations."""

    dry_run: bool | UnsetType = UNSET
    version: Version


class Stored(Mutated, kw_only=True):
    """Base of the answers that store messages; the two counts are there where the Memory declares `options.privacy`."""

    redacted: Redacted = UNSET
    excluded: Excluded = UNSET


class Relief(Answer, kw_only=True):
    """The flush that a write brought about: messages and tokens that left, and by which strategy."""

    removed: int
    tokens_freed: int
    actual_strategy: Strategy


Flushed = Annotated[Relief | UnsetType, Meta(description="There when the write made the policy flush the thread.")]


class Appended(Stored, kw_only=True):
    """What an append did."""

    appended: int
    ids: list[str]
    total: int
    evicted: int
    flushed: Flushed = UNSET
    created: bool
    expires_at: str | None


class Written(Stored, kw_only=True):
    """What a write did."""

    written: int
    ids: list[str]
    total: int
    evicted: int
    flushed: Flushed = UNSET
    created: bool
    expires_at: str | None


class Configured(Mutated, kw_only=True):
    """What became of the settings."""

    thread: str
    created: bool
    changed: bool
    expires_at: str | None
    redacted: Annotated[int | UnsetType, Meta(description="Title and metadata in which something was replaced.")] = (
        UNSET
    )


class Expires(Mutated, kw_only=True):
    """When it expires now; `changed` is false when the change would have shortened it, or moved nothing."""

    changed: bool
    expires_at: str | None


class FlushSummary(Answer, kw_only=True):
    """The system message that stands for what left; `content` is null when that message is gone itself."""

    id: str | None
    content: str | None
    messages: int | None
    by: Literal["model", "rules"] | None


class FlushAnswer(Mutated, kw_only=True):
    """What a flush did: messages that left, messages and tokens that are there now."""

    kept: int
    removed: int
    tokens_kept: int
    tokens_freed: int
    summary: FlushSummary | None
    actual_strategy: Strategy
    would_flush: bool


class Deleted(Mutated, kw_only=True):
    """Whether there was something to delete."""

    deleted: bool


class Cleared(Mutated, kw_only=True):
    """How many messages went."""

    cleared: int
    backup_id: str | None


class Restored(Mutated, kw_only=True):
    """How many messages came back."""

    restored: int


class Message(Answer, kw_only=True, omit_defaults=True):
    """A stored message."""

    tokens: int
    id: str
    role: Role
    content: str
    timestamp: str
    metadata: dict[str, Any] = {}


class MessagesPage(Answer, kw_only=True):
    """Messages of a thread; `total` counts the whole thread."""

    thread: str
    messages: list[Message]
    total: int
    version: Version
    next_cursor: str | None
    corrupted: Annotated[int | UnsetType, Meta(description="Damaged entries that were passed over; left out if 0.")] = (
        UNSET
    )


class ThreadFacts(Answer, kw_only=True):
    """A thread as it is; an absent one has `exists` false and nulls."""

    thread: str
    exists: bool
    type: ThreadType | None
    owner: str | None
    title: str | None
    metadata: dict[str, Any]
    max_messages: int | None
    messages: int
    system_messages: int
    tokens: int
    bytes: int
    version: Version
    created_at: str | None
    updated_at: str | None
    expires_at: str | None
    ttl_seconds: Annotated[int, Meta(description="Seconds until it expires.")] | None
    pinned: bool
    last_flush: dict[str, Any] | None


class ThreadsPage(Answer, kw_only=True):
    """Threads of a memory; `truncated` when `max_scan` ended the search."""

    items: list[ThreadFacts]
    next_cursor: str | None
    truncated: bool


class ComponentHealth(Answer, kw_only=True, omit_defaults=True):
    """One part."""

    status: Literal["ok", "degraded", "failed"]
    reason: str
    latency_ms: float | None
    message: str = ""
    lag_seconds: float | UnsetType = UNSET
    circuit: Annotated[
        Literal["closed", "half-open", "open"] | UnsetType,
        Meta(
            description="open: this instance fails at once instead of waiting for the part; half-open: it tries again."
        ),
    ] = UNSET


class HealthAnswer(Answer, kw_only=True):
    """Every part of a memory. failed: history cannot be served. degraded: recall is not what it should be."""

    status: Literal["ok", "degraded", "failed"]
    components: dict[str, ComponentHealth]
    checked_at: str


class OutboxStats(Answer, kw_only=True):
    """What the vector store has yet to learn."""

    depth: int
    lag_seconds: float
    dead: int


class Share(Answer, kw_only=True):
    """Messages of a group, and their tokens."""

    messages: int
    tokens: int


class Counted(Answer, kw_only=True):
    """What `groups` are the sum of; `damaged` entries could not be read."""

    threads: int
    messages: int
    damaged: int


class StatsAnswer(Answer, kw_only=True):
    """A memory in numbers; `vectors` is null while the vector store is away.

    With `group_by` also its messages by role, by day (UTC), or both, as far as `max_scan` reaches: when `truncated`, go
    on with `next_cursor` and add the pages up.
    """

    memory: str
    threads: int
    messages: int
    tokens: int
    bytes: int
    vectors: int | None
    expiring: dict[str, int]
    without_ttl: int
    outbox: OutboxStats
    groups: dict[str, dict[str, Share]] | UnsetType = UNSET
    counted: Counted | UnsetType = UNSET
    truncated: bool | UnsetType = UNSET
    next_cursor: str | UnsetType | None = UNSET


class OwnerAnswer(Answer, kw_only=True):
    """Whom threads belong to, or a document; threads that expired a moment ago may still count."""

    owner: str
    threads: int
    working_memory: bool


class OwnersPage(Answer, kw_only=True):
    """The owners of a memory, in order of name."""

    items: list[OwnerAnswer]
    next_cursor: str | None


class ErasureCounts(Answer, kw_only=True):
    """What there is, or was, of an owner."""

    threads: int
    messages: int
    working_memory: int
    vectors: int
    backups: int


class ErasureReceipt(Answer, kw_only=True):
    """What was erased of an owner and what a second look found; `verified` when that look saw all and found nothing.

    A dry run says what would be removed.
    """

    owner: str
    erased_at: str
    removed: ErasureCounts
    remaining: ErasureCounts
    verified: bool
    dry_run: bool | UnsetType = UNSET


class DeadLetterAnswer(Answer, kw_only=True):
    """A message that could not be indexed, after how many attempts, why, and since when."""

    id: str
    thread: str
    message: str
    error: str
    attempts: int
    since: str


class DeadLettersPage(Answer, kw_only=True):
    """Messages that could not be indexed, the oldest letter first."""

    items: list[DeadLetterAnswer]
    next_cursor: str | None


class Replayed(Answer, kw_only=True):
    """How many dead letters were put on the outbox again."""

    replayed: int


class AuditAnswer(Answer, kw_only=True):
    """History and vectors compared: points without a message were deleted, messages without a point enqueued."""

    threads: int
    points: int
    orphans: int
    missing: int
    repaired: int
    seconds: float


class MemoryAnswer(Answer, kw_only=True):
    """A declared memory: its definition with every default, the generation being served, and whether it works."""

    id: str
    name: str
    generation: int
    ready: bool
    reasons: list[str]
    token_counter: Annotated[str | None, Meta(description="What counts its tokens: a vocabulary, or `estimate`.")]
    definition: dict[str, Any]


class MemoriesPage(Answer, kw_only=True):
    """The memories of this instance."""

    items: list[MemoryAnswer]
    next_cursor: str | None


class Signal(Answer, kw_only=True):
    """How one kind of search ranked a hit."""

    rank: int
    score: float


class HitNeighbours(Answer, kw_only=True):
    """Messages around a hit, oldest first."""

    before: list[Message]
    after: list[Message]


class HitAnswer(Answer, kw_only=True):
    """A recalled message and why it came back."""

    message: Message
    thread: str
    score: float
    similarity: float | None
    why: dict[Literal["dense", "keyword"], Signal]
    neighbours: HitNeighbours


class Lag(Answer, kw_only=True):
    """How far the index is behind."""

    positions: int
    seconds: float


class RecallResult(Answer, kw_only=True):
    """Hits, best first."""

    hits: list[HitAnswer]
    searched: int
    lag: Lag
    consistent: bool
    degraded: bool
    mode: str
    reason: str | UnsetType = UNSET


class CurrentThread(Answer, kw_only=True):
    """The thread itself."""

    thread_id: str
    messages: list[Message]
    metadata: dict[str, str | None]


class RecalledMessage(Answer, kw_only=True):
    """A recalled message in the shape of the v0 reference."""

    content: str
    similarity: float
    timestamp: str
    role: Role
    id: str
    metadata: dict[str, Any]
    neighbours: HitNeighbours


class WorkingMemoryAnswer(Answer, kw_only=True):
    """A working-memory document; version 0 is the one that a new document starts with.

    A change answers what it wrote. A repeated merge answers content null where the document has changed too much since.
    """

    content: Any
    format: Literal["template", "schema"]
    scope: Literal["thread", "owner"]
    version: int
    updated_at: str | None
    redacted: Annotated[int | UnsetType, Meta(description="1 where a change had something replaced.")] = UNSET
    dry_run: bool | UnsetType = UNSET


class ContextAnswer(Answer, kw_only=True):
    """What a prompt needs; `semantic_search_reason` says why nothing, or less, was searched."""

    current_thread: CurrentThread
    last_messages: list[Message]
    semantic_search: list[RecalledMessage]
    semantic_search_reason: str | None
    working_memory: WorkingMemoryAnswer | None
    tokens: int
    consistent: bool
    degraded: bool


class WorkingMemoryDeleted(Answer, kw_only=True):
    """Whether there was a document."""

    deleted: bool
    dry_run: bool | UnsetType = UNSET


class BulkResult(Answer, kw_only=True, omit_defaults=True):
    """One item's result: the answer of its append, or its problem."""

    thread: str
    status: int
    appended: int | UnsetType = UNSET
    ids: list[str] | UnsetType = UNSET
    total: int | UnsetType = UNSET
    evicted: int | UnsetType = UNSET
    flushed: Flushed = UNSET
    created: bool | UnsetType = UNSET
    version: int | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET
    redacted: Redacted = UNSET
    excluded: Excluded = UNSET
    error: dict[str, Any] | UnsetType = UNSET


class BulkAnswer(Answer, kw_only=True):
    """A result an item, in order."""

    results: list[BulkResult]
    dry_run: bool | UnsetType = UNSET


class ActionAnswer(Answer, kw_only=True, omit_defaults=True):
    """What the action asked for: which members depends on the operation."""

    memoryConversationId: str | UnsetType = UNSET
    memoryHistory: list[dict[str, Any]] | UnsetType = UNSET
    appended: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    version: int | UnsetType = UNSET
    redacted: Redacted = UNSET
    excluded: Excluded = UNSET
    cleared: int | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET


class OperationAnswer(Answer, kw_only=True, omit_defaults=True):
    """What one keyed operation did; or, of a list, a result each."""

    id: str | UnsetType | None = UNSET
    operation: str | UnsetType = UNSET
    key: str | UnsetType | None = UNSET
    ok: bool | UnsetType = UNSET
    output: dict[str, Any] | UnsetType | None = UNSET
    next: str | UnsetType | None = UNSET
    error: dict[str, Any] | UnsetType | None = UNSET
    results: list[OperationAnswer] | UnsetType = UNSET


class ImportCounts(Answer, kw_only=True):
    """How many came in (of which `replaced` were there before), were left alone, were over, left again by a window."""

    imported: int
    replaced: int
    skipped: int
    expired: int
    evicted: int


class Imported(Answer, kw_only=True):
    """What an import did. `resume_after` is where it would go on after the last whole thread."""

    lines: int
    threads: ImportCounts
    messages: ImportCounts
    working_memory: ImportCounts
    redacted: int
    excluded: int
    resume_after: int
