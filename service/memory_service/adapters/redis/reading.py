"""Reads of one thread: pages of stored bytes, and facts. Plain commands where they do, a script where it takes one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from memory_service.adapters.redis.connection import Connection
from memory_service.adapters.redis.headers import Header, decode_header
from memory_service.keys import Keys, parse_message_id, stored_numbers
from memory_service.model.facts import Facts, MessagePage, Slice
from memory_service.policies.retention import Policy, would_move

PAGE_BYTES: Final = 1 << 20
SCANNED: Final = 2_000
"""Messages that one script call looks at, so that a filter that matches nothing does not keep Redis busy."""
_FAST: Final = 100
_QUESTION: Final = struct.Struct("<BIIIQQQ")
_AFTER, _BEFORE, _NEWEST = 1, 2, 4
_BEGINNING: Final = b'{"tokens":'


class Due(Exception):
    """The thread holds messages that expired and are not purged yet; purge them and ask again."""


class Settings(msgspec.Struct, frozen=True):
    """A thread's settings as scripts keep them; `metadata` and `flush` are JSON."""

    type: str = "CHAT"
    owner: str | None = None
    title: str | None = None
    metadata: str = "{}"
    flush: str | None = None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800_000
_LAST: Final = 253_402_300_799_999
"""The years 1 to 9999, which is all that a stored timestamp can say."""
_settings: Final = msgspec.msgpack.Decoder(Settings)
_object: Final = msgspec.json.Decoder(dict[str, object])


def milliseconds(clock: Sequence[bytes]) -> int:
    """Redis's TIME in milliseconds."""
    return int(clock[0]) * 1_000 + int(clock[1]) // 1_000


def alive(raw: bytes | None, now: int) -> Header | None:
    """The header of a thread that readers may see. Raises Due."""
    if raw is None:
        return None
    header = decode_header(raw)
    if header.expires_at is not None and header.expires_at <= now:
        return None
    if header.next_due and header.next_due <= now and not header.pinned:
        raise Due
    return header


def stale(policy: Policy, header: Header, now: int) -> bool:
    """Whether a refresh on a read would move a living thread's expiry; False where reads refresh nothing."""
    if policy.refresh != "read" or header.pinned:
        return False
    ttl = header.ttl if header.own_ttl else policy.ttl_ms
    return would_move(policy, now=now, created=header.created, expires=header.expires, ttl_ms=ttl)


def facts_of(thread: str, header: Header | None, settings: bytes | None, now: int, policy: Policy) -> Facts:
    """A header and settings as facts; what a thread does not set for itself is the memory's."""
    if header is None:
        return Facts(thread)
    kept = _settings.decode(settings) if settings else Settings()
    ttl = header.ttl if header.own_ttl else policy.ttl_ms
    expires_at = header.expires_at
    return Facts(
        thread=thread,
        exists=True,
        incarnation=header.incarnation,
        type=kept.type,
        owner=kept.owner,
        title=kept.title,
        metadata=_object.decode(kept.metadata),
        max_messages=policy.window(header.max_messages) or None,
        messages=header.messages + header.system_messages,
        system_messages=header.system_messages,
        tokens=header.tokens,
        bytes=header.bytes,
        version=header.version,
        created_at=header.created,
        updated_at=header.updated,
        expires_at=expires_at,
        ttl_ms=ttl or None,
        remaining_ms=None if expires_at is None else expires_at - now,
        pinned=header.pinned,
        last_flush=_object.decode(kept.flush) if kept.flush else None,
    )


