"""The values that travel between floors: drafts, mutations, outcomes, facts, pages. Pure data, no I/O.

Times are integer milliseconds since the epoch (UTC); durations are milliseconds; None is "no expiry".
A message id is `<incarnation>-<seq>`; a thread's version is the memory-wide position of its last mutation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

PARTITIONS = 4
"""Ordered outbox partitions of a memory; a thread always hashes to the same one (data-engine.md section 4)."""

ROLES = ("user", "assistant", "system", "tool")
Role = Literal["user", "assistant", "system", "tool"]
ThreadType = Literal["CHAT", "WORKFLOW", "AGENT"]


class Unset(StrEnum):
    """Tells "not given" from None ("take it away") in settings."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Who asked (a digest of principal, method, concrete path and key) and what (a digest of body and sorted query)."""

    digest: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Guard:
    """What every mutation of a thread honours. `if_match` is the version the caller saw."""

    if_match: int | None = None
    if_absent: bool = False
    dry_run: bool = False
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A validated, redacted message about to be stored.

    `tail` is the canonical JSON of the message after its id, with the closing brace and without the opening one:
    `"role":"user","content":"...","timestamp":"2026-01-01T00:00:00.000Z","metadata":{...}}`. The store puts
    `{"tokens":N,"id":"<g>-<seq>",` in front, so reads join stored bytes and never decode them. Filters by role and time
    rely on this order of fields and on the timestamp's fixed width.
    At most one of `ttl_ms` and `expires_at` is set: the message's own expiry.
    """

    role: Role
    tail: bytes
    tokens: int
    ttl_ms: int | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """A thread's settings as asked for; UNSET fields are kept (PATCH) or defaulted (PUT; owner is always kept)."""

    type: ThreadType | Unset = UNSET
    owner: str | Unset | None = UNSET
    title: str | Unset | None = UNSET
    max_messages: int | Unset | None = UNSET
    ttl_ms: int | Unset | None = UNSET
    pinned: bool | Unset = UNSET
    metadata: dict[str, object] | Unset | None = UNSET


# --- mutations: one dataclass an operation; the store turns each into one step of one script -------------------------


