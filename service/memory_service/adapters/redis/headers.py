"""A thread's header as scripts keep it (lua/values.lua), back to values. Pure."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple


class Header(NamedTuple):
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
_SHORT: Final = struct.Struct("<IHIBIHIHIBIIIBB")
SHORT_HEADER: Final = _SHORT.size
LONG_HEADER: Final = _HEADER.size
HEADER_SIZES: Final = (SHORT_HEADER, LONG_HEADER)
"""No outcome is as long as a header, so one may stand for the other."""


def decode_header(raw: bytes) -> Header:
    """A header as lua/values.lua packs it, in its long or its short form."""
    if len(raw) == _SHORT.size:
        g, gh, v, vh, e, eh, c, ch, u, uh, seq, tokens, b, bh, flags = _SHORT.unpack(raw)
        incarnation, created = g | gh << 32, c | ch << 32
        version, updated = incarnation + (v | vh << 32), created + (u | uh << 32)
        size = b | bh << 32
        return Header(incarnation, version, e | eh << 32, created, updated, 0, seq, seq, 0, tokens, size, 0, 0, flags)
    g, gh, v, vh, e, eh, c, ch, u, uh, d, dh, seq, n, y, t, th, b, bh, own, ownh, most, flags = _HEADER.unpack(raw)
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
        own | ownh << 32,
        most,
        flags,
    )
