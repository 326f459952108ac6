"""The packed forms that scripts and Python share: operations out, outcomes and headers back. Pure.

The other end is lua/mutate.lua (operations), lua/outcome.lua and lua/policy.lua; headers.py has a thread's header.
Six-byte numbers travel as a four- and a two-byte half, because Python's struct has none of six.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from redis.exceptions import ResponseError

from memory_service.adapters.redis.faults import translate
from memory_service.adapters.redis.headers import HEADER_SIZES, decode_header
from memory_service.errors import Unavailable
from memory_service.keys import Keys, parse_message_id, partition
from memory_service.model.mutations import (
    CODES,
    Append,
    Clear,
    Configure,
    Delete,
    DeleteMessage,
    Flush,
    Import,
    Mutation,
    Outcome,
    Relief,
    Replace,
    Restore,
    SetMessageTtl,
    SetTtl,
)
from memory_service.model.values import STRATEGIES, UNSET, Draft, Guard, IdempotencyKey, Settings
from memory_service.policies.retention import Policy

KEYED_DIGEST: Final = 14
KEYED_BODY: Final = 6
"""Bytes of a request's digests that are kept: enough against chance, and small, since each stays for a day or more."""

_OPERATION: Final = struct.Struct("<BBBHH")
_NUMBERS: Final = struct.Struct("<QQQQ")
_DRAFT: Final = struct.Struct("<BIQ")
_OUTCOME: Final = struct.Struct("<BBIHIHIHIHHBHBIH")
_QUOTA: Final = struct.Struct("<BQQ")
_FLUSHED: Final = struct.Struct("<Qq")
_RELIEF: Final = struct.Struct("<BIq")
_POLICY: Final = struct.Struct("<QQQQQQIQIQBB")

_MATCH, _ABSENT, _DRY, _KEYED = 1, 2, 4, 8
_SET, _FOREVER, _PIN_GIVEN, _PIN_ON = 16, 32, 64, 128
_INSTANT = _PIN_GIVEN
_AMENDS = _SET
_REPLACING, _SKIPPING = _SET, _FOREVER
_SYSTEM, _TTL = 1, 2
_CREATED, _CHANGED, _REFRESHED, _DELETED, _BACKUP, _FLUSH_DUE, _REPLAYED = 1, 2, 4, 8, 16, 32, 128
_SIMPLE = 128
_QUOTAS: Final = ("", "threads", "bytes")
_MODES: Final = {"replace": 1, "merge": 2, "create": 3}
_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_REFRESHES: Final = {"never": 0, "write": 1, "read": 2}


@dataclass(slots=True)
class Operation:
    """One mutation as the script takes it: its thread's header key, its head, what it brings, its digest if keyed."""

    key: str
    head: bytes
    args: Sequence[bytes]
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
        policy.window_messages,
        policy.window_tokens,
        policy.flush_messages,
        policy.flush_tokens,
        _REFRESHES[policy.refresh],
        policy.required,
    )


@dataclass(frozen=True, slots=True)
class Touch:
    """Refresh a thread's expiry because it was read: a row of the same frame, though no mutation to callers."""

    thread: str
    guard: Guard = field(default_factory=Guard)


@dataclass(slots=True)
class _Body:
    """What an operation says beyond its thread and guard."""

    kind: int
    flags: int = 0
    count: int = 0
    numbers: tuple[int, int, int] = (0, 0, 0)
    drafts: bytes = b""
    extra: Sequence[bytes] = ()


def encode(mutation: Mutation | Touch, keys: Keys) -> Operation:
    """A mutation as one operation of the script."""
    body, guard = _body(mutation), mutation.guard
    flags, digest, asked = body.flags, b"", b""
    if guard.if_match is not None:
        flags |= _MATCH
    if guard.if_absent:
        flags |= _ABSENT
    if guard.dry_run:
        flags |= _DRY
    elif guard.key is not None:
        flags |= _KEYED
        digest, asked = digests(guard.key)
    where, extras = partition(mutation.thread), len(body.extra)
    numbers = (guard.if_match or 0, *body.numbers)
    if any(numbers):
        head = _OPERATION.pack(body.kind, flags, where, body.count, extras) + _NUMBERS.pack(*numbers)
    else:
        head = _OPERATION.pack(body.kind | _SIMPLE, flags, where, body.count, extras)
    head += digest + asked + body.drafts
    return Operation(keys.header(mutation.thread), head, body.extra, digest, len(head) + sum(map(len, body.extra)))


