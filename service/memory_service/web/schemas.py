"""Bodies, query strings and answers of the HTTP API as msgspec Structs: what is read, checked, written and published.

A Struct's `code` is the fault code of its fields; words (ThreadId, Duration, ...) carry their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.model import Role, ThreadType
from memory_service.operations.messages import MAX_BATCH, NewMessage
from memory_service.operations.words import AnyOwner, Duration, Expiry, MessageId, Moment, OwnerId, ThreadId
from memory_service.policies.flushing import TARGET, THRESHOLD, Strategy

DryRun = Annotated[bool | UnsetType, Meta(description="Answer exactly what would happen, and write nothing.")]
Limit = Annotated[int, Meta(ge=1, le=1000, description="Most items of a page; a page also ends at 1 MiB.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=1024, extra={"code": "invalid_cursor"})]
Version = Annotated[int, Meta(ge=0, description="Rises over the memory's life and is never used again.")]
Window = Annotated[int, Meta(ge=1, le=100_000, description="Most non-system messages kept; the oldest go first.")]
Messages = Annotated[list[NewMessage], Meta(description=f"At most {MAX_BATCH}.")]
PlainMessage = Annotated[
    str, Meta(min_length=1, description="The text of one user message.", extra={"code": "invalid_message"})
]
Redacted = Annotated[int | UnsetType, Meta(description="Messages in which something was replaced.")]
Excluded = Annotated[int | UnsetType, Meta(description="Messages not stored because of their role.")]
Seconds = Annotated[float, Meta(ge=0)]

# --- query strings ----------------------------------------------------------------------------------------------------


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query string; parameters that are not declared are refused."""

    code = "invalid_parameter"


class NoQuery(Query, frozen=True, kw_only=True):
    """No parameters."""


class DryRunQuery(Query, frozen=True, kw_only=True):
    """Of mutations."""

    dry_run: DryRun = UNSET


class ClearQuery(DryRunQuery, frozen=True, kw_only=True):
    """Of a clear."""

    backup: Annotated[bool, Meta(description="Keep a copy that can be restored for 30 days.")] = False


class PageQuery(Query, frozen=True, kw_only=True):
    """A page of a list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class ThreadsQuery(Query, frozen=True, kw_only=True):
    """Which threads to list."""

    limit: Limit = 50
    cursor: Cursor | None = None
    prefix: Annotated[str, Meta(min_length=1, max_length=255, description="Ids that begin so.")] | None = None
    match: (
        Annotated[str, Meta(min_length=1, max_length=255, description="Ids that match: * is any run, ? one character.")]
        | None
    ) = None
    max_scan: Annotated[int, Meta(ge=1, le=100_000, description="Most threads that `match` looks at.")] = 10_000
    owner: OwnerId | None = None
    type: ThreadType | None = None
    expiring_within: Annotated[Duration, Meta(description="Threads that expire within this time.")] | None = None
    order: Literal["id", "created", "expires_at"] = "id"


class OwnerThreadsQuery(PageQuery, frozen=True, kw_only=True):
    """Which of an owner's threads to list."""

    type: ThreadType | None = None
    order: Literal["id", "created", "expires_at"] = "id"


class MessagesQuery(Query, frozen=True, kw_only=True):
    """Which messages of a thread to read."""

    last: Annotated[int, Meta(ge=1, le=1000, description="The newest N, oldest first.")] | None = None
    limit: Limit | None = None
    cursor: Cursor | None = None
    after: Annotated[MessageId, Meta(description="Messages after this one.")] | None = None
    before: Annotated[MessageId, Meta(description="Messages before this one.")] | None = None
    since: Annotated[Moment, Meta(description="Timestamp at or after this.")] | None = None
    until: Annotated[Moment, Meta(description="Timestamp before this.")] | None = None
    role: Role | None = None
    order: Literal["asc", "desc"] = "asc"


class ContextQuery(Query, frozen=True, kw_only=True):
    """What a prompt needs."""

    query: Annotated[str, Meta(min_length=1, max_length=8192, extra={"code": "invalid_query"})] | None = None
    budget: Annotated[int, Meta(ge=1, le=10_000_000, description="Tokens to spend.")] | None = None
    limit: Limit | None = None
    consistency: Literal["eventual", "strong"] = "eventual"
    timeout: Duration | None = None


# --- bodies -----------------------------------------------------------------------------------------------------------


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in order."""

    code = "invalid_message"

    messages: Messages
    dry_run: DryRun = UNSET


class ThreadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a thread. Absent ones are defaults with PUT (but the owner stays), and kept with PATCH."""

    type: ThreadType | UnsetType = UNSET
    owner: OwnerId | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=1024)] | UnsetType | None = UNSET
    max_messages: Window | UnsetType | None = UNSET
    ttl: Duration | UnsetType | None = UNSET
    pinned: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    dry_run: DryRun = UNSET


class TtlChange(msgspec.Struct, frozen=True, kw_only=True):
    """One of `ttl`, `expires_at` and `pinned`; 0 or null is no expiry. `extend` never shortens."""

    code = "invalid_ttl"

    ttl: Duration | UnsetType | None = UNSET
    expires_at: Expiry | UnsetType | None = UNSET
    pinned: bool | UnsetType = UNSET
    mode: Literal["extend", "set"] = "extend"
    dry_run: DryRun = UNSET


