"""Query strings and bodies of the HTTP API as msgspec Structs: what is read, checked and published.

A Struct's `code` is the fault code of its fields; words (ThreadId, Duration, ...) carry their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.model.values import Role, Strategy, ThreadType
from memory_service.operations.lines import Seq
from memory_service.operations.messages import MAX_BATCH, NewMessage
from memory_service.operations.words import (
    TITLE_CHARACTERS,
    AnyOwner,
    Duration,
    Expiry,
    MessageId,
    Moment,
    OwnerId,
    Span,
    ThreadId,
    Version,
)
from memory_service.policies.flushing import TARGET

DryRun = Annotated[bool | UnsetType, Meta(description="Answer exactly what would happen, and write nothing.")]
Limit = Annotated[int, Meta(ge=1, le=1000, description="Most items of a page; a page also ends at 1 MiB.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=1024, extra={"code": "invalid_cursor"})]
Window = Annotated[int, Meta(ge=1, le=100_000, description="Most non-system messages kept; the oldest go first.")]
Messages = Annotated[list[NewMessage], Meta(description=f"At most {MAX_BATCH}.")]
PlainMessage = Annotated[
    str, Meta(min_length=1, description="The text of one user message.", extra={"code": "invalid_message"})
]

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


class StatsQuery(Query, frozen=True, kw_only=True):
    """What to group messages by, and how many to look at; the last two belong to `group_by`."""

    group_by: (
        Annotated[
            Literal["role", "day", "role,day", "day,role"],
            Meta(description="Messages and tokens by role, by day (UTC), or both."),
        ]
        | UnsetType
    ) = UNSET
    max_scan: (
        Annotated[int, Meta(ge=1, le=100_000, description="Most messages and threads looked at; 10,000 by default.")]
        | UnsetType
    ) = UNSET
    cursor: Cursor | UnsetType = UNSET


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
    expiring_within: Annotated[Span, Meta(description="Threads that expire within this time.")] | None = None
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
    timeout: Span | None = None


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
    title: Annotated[str, Meta(max_length=TITLE_CHARACTERS)] | UnsetType | None = UNSET
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
    timeout: Annotated[Span, Meta(description="At most 30s.")] | None = None
    exclude: Annotated[list[MessageId], Meta(max_length=1000)] = []


class ContextBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt needs, for long queries."""

    code = "invalid_query"

    query: Annotated[str, Meta(min_length=1, max_length=65_536)] | None = None
    budget: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    limit: Limit | None = None
    consistency: Literal["eventual", "strong"] = "eventual"
    timeout: Span | None = None


class FlushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How to flush: shares are of the limits of the memory's policy, without one of the thread's present size."""

    strategy: Annotated[Strategy | UnsetType, Meta(description="The policy's if absent, else simple_fifo.")] = UNSET
    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | UnsetType,
        Meta(description="From here on there is something to do; the policy's if absent, else 0.8."),
    ] = UNSET
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


class ImportQuery(Query, frozen=True, kw_only=True):
    """How to import."""

    mode: Annotated[
        Literal["fail", "skip", "replace"], Meta(description="What becomes of a thread or document that exists.")
    ] = "fail"
    resume_after: Annotated[Seq, Meta(description="Lines of threads that are whole up to here are passed over.")] = 0


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to export: everything, if nothing is said."""

    resume_after: Annotated[
        Seq, Meta(description="The `seq` of the last line that arrived: threads that are whole by then are left out.")
    ] = 0
    prefix: Annotated[str, Meta(min_length=1, max_length=255, description="Threads whose ids begin so.")] | None = None
    owner: Annotated[OwnerId, Meta(description="Threads and working memory of this owner.")] | None = None


class WorkingMemoryBody(msgspec.Struct, frozen=True, kw_only=True):
    """Text for a template, an object for a schema."""

    content: Any
    dry_run: DryRun = UNSET


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
