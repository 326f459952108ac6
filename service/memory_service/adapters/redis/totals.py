"""A memory in numbers: counters that mutations keep, and counts that the expiry index answers without a scan."""

from __future__ import annotations

import struct
from typing import Final

from memory_service.adapters.redis.connection import Connection
from memory_service.adapters.redis.entries import written_at
from memory_service.keys import Keys
from memory_service.model.facts import Totals

_MEMORY: Final = struct.Struct("<16s8sIHIHIHIHIH")


async def read_totals(connection: Connection, keys: Keys) -> Totals:
    """Everything a memory's gauges show, at one instant."""
    reply = await connection.run("totals", [keys.memory], [], write=False)
    now, raw, due, hour, day, week, without, pinned, first, first_message, dead, depth, heads = reply
    epoch, pos, threads, messages, tokens, size = decode_memory(raw)
    oldest = min((written_at(head) for head in heads if head is not None), default=now)
    late = min((float(at) for at in (first, first_message) if at is not None), default=now)
    return Totals(
        epoch=epoch,
        pos=pos,
        threads=threads - due,
        messages=messages,
        tokens=tokens,
        bytes=size,
        expiring_1h=hour - due,
        expiring_24h=day - due,
        expiring_7d=week - due,
        without_ttl=without,
        outbox_depth=depth,
        oldest_pending_ms=max(0, now - oldest),
        dead=dead,
        reaper_lag_ms=max(0, now - int(min(late, now))),
        pinned=pinned,
    )


def decode_memory(raw: bytes | None) -> tuple[str, int, int, int, int, int]:
    """Epoch, position, threads, messages, tokens and bytes of a memory; nothing was ever written where it is None."""
    if raw is None:
        return "", 0, 0, 0, 0, 0
    _, epoch, *halves = _MEMORY.unpack(raw)
    pos, threads, messages, tokens, size = (
        low | high << 32 for low, high in zip(halves[::2], halves[1::2], strict=True)
    )
    return epoch.decode(), pos, threads, messages, tokens, size