class MessageTtlChange(msgspec.Struct, frozen=True, kw_only=True):
    """One of `ttl` and `expires_at`, for one message."""

    code = "invalid_ttl"

    ttl: Duration | UnsetType | None = UNSET
    expires_at: Expiry | UnsetType | None = UNSET
    mode: Literal["extend", "set"] = "extend"
    dry_run: DryRun = UNSET


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which backup to bring back."""

    backup_id: Annotated[str, Meta(min_length=1, max_length=128)]
    dry_run: DryRun = UNSET


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages around each hit."""

    code = "invalid_query"

    before: Annotated[int, Meta(ge=0, le=20)] = 0
    after: Annotated[int, Meta(ge=0, le=20)] = 0


class RecallBody(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the memory."""

    code = "invalid_query"

    query: Annotated[str, Meta(min_length=1, max_length=65_536)]
    max_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    scope: Literal["thread", "owner", "memory"] | None = None
    thread: ThreadId | None = None
    owner: AnyOwner | None = None
    filter: Annotated[dict[str, Any], Meta(description="Declared keys, role, timestamp.")] | None = None
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    neighbours: Annotated[int, Meta(ge=0, le=20)] | Neighbours | None = None
    mode: Literal["hybrid", "dense", "keyword"] | None = None
    consistency: Literal["eventual", "strong"] = "eventual"
    timeout: Annotated[Duration, Meta(description="At most 30s.")] | None = None
    exclude: Annotated[list[MessageId], Meta(max_length=1000)] = []


class ContextBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt needs, for long queries."""

    code = "invalid_query"

    query: Annotated[str, Meta(min_length=1, max_length=65_536)] | None = None
    budget: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    limit: Limit | None = None
    consistency: Literal["eventual", "strong"] = "eventual"
    timeout: Duration | None = None


class FlushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How to flush: shares are of the thread's window in messages, without one of its present size."""

    strategy: Strategy = "simple_fifo"
    threshold: Annotated[float, Meta(ge=0, le=1, description="From here on there is something to do.")] = THRESHOLD
    target: Annotated[float, Meta(ge=0, le=1, description="What to come down to.")] = TARGET
    force: Annotated[bool, Meta(description="Flush below the threshold too.")] = False
    dry_run: DryRun = UNSET


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters to try again; all of them without `ids`."""

    ids: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, max_length=41, description="The `id` of a dead letter.")]],
            Meta(min_length=1, max_length=1000),
        ]
        | None
    ) = None


class WorkingMemoryBody(msgspec.Struct, frozen=True, kw_only=True):
    """Text for a template, an object for a schema."""

    content: Any


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """Messages for one thread."""

    code = "invalid_message"

    thread: ThreadId
    messages: Messages
    expected_version: Version | UnsetType = UNSET


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """Messages for many threads; each item succeeds or fails on its own."""

    items: Annotated[list[BulkItem], Meta(min_length=1, max_length=MAX_BATCH)]
    dry_run: DryRun = UNSET


# --- answers ----------------------------------------------------------------------------------------------------------


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


class Appended(Stored, kw_only=True):
    """What an append did."""

    appended: int
    ids: list[str]
    total: int
    evicted: int
    created: bool
    expires_at: str | None


class Written(Stored, kw_only=True):
    """What a write did."""

    written: int
    ids: list[str]
    total: int
    evicted: int
    created: bool
    expires_at: str | None


class Configured(Mutated, kw_only=True):
    """What became of the settings."""

    thread: str
    created: bool
    changed: bool
    expires_at: str | None


class Expires(Mutated, kw_only=True):
    """When it expires now; `changed` is false when the change would have shortened it, or moved nothing."""

    changed: bool
    expires_at: str | None


class FlushSummary(Answer, kw_only=True):
    """The system message that stands for what left; `content` is null when that message is gone itself."""

    id: str | None
    content: str | None
    messages: int | None


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


class StatsAnswer(Answer, kw_only=True):
    """A memory in numbers; `vectors` is null while the vector store is away."""

    memory: str
    threads: int
    messages: int
    tokens: int
    bytes: int
    vectors: int | None
    expiring: dict[str, int]
    without_ttl: int
    outbox: OutboxStats


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
    """What was erased of an owner and what a second look found; `verified` when that look saw all and found nothing."""

    owner: str
    erased_at: str
    removed: ErasureCounts
    remaining: ErasureCounts
    verified: bool


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
    """A working-memory document; version 0 is the one that a new document starts with."""

    content: Any
    format: Literal["template", "schema"]
    scope: Literal["thread", "owner"]
    version: int
    updated_at: str | None


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


class BulkResult(Answer, kw_only=True, omit_defaults=True):
    """One item's result: the answer of its append, or its problem."""

    thread: str
    status: int
    appended: int | UnsetType = UNSET
    ids: list[str] | UnsetType = UNSET
    total: int | UnsetType = UNSET
    evicted: int | UnsetType = UNSET
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
    memoryHistory: list[dict[str, str]] | UnsetType = UNSET
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