def _body(mutation: Mutation | Touch) -> _Body:
    """One line a mutation: its number (lua/rows.lua) and what it brings."""
    match mutation:
        case Append(drafts=drafts):
            return _Body(1, count=len(drafts), drafts=_drafts(drafts), extra=[each.tail for each in drafts])
        case Replace(drafts=drafts):
            return _Body(2, count=len(drafts), drafts=_drafts(drafts), extra=[each.tail for each in drafts])
        case Clear(backup_ttl_ms=ttl):
            return _Body(3, numbers=(ttl or 0, 0, 0))
        case Restore(backup_id=backup):
            return _Body(4, extra=[backup.encode()])
        case Delete():
            return _Body(5)
        case Configure(settings=settings, mode=mode):
            return _Body(6, numbers=(_MODES[mode], 0, 0), extra=[msgspec.msgpack.encode(_settings(settings))])
        case SetTtl():
            return _Body(7, flags=_ttl_flags(mutation) | _pin_flags(mutation.pinned), numbers=(*_moment(mutation), 0))
        case DeleteMessage(message_id=message):
            return _Body(8, numbers=(*_parsed(message), 0))
        case SetMessageTtl(message_id=message):
            value, instant = _moment(mutation)
            flags = _ttl_flags(mutation) | (_INSTANT if instant else 0)
            return _Body(9, flags=flags, numbers=(*_parsed(message), value))
        case Touch():
            return _Body(10)
        case Flush(seqs=seqs, summary=summary, record=record, amends=amends):
            extra = [struct.pack(f"<{len(seqs)}I", *seqs), record, *([summary.tail] if summary else [])]
            numbers = (STRATEGIES.index(amends) if amends else 0, summary.tokens if summary else 0, 0)
            return _Body(11, flags=_AMENDS if amends else 0, numbers=numbers, extra=extra)
        case Import():
            return _import(mutation)


def _import(thread: Import) -> _Body:
    """The tails, then everything else in one piece."""
    about = {
        **_settings(thread.settings),
        "created": thread.created_at,
        "updated": thread.updated_at,
        "expires": thread.expires_at or 0,
    }
    if thread.document is not None:
        about |= {"document": thread.document.decode(), "document_at": thread.document_at}
    if thread.staged:
        about |= {"staged": thread.staged, "count": thread.staged_count}
    extra = [*(each.tail for each in thread.drafts), msgspec.msgpack.encode(about)]
    flags = (_REPLACING if thread.replacing else 0) | (_SKIPPING if thread.skipping else 0)
    return _Body(12, flags=flags, count=len(thread.drafts), drafts=_drafts(thread.drafts), extra=extra)


def _moment(change: SetTtl | SetMessageTtl) -> tuple[int, int]:
    """A ttl, or an instant, which the second number says."""
    if change.expires_at is not None:
        return max(0, change.expires_at), 1
    return change.ttl_ms or 0, 0


def _ttl_flags(change: SetTtl | SetMessageTtl) -> int:
    forever = change.forever or (change.expires_at is None and not change.ttl_ms)
    return (_SET if change.mode == "set" else 0) | (_FOREVER if forever else 0)


def _pin_flags(pinned: bool | None) -> int:
    if pinned is None:
        return 0
    return _PIN_GIVEN | (_PIN_ON if pinned else 0)


def _parsed(message_id: str) -> tuple[int, int]:
    """An id's numbers; what is no id names no message."""
    return parse_message_id(message_id) or (0, 0)


def _settings(settings: Settings) -> dict[str, object]:
    """The settings that were given; `false` takes a text away, 0 a number."""
    given: dict[str, object] = {}
    for name in ("type", "owner", "title"):
        value = getattr(settings, name)
        if value is not UNSET:
            given[name] = False if value is None else value
    if settings.metadata is not UNSET:
        given["metadata"] = _canonical(settings.metadata).decode() if settings.metadata else False
    for name, value in (("max", settings.max_messages), ("ttl", settings.ttl_ms)):
        if value is not UNSET:
            given[name] = value or 0
    if settings.pinned is not UNSET:
        given["pinned"] = settings.pinned
    return given


