"""Mutations, one dataclass an operation, and what came of them. The store turns each into one step of one script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memory_service.model.values import UNGUARDED, Draft, Guard, Settings, Strategy


@dataclass(frozen=True, slots=True)
class Append:
    """Add messages at the end; creates the thread when absent. No drafts is a no-op that writes nothing."""

    thread: str
    drafts: tuple[Draft, ...]
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Replace:
    """Write: the thread's messages become exactly these, atomically; settings stay."""

    thread: str
    drafts: tuple[Draft, ...]
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Clear:
    """Empty the thread; slot, settings and version stay. `backup_ttl_ms` keeps a real copy for that long."""

    thread: str
    backup_ttl_ms: int | None = None
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring a backup back into an empty thread (else `not_empty`)."""

    thread: str
    backup_id: str
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove slot, settings, messages, thread working memory; absent is success with `deleted` False."""

    thread: str
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Configure:
    """PUT (`replace`), PATCH (`merge`) or CREATE_CONVERSATION (`create`: other settings are `settings_conflict`)."""

    thread: str
    settings: Settings
    mode: Literal["replace", "merge", "create"]
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class SetTtl:
    """POST ttl. One of `ttl_ms`, `expires_at`, `pinned`, or `forever`; `extend` never shortens. Version stays."""

    thread: str
    mode: Literal["extend", "set"] = "extend"
    ttl_ms: int | None = None
    expires_at: int | None = None
    forever: bool = False
    pinned: bool | None = None
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Remove one message (`message_not_found` when it is not there)."""

    thread: str
    message_id: str
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class SetMessageTtl:
    """POST messages/{id}/ttl: the message's own expiry, never past the thread's for readers."""

    thread: str
    message_id: str
    mode: Literal["extend", "set"] = "extend"
    ttl_ms: int | None = None
    expires_at: int | None = None
    forever: bool = False
    guard: Guard = UNGUARDED


@dataclass(frozen=True, slots=True)
class Flush:
    """Take chosen messages away and put a summary, a system message, in their place; others stay as they are.

    `seqs` rise. `record` is the JSON object that readers see as `last_flush`. Its guard names the version that the
    choice was made for. No seqs is a no-op.
    With `amends`, a strategy, the guard's key is that of the mutation before, which is why this flush is made: what is
    kept of its answer for a replay then tells of the flush too.
    """

    thread: str
    seqs: tuple[int, ...]
    summary: Draft | None
    record: bytes
    guard: Guard = UNGUARDED
    amends: Strategy | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """Bring a whole thread from elsewhere: settings, messages, document and times, in one step.

    A thread of that name is `exists`, or goes when `replacing` (`deleted`). `settings` name every field; a ttl that is
    UNSET is the memory's. `staged` names `staged_count` messages that were brought before (ThreadStore.stage) in place
    of `drafts`; `busy` when they are gone. Times lie in the past; `expires_at` None is no expiry, or the memory's own
    where it requires one. A thread that is over by now is `invalid_ttl`, a message that is over stays out; drafts' own
    expiries are instants. It knows no dry run. Behind one that was refused in the same script call all are `busy`;
    `invalid_ttl` is no such refusal, nor `exists` where `skipping`.
    """

    thread: str
    settings: Settings
    drafts: tuple[Draft, ...]
    created_at: int
    updated_at: int
    expires_at: int | None = None
    document: bytes | None = None
    document_at: int = 0
    staged: str = ""
    staged_count: int = 0
    replacing: bool = False
    skipping: bool = False
    guard: Guard = UNGUARDED


Mutation = (
    Append | Replace | Clear | Restore | Delete | Configure | SetTtl | DeleteMessage | SetMessageTtl | Flush | Import
)


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
class Relief:
    """The flush that a mutation brought about: how many messages left, without summaries of before, and tokens."""

    strategy: Strategy
    removed: int
    tokens_freed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one mutation did, in numbers only: it can be kept for a replay without keeping content.

    `code` is "ok" or one of CODES. `version` is the thread's version now (the current one on a dry run or a refusal);
    `pos` and `epoch` make Memory-Consistency. `count` is how many messages were stored (Append, Replace, Restore,
    Import) or removed (Clear, Delete, DeleteMessage), `evicted` how many had to leave by the window, `total` how many
    are there.
    `expires_at` is the thread's; after SetMessageTtl it is the message's.
    After Flush `count` is how many messages left, without summaries of before; `first_seq` is the new summary's, 0 for
    none; `tokens` are the thread's now, `tokens_freed` how many fewer that is.
    `updated_at` is when a working-memory document was written, with `version` its own.
    `flush_due` says that the thread has grown to where the memory's policy flushes it; `relief` is that flush.
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
    flush_due: bool = False
    relief: Relief | None = None
    backup_id: str | None = None
    quota: str | None = None
    used: int = 0
    limit: int = 0
    tokens: int = 0
    tokens_freed: int = 0
    updated_at: int | None = None
    cleaned: Cleaned | None = None

    @property
    def ids(self) -> list[str]:
        """Ids of the messages this mutation stored, oldest first (those evicted again by the window included)."""
        return [f"{self.incarnation}-{seq}" for seq in range(self.first_seq, self.first_seq + self.count)]
