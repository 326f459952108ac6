"""The packed forms that scripts and Python share: operations out, outcomes and headers back. Pure.

The other end is lua/base.lua (header), lua/outcome.lua, lua/mutate.lua (operations) and lua/memory.lua (counters, outbox).
Six-byte numbers travel as a four- and a two-byte half, because Python's struct has none of six.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from memory_service.errors import StorageFull, StorageUnavailable
from memory_service.keys import Keys, partition
from memory_service.model import CODES, Append, Draft, Guard, Mutation, Outcome
from memory_service.policies.retention import Policy

KEYED_DIGEST: Final = 16
KEYED_BODY: Final = 8
"""Bytes of a request's digests that are kept: enough against chance, and small, since each is kept for a day or more."""

_OPERATION: Final = struct.Struct("<BBBHQQQQ")
_DRAFT: Final = struct.Struct("<BIQ")
_OUTCOME: Final = struct.Struct("<BBIHIHIHIHIIIH")
_QUOTA: Final = struct.Struct("<BQQ")
_POLICY: Final = struct.Struct("<QQQQQQBB")

_MATCH, _ABSENT, _DRY, _KEYED = 1, 2, 4, 8
_SYSTEM, _TTL = 1, 2
_CREATED, _CHANGED, _REFRESHED, _DELETED, _BACKUP, _REPLAYED = 1, 2, 4, 8, 16, 128
_FULL, _DAMAGED = 254, 255
_QUOTAS: Final = ("", "threads", "bytes")
_REFRESHES: Final = {"never": 0, "write": 1, "read": 2}


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutation as the script takes it: its thread's header key, its arguments, and the digest if it is keyed."""

    key: str
    args: list[bytes]
    digest: bytes = b""
    size: int = 0


def pack_policy(policy: Policy) -> bytes:
    """A memory's policy as expiry.lua reads it."""
    return _POLICY.pack(
        policy.ttl_ms,
        policy.max_age_ms,
        policy.thread_messages,
        policy.system_messages,
        policy.threads,
        policy.bytes,
        _REFRESHES[policy.refresh],
        policy.required,
    )


def encode(mutation: Mutation, keys: Keys) -> Operation:
    """A mutation as one operation of the script."""
    match mutation:
        case Append():
            extra, count = _drafts(mutation.drafts), len(mutation.drafts)
            return _operation(1, mutation.thread, mutation.guard, keys, count=count, extra=extra)
    raise TypeError(f"{type(mutation).__name__} is no mutation")


def _operation(
    kind: int,
    thread: str,
    guard: Guard,
    keys: Keys,
    *,
    flags: int = 0,
    count: int = 0,
    numbers: tuple[int, int, int] = (0, 0, 0),
    extra: list[bytes] | None = None,
) -> Operation:
    if guard.if_match is not None:
        flags |= _MATCH
    if guard.if_absent:
        flags |= _ABSENT
    if guard.dry_run:
        flags |= _DRY
    digest = b""
    if guard.key is not None and not guard.dry_run:
        flags |= _KEYED
        digest = guard.key.digest[:KEYED_DIGEST]
    args = [_OPERATION.pack(kind, flags, partition(thread), count, guard.if_match or 0, *numbers)]
    if guard.key is not None and digest:
        args.append(digest + guard.key.body[:KEYED_BODY])
    args += extra or ()
    return Operation(keys.header(thread), args, digest, sum(map(len, args)))


def _drafts(drafts: tuple[Draft, ...]) -> list[bytes]:
    meta = b"".join(map(_draft, drafts))
    return [meta, *(draft.tail for draft in drafts)]


def _draft(draft: Draft) -> bytes:
    kind = _SYSTEM if draft.role == "system" else 0
    if draft.ttl_ms is not None:
        return _DRAFT.pack(kind | _TTL, draft.tokens, draft.ttl_ms)
    return _DRAFT.pack(kind, draft.tokens, draft.expires_at or 0)


def decode_outcome(raw: bytes, epoch: str, policy: Policy) -> Outcome | StorageFull | StorageUnavailable:
    """What an operation decided, or the error that it alone met."""
    if raw[0] >= _FULL:
        return _failure(raw)
    code, flags, v0, v1, p0, p1, g0, g1, first, count, total, evicted, e0, e1 = _OUTCOME.unpack_from(raw)
    name = CODES[code]
    version, pos, incarnation = v0 | v1 << 32, p0 | p1 << 32, g0 | g1 << 32
    quota, used, limit = None, 0, 0
    if name == "quota_exceeded":
        which, used, limit = _QUOTA.unpack_from(raw, _OUTCOME.size)
        quota = _QUOTAS[which]
    elif name == "thread_full":
        limit = policy.thread_messages
    elif name == "system_cap":
        limit = policy.system_messages
    return Outcome(
        code=name,
        version=version,
        epoch=epoch,
        pos=pos,
        replayed=bool(flags & _REPLAYED),
        created=bool(flags & _CREATED),
        changed=bool(flags & _CHANGED),
        incarnation=incarnation,
        first_seq=first,
        count=count,
        total=total,
        evicted=evicted,
        expires_at=(e0 | e1 << 32) or None,
        refreshed=bool(flags & _REFRESHED),
        deleted=bool(flags & _DELETED),
        backup_id=f"{incarnation}-{version}" if flags & _BACKUP else None,
        quota=quota,
        used=used,
        limit=limit,
    )


def _failure(raw: bytes) -> StorageFull | StorageUnavailable:
    text = raw[1:].decode(errors="replace")
    if raw[0] == _FULL:
        return StorageFull("Redis is out of memory and refuses writes", reason="StorageFull")
    return StorageUnavailable(f"Redis could not apply the change: {text}", reason="Unreachable")


@dataclass(frozen=True, slots=True)
class Header:
    """A thread's header as it is kept. Times in milliseconds, 0 for none."""

    incarnation: int
    version: int
    expires: int
    created: int
    updated: int
    next_due: int
    seq: int
    messages: int
    system_messages: int
    tokens: int
    bytes: int
    ttl: int
    max_messages: int
    flags: int

    @property
    def pinned(self) -> bool:
        return bool(self.flags & 1)

    @property
    def own_ttl(self) -> bool:
        return bool(self.flags & 2)

    @property
    def expires_at(self) -> int | None:
        """When readers stop seeing the thread; None while pinned, or without expiry."""
        return None if self.pinned or not self.expires else self.expires


_HEADER: Final = struct.Struct("<IHIHIHIHIHIHIIHIHIHIHIB")


def decode_header(raw: bytes) -> Header:
    """A header as lua/base.lua packs it."""
    (g, gh, v, vh, e, eh, c, ch, u, uh, d, dh, seq, n, y, t, th, b, bh, l, lh, most, flags) = _HEADER.unpack(raw)
    return Header(
        g | gh << 32,
        v | vh << 32,
        e | eh << 32,
        c | ch << 32,
        u | uh << 32,
        d | dh << 32,
        seq,
        n,
        y,
        t | th << 32,
        b | bh << 32,
        l | lh << 32,
        most,
        flags,
    )