def _drafts(drafts: tuple[Draft, ...]) -> bytes:
    """Role, tokens and expiry of each; their tails are arguments of their own, so that nothing copies them twice."""
    return b"".join(map(_draft, drafts))


def pack_staged(draft: Draft) -> bytes:
    """A draft in one piece, as lua/import.lua takes it apart. Its expiry is an instant."""
    return _draft(draft) + draft.tail


def _draft(draft: Draft) -> bytes:
    kind = _SYSTEM if draft.role == "system" else 0
    if draft.ttl_ms is not None:
        return _DRAFT.pack(kind | _TTL, draft.tokens, draft.ttl_ms)
    return _DRAFT.pack(kind, draft.tokens, draft.expires_at or 0)


def decode_document_outcome(raw: bytes, epoch: str, policy: Policy) -> Outcome:
    """What a change of a document decided; where it was decided there, the time of writing is behind it."""
    outcome = decode_outcome(raw, epoch, policy)
    assert isinstance(outcome, Outcome), "only a batch has an error of one operation"
    written = int.from_bytes(raw[_OUTCOME.size :], "little") if len(raw) == _OUTCOME.size + 8 else 0
    return replace(outcome, updated_at=written or None)


def digests(key: IdempotencyKey) -> tuple[bytes, bytes]:
    """What is kept of a key: who asked, and what."""
    return key.digest[:KEYED_DIGEST].ljust(KEYED_DIGEST, b"\0"), key.body[:KEYED_BODY].ljust(KEYED_BODY, b"\0")


def decode_outcome(raw: bytes | ResponseError, epoch: str, policy: Policy) -> Outcome | Unavailable:
    """What an operation decided, or the error that it alone met."""
    if isinstance(raw, ResponseError):
        return translate(raw, write=True)
    if len(raw) in HEADER_SIZES:
        return _appended(raw, epoch, policy)
    code, flags, v0, v1, p0, p1, g0, g1, first, count, t0, t1, o0, o1, e0, e1 = _OUTCOME.unpack_from(raw)
    name = CODES[code]
    version, pos, incarnation = v0 | v1 << 32, p0 | p1 << 32, g0 | g1 << 32
    quota, used, limit, tokens, freed, relief = None, 0, 0, 0, 0, None
    if name == "quota_exceeded":
        which, used, limit = _QUOTA.unpack_from(raw, _OUTCOME.size)
        quota = _QUOTAS[which]
    elif name == "thread_full":
        limit = policy.thread_messages
    elif name == "system_cap":
        limit = policy.system_messages
    elif name == "token_limit":
        limit = policy.window_tokens
    elif len(raw) == _OUTCOME.size + _FLUSHED.size:
        tokens, freed = _FLUSHED.unpack_from(raw, _OUTCOME.size)
    elif len(raw) == _OUTCOME.size + _RELIEF.size:
        strategy, *numbers = _RELIEF.unpack_from(raw, _OUTCOME.size)
        relief = Relief(STRATEGIES[strategy], *numbers)
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
        total=t0 | t1 << 16,
        evicted=o0 | o1 << 16,
        expires_at=(e0 | e1 << 32) or None,
        refreshed=bool(flags & _REFRESHED),
        deleted=bool(flags & _DELETED),
        flush_due=bool(flags & _FLUSH_DUE),
        relief=relief,
        backup_id=f"{incarnation}-{version}" if flags & _BACKUP else None,
        quota=quota,
        used=used,
        limit=limit,
        tokens=tokens,
        tokens_freed=freed,
    )


def _appended(raw: bytes, epoch: str, policy: Policy) -> Outcome:
    """The outcome of a plain append, which answers with the header it left."""
    header = decode_header(raw)
    return Outcome(
        version=header.version,
        epoch=epoch,
        pos=header.version,
        changed=True,
        incarnation=header.incarnation,
        first_seq=header.seq,
        count=1,
        total=header.messages,
        expires_at=header.expires_at,
        flush_due=policy.flush_due(header.messages, header.tokens),
    )