class Reader:
    """Reads of one memory's threads. Raises Due where something must be purged first."""

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy

    async def facts(self, thread: str) -> Facts:
        """The thread as it is now."""
        header = ("GET", self._keys.header(thread))
        while True:
            clock, raw, settings, again = await self._connection.pipeline(
                [("TIME",), header, ("GET", self._keys.key("settings", thread)), header]
            )
            if raw == again:
                now = milliseconds(clock)
                return facts_of(thread, alive(raw, now), settings, now, self._policy)

    async def read(self, thread: str, what: Slice) -> MessagePage:
        """A page of the thread's messages."""
        if what.last is not None:
            fast = 0 < what.last <= _FAST and not _filtered(what) and what.after is what.before is None
            if fast and (page := await self._newest(thread, what.last, what.newest_first)):
                return page
            page = await self._page(thread, replace(what, newest_first=True, limit=what.last))
            cut_short = len(page.messages) < what.last
            page = replace(page, next_seq=page.next_seq if cut_short else None)
            return page if what.newest_first else replace(page, messages=page.messages[::-1])
        return await self._page(thread, what)

    async def _newest(self, thread: str, most: int, newest_first: bool) -> MessagePage | None:
        """The newest few, by plain commands: half of what a script around them would cost.

        None when a write came in between, which the script then sees as a whole; or for damage, which it passes over.
        """
        keys = self._keys
        clock, raw, log, system, again = await self._connection.pipeline(
            [
                ("TIME",),
                ("GET", keys.header(thread)),
                ("LRANGE", keys.key("log", thread), -most, -1),
                ("LRANGE", keys.key("system", thread), -most, -1),
                ("GET", keys.header(thread)),
            ]
        )
        if raw != again:
            return None
        now = milliseconds(clock)
        header = alive(raw, now)
        if header is None:
            return MessagePage([], 0, 0, 0)
        if not all(map(is_whole, (*log, *system))):
            return None
        messages: list[bytes] = sorted(log + system, key=_seq)[-most:] if system else log
        messages, next_seq = _fitting(messages)
        if newest_first:
            messages.reverse()
        return _page(messages, header, next_seq, moves=stale(self._policy, header, now))

    async def _page(self, thread: str, what: Slice) -> MessagePage:
        """A page by the script, asked again where it stopped for having looked at enough."""
        bounds = [parse_message_id(text) for text in (what.after, what.before) if text is not None]
        if None in bounds or len({bound[0] for bound in bounds if bound}) > 1:
            return MessagePage([], 0, 0, 0, gone=True)
        found: list[bytes] = []
        damaged = 0
        while True:
            header, now, next_seq, passed_over, messages = await self._ask(thread, what, what.limit - len(found))
            found += messages
            damaged += passed_over
            if header is None or next_seq == -1:
                return MessagePage([], 0, 0, 0, gone=True) if next_seq == -1 else MessagePage([], 0, 0, 0)
            size = sum(map(len, found))
            if next_seq == 0 or len(found) >= what.limit or size >= PAGE_BYTES or (messages and not _filtered(what)):
                moves = stale(self._policy, header, now)
                return _page(found, header, next_seq or None, damaged, moves=moves)
            step = f"{header.incarnation}-{next_seq}"
            what = replace(what, before=step) if what.newest_first else replace(what, after=step)

    async def _ask(self, thread: str, what: Slice, limit: int) -> tuple[Header | None, int, int, int, list[bytes]]:
        after = parse_message_id(what.after) if what.after else None
        before = parse_message_id(what.before) if what.before else None
        flags = (_AFTER if after else 0) | (_BEFORE if before else 0) | (_NEWEST if what.newest_first else 0)
        incarnation = (after or before or (0, 0))[0]
        question = _QUESTION.pack(
            flags, limit, PAGE_BYTES, SCANNED, incarnation, after[1] if after else 0, before[1] if before else 0
        )
        args = [question, what.role or "", _stamp(what.since), _stamp(what.until)]
        reply: list[Any] = await self._connection.run(
            "read", [self._keys.memory, self._keys.header(thread)], args, write=False
        )
        return alive(reply[0], reply[1]), reply[1], reply[2], reply[3], reply[4:]


def _filtered(what: Slice) -> bool:
    return what.role is not None or what.since is not None or what.until is not None


def _page(messages: list[bytes], header: Header, next_seq: int | None, damaged: int = 0, *, moves: bool) -> MessagePage:
    total = header.messages + header.system_messages
    return MessagePage(messages, total, header.version, header.incarnation, next_seq, corrupted=damaged, stale=moves)


def is_whole(entry: bytes) -> bool:
    """Whether an entry of a thread's list begins and ends as messages do."""
    return entry.endswith(b"}") and entry.startswith(_BEGINNING)


def message_numbers(message: bytes) -> tuple[int, int]:
    """Incarnation and seq of a stored message."""
    numbers = stored_numbers(message)
    assert numbers is not None, "the store wrote this message's beginning"
    return numbers


def _seq(message: bytes) -> int:
    return message_numbers(message)[1]


def _fitting(messages: list[bytes]) -> tuple[list[bytes], int | None]:
    """The newest that fit a page, at least one; with the seq to go on before when some did not fit."""
    size = 0
    for place in range(len(messages) - 1, -1, -1):
        size += len(messages[place])
        if size > PAGE_BYTES and place < len(messages) - 1:
            return messages[place + 1 :], _seq(messages[place + 1])
    return messages, None


def _stamp(at: int | None) -> str:
    """A moment as stored messages write it, so that text compares as time does; empty for none."""
    if at is None:
        return ""
    moment = _EPOCH + timedelta(milliseconds=min(max(at, _FIRST), _LAST))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