@dataclass(frozen=True, slots=True)
class Append:
    """Add messages at the end; creates the thread when absent. No drafts is a no-op that writes nothing."""

    thread: str
    drafts: tuple[Draft, ...]
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Replace:
    """Write: the thread's messages become exactly these, atomically; settings stay."""

    thread: str
    drafts: tuple[Draft, ...]
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Clear:
    """Empty the thread; slot, settings and version stay. `backup_ttl_ms` keeps a real copy for that long."""

    thread: str
    backup_ttl_ms: int | None = None
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring a backup back into an empty thread (else `not_empty`)."""

    thread: str
    backup_id: str
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove slot, settings, messages, thread working memory; absent is success with `deleted` False."""

    thread: str
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Configure:
    """PUT (`replace`), PATCH (`merge`) or CREATE_CONVERSATION (`create`: other settings are `settings_conflict`)."""

    thread: str
    settings: Settings
    mode: Literal["replace", "merge", "create"]
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class SetTtl:
    """POST ttl. One of `ttl_ms`, `expires_at`, `pinned`, or `forever`; `extend` never shortens. Version stays."""

    thread: str
    mode: Literal["extend", "set"] = "extend"
    ttl_ms: int | None = None
    expires_at: int | None = None
    forever: bool = False
    pinned: bool | None = None
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Remove one message (`message_not_found` when it is not there)."""

    thread: str
    message_id: str
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class SetMessageTtl:
    """POST messages/{id}/ttl: the message's own expiry, never past the thread's for readers."""

    thread: str
    message_id: str
    mode: Literal["extend", "set"] = "extend"
    ttl_ms: int | None = None
    expires_at: int | None = None
    forever: bool = False
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Flush:
    """Take chosen messages away and put a summary, a system message, in their place; others stay as they are.

    `seqs` rise. `record` is the JSON object that readers see as `last_flush`. Its guard names the version that the
    choice was made for. No seqs is a no-op.
    """

    thread: str
    seqs: tuple[int, ...]
    summary: Draft | None
    record: bytes
    guard: Guard = Guard()


Mutation = Append | Replace | Clear | Restore | Delete | Configure | SetTtl | DeleteMessage | SetMessageTtl | Flush


CODES = (
    "ok",
    "version_mismatch",
    "exists",
    "settings_conflict",
    "not_empty",
    "thread_full",
    "token_limit",
    "system_cap",
    "quota_exceeded",
    "thread_not_found",
    "message_not_found",
    "backup_not_found",
    "idempotency_mismatch",
    "invalid_ttl",
    "busy",
)
"""Everything a mutation can decide. Their order is stored (idempotency records): append, never reorder."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a memory's privacy did to what came in: texts redacted, messages excluded a role, both never the text.

    `counted` is False for what was not written now: dry runs and replays.
    """

    redacted: int = 0
    excluded: tuple[tuple[str, int], ...] = ()
    counted: bool = True

    @property
    def kept_out(self) -> int:
        """How many messages were excluded, over all roles."""
        return sum(count for _, count in self.excluded)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one mutation did, in numbers only: it can be kept for a replay without keeping content.

    `code` is "ok" or one of CODES. `version` is the thread's version now (the current one on a dry run or a refusal);
    `pos` and `epoch` make Memory-Consistency. `count` is how many messages were stored (Append, Replace, Restore) or
    removed (Clear, Delete, DeleteMessage), `evicted` how many had to leave by the window, `total` how many are there.
    `expires_at` is the thread's; after SetMessageTtl it is the message's.
    After Flush `count` is how many messages left, without summaries of before; `first_seq` is the new summary's, 0 for
    none; `tokens` are the thread's now, `tokens_freed` how many fewer that is.
    `cleaned` is no number of the store: the operation adds it, where the memory declares privacy.
    """

    code: str = "ok"
    version: int = 0
    epoch: str = ""
    pos: int = 0
    replayed: bool = False
    created: bool = False
    changed: bool = False
    incarnation: int = 0
    first_seq: int = 0
    count: int = 0
    total: int = 0
    evicted: int = 0
    expires_at: int | None = None
    refreshed: bool = False
    deleted: bool = False
    backup_id: str | None = None
    quota: str | None = None
    used: int = 0
    limit: int = 0
    tokens: int = 0
    tokens_freed: int = 0
    cleaned: Cleaned | None = None

    @property
    def ids(self) -> list[str]:
        """Ids of the messages this mutation stored, oldest first (those evicted again by the window included)."""
        return [f"{self.incarnation}-{seq}" for seq in range(self.first_seq, self.first_seq + self.count)]


# --- what reads return ------------------------------------------------------------------------------------------------


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
    """Which messages of a thread to read. `last` wins over paging; ids are seqs of one incarnation, exclusive."""

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
    `gone` is True when `after`/`before` name an incarnation of the thread that is no more.
    """

    messages: list[bytes]
    total: int
    version: int
    incarnation: int
    next_seq: int | None = None
    gone: bool = False


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
class Owner:
    """Somebody with threads or a document. `threads` counts those that expired since the reaper's last step."""

    name: str
    threads: int
    document: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one step of erasing an owner removed, or one step of looking found, and how to go on.

    `incarnations` are those of the threads removed; `left` threads are still there; `cursor` continues in the backups,
    None at their end; `pos` is the log's position then.
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


# --- health -----------------------------------------------------------------------------------------------------------

