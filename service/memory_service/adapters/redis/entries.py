"""Outbox entries as scripts pack them (lua/memory.lua), back to values. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from memory_service.model import OutboxEntry

_HEAD: Final = struct.Struct("<BIHIHB")
_ADD: Final = struct.Struct("<IHIII")


def written_at(raw: bytes) -> int:
    """When an entry was written, in milliseconds."""
    return int.from_bytes(raw[:6], "little")


def decode(entry_id: str, raw: bytes) -> Iterator[OutboxEntry]:
    """The operations of one stream entry, in order."""
    at = 6
    while at < len(raw):
        kind, pos, pos_high, g, g_high, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        thread = raw[at : at + length].decode()
        at += length
        entry, at = _body(raw, at, OutboxEntry(entry_id, pos | pos_high << 32, "gone", thread, g | g_high << 32), kind)
        yield entry


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
