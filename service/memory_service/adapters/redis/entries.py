"""Outbox entries as scripts pack them (lua/memory.lua), back to values. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from memory_service.adapters.redis.headers import LONG_HEADER, SHORT_HEADER, decode_header
from memory_service.model.outbox import OutboxEntry

_HEAD: Final = struct.Struct("<BIHIHB")
_LAST: Final = {6: SHORT_HEADER, 7: LONG_HEADER}
"""Kinds that carry a header: how long it is."""
_ADD: Final = struct.Struct("<IHIII")


def written_at(raw: bytes) -> int:
    """When an entry was written, in milliseconds."""
    return int.from_bytes(raw[:6], "little")


def decode(entry_id: str, raw: bytes) -> Iterator[OutboxEntry]:
    """The operations of one stream entry, in order."""
    at = 6
    while at < len(raw):
        if raw[at] in _LAST:
            entry, at = _last(entry_id, raw, at)
            yield entry
            continue
        kind, pos, pos_high, g, g_high, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        thread = raw[at : at + length].decode()
        at += length
        entry, at = _body(raw, at, OutboxEntry(entry_id, pos | pos_high << 32, "gone", thread, g | g_high << 32), kind)
        yield entry


def _last(entry_id: str, raw: bytes, at: int) -> tuple[OutboxEntry, int]:
    """An added message that is told by its thread's header, and where the next operation starts."""
    end = raw.index(0, at)
    thread, header_at = raw[at + 1 : end].decode(), end + 1
    after = header_at + _LAST[raw[at]]
    header = decode_header(raw[header_at:after])
    entry = OutboxEntry(entry_id, header.version, "add", thread, header.incarnation, first=header.seq, last=header.seq)
    return entry, after


def _body(raw: bytes, at: int, entry: OutboxEntry, kind: int) -> tuple[OutboxEntry, int]:
    """What one kind says beyond the common part, and where the next operation starts."""
    base = (entry.id, entry.pos)
    where = (entry.thread, entry.incarnation)
    match kind:
        case 1:
            dead, dead_high, first, last, cut = _ADD.unpack_from(raw, at)
            dead |= dead_high << 32
            return OutboxEntry(*base, "add", *where, dead=dead, first=first, last=last, cut=cut), at + _ADD.size
        case 2:
            (count,) = struct.unpack_from("<H", raw, at)
            seqs = struct.unpack_from(f"<{count}I", raw, at + 2)
            return OutboxEntry(*base, "remove", *where, seqs=seqs), at + 2 + 4 * count
        case 3:
            (cut,) = struct.unpack_from("<I", raw, at)
            return OutboxEntry(*base, "cut", *where, cut=cut), at + 4
        case 4:
            return entry, at
        case 5:
            length = raw[at]
            owner = raw[at + 1 : at + 1 + length].decode()
            return OutboxEntry(*base, "owner", *where, owner=owner), at + 1 + length
    raise ValueError(f"outbox operation of unknown kind {kind}")