Status = Literal["ok", "degraded", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """What one part of a memory answered. `reason` is a CamelCase constant of memory_crd.status."""

    status: Status = "ok"
    reason: str = "Ok"
    message: str = ""
    latency_ms: float | None = None
    lag_seconds: float | None = None


# --- recall -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the vector store proposes: a message of one incarnation of a thread."""

    thread: str
    incarnation: int
    seq: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose threads may come back: one thread, one owner's, the ownerless (`owner` None), both, or all (`any_owner`).

    A thread with an owner passes only for that owner, also when it is the `thread` named here.
    """

    thread: str | None = None
    owner: str | None = None
    ownerless: bool = True
    any_owner: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A candidate that is alive at the instant of the check: its stored bytes and those of its neighbours, in order."""

    candidate: Candidate
    owner: str | None
    message: bytes
    before: list[bytes]
    after: list[bytes]


@dataclass(frozen=True, slots=True)
class SparseVector:
    """A BM25 vector: term ids and their weights, of equal length. Empty when a text has no indexable word."""

    indices: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """A question as vectors. What could not be made is None: `reason` (of memory_crd.status) and `message` say why."""

    dense: tuple[float, ...] | None = None
    sparse: SparseVector | None = None
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """One field that a recalled message must match: any of some values, or a range. Filters of a recall are ANDed.

    `key` is `role`, `timestamp` (milliseconds) or a declared metadata key; `metadata` tells the last from the others.
    Datetimes arrive as milliseconds. An empty `any_of` means a range.
    """

    key: str
    metadata: bool = False
    any_of: tuple[str | int | float | bool, ...] = ()
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask of the vector index: by meaning (`dense`), by words (`sparse`), or both; `limit` of each.

    `exclude` holds message ids that must not come back.
    """

    audience: Audience
    dense: tuple[float, ...] | None = None
    sparse: SparseVector | None = None
    filters: tuple[FieldFilter, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int = 40


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the index proposes, best first: (candidate, cosine) for all, (candidate, BM25 score) for word matches."""

    dense: tuple[tuple[Candidate, float], ...] = ()
    keyword: tuple[tuple[Candidate, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One message as the vector index keeps it. `metadata` holds declared keys only; `timestamp` is milliseconds."""

    candidate: Candidate
    owner: str | None
    role: str
    timestamp: int
    metadata: dict[str, object]
    dense: Sequence[float] | None
    sparse: SparseVector | None


@dataclass(frozen=True, slots=True)
class Removals:
    """What the index must forget, and the owners it must learn, after coalescing; all of it idempotent.

    `gone` are incarnations; `cuts` are (incarnation, upto): every seq <= upto; `candidates` are single messages;
    `owners` are (incarnation, owner).
    """

    gone: tuple[int, ...] = ()
    cuts: tuple[tuple[int, int], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    owners: tuple[tuple[int, str], ...] = ()


# --- outbox -----------------------------------------------------------------------------------------------------------

OutboxKind = Literal["add", "remove", "cut", "gone", "owner"]


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One thing the vector store must learn. `pos` orders entries of a memory; ids only, never text.

    add: seqs first..last are new (holes are messages already gone), seqs <= cut are gone, incarnation `dead` (if not 0)
    is gone entirely. Entries that one batch wrote share an `id`; acknowledging it acknowledges all of them.
    remove: exactly `seqs` are gone. cut: every seq <= cut is gone. gone: the incarnation is gone. owner: owner was set.
    """

    id: str
    pos: int
    kind: OutboxKind
    thread: str
    incarnation: int
    dead: int = 0
    first: int = 0
    last: int = 0
    cut: int = 0
    seqs: tuple[int, ...] = ()
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class LiveText:
    """A message that still lives, as the indexer needs it: stored bytes and the thread's owner."""

    candidate: Candidate
    owner: str | None
    message: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An entry that can never be indexed as it is (poison text), with why and since when."""

    id: str
    thread: str
    message_id: str
    error: str
    attempts: int
    since: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What one comparison of history and vectors found.

    `threads` were compared; `points` were seen, of which `orphans` had no message (deleted); `missing` messages had no
    point (put on the outbox again).
    """

    threads: int = 0
    points: int = 0
    orphans: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What one reaper step did: threads and messages removed, and index entries that had to be put right."""

    threads: int = 0
    messages: int = 0
    repaired: int = 0
