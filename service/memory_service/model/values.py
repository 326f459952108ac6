"""What is asked of a thread, in values: who may repeat it, under which guard, which messages and settings. Pure data.

Times are integer milliseconds since the epoch (UTC); durations are milliseconds; None is "no expiry".
A message id is `<incarnation>-<seq>`; a thread's version is the memory-wide position of its last mutation.
The same holds in every module of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

PARTITIONS = 4
"""Ordered outbox partitions of a memory; a thread always hashes to the same one."""

ROLES = ("user", "assistant", "system", "tool")


Role = Literal["user", "assistant", "system", "tool"]


ThreadType = Literal["CHAT", "WORKFLOW", "AGENT"]


Strategy = Literal["simple_fifo", "lru", "token_aware_lru", "hybrid_summary"]
STRATEGIES: Final[tuple[Strategy, ...]] = ("simple_fifo", "lru", "token_aware_lru", "hybrid_summary")
"""How a flush chooses what leaves. Their order is stored (idempotency records): append, never reorder."""


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
class Reservation:
    """What became of reserving a key: `taken`, or `busy`, `mismatch`, or `answered` before, with that answer."""

    state: str
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Guard:
    """What every mutation of a thread honours. `if_match` is the version the caller saw."""

    if_match: int | None = None
    if_absent: bool = False
    dry_run: bool = False
    key: IdempotencyKey | None = None


UNGUARDED: Final = Guard()


@dataclass(frozen=True, slots=True)
class Writing:
    """How a working-memory document is changed: only tried, and under which key.

    `keep` says that what was written cannot be told from the request alone, so a replay needs it kept.
    """

    dry_run: bool = False
    key: IdempotencyKey | None = None
    keep: bool = False


PLAINLY = Writing()


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

    def stored(self, message_id: str) -> bytes:
        """The message as the store keeps it under this id."""
        return b'{"tokens":%d,"id":"%s",%s' % (self.tokens, message_id.encode(), self.tail)


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
