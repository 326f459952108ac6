"""A memory in numbers: counters that mutations keep, and counts that the expiry index answers without a scan."""

from __future__ import annotations

import struct
from typing import Final

from memory_service.adapters.redis.connection import Command, Connection
from memory_service.adapters.redis.entries import written_at
from memory_service.adapters.redis.reading import milliseconds
from memory_service.keys import Keys
from memory_service.model.facts import Totals

NEVER: Final = 9_000_000_000_000_000
"""Score of threads without expiry (lua/base.lua); pinned ones are at +inf."""
_HOUR: Final = 3_600_000
_MEMORY: Final = struct.Struct("<16s8sIHIHIHIHIH")


async def read_totals(connection: Connection, keys: Keys) -> Totals:
    """Everything a memory's gauges show. The expiry index needs the time first, so this takes two round trips."""
    clock = await connection.call("TIME")
    now = milliseconds(clock)
    expiries, streams = keys.key("expiries"), keys.outboxes()
    commands: list[Command] = [
        ("GET", keys.memory),
        ("ZCOUNT", expiries, "-inf", now),
        ("ZCOUNT", expiries, f"({now}", now + _HOUR),
        ("ZCOUNT", expiries, f"({now}", now + 24 * _HOUR),
        ("ZCOUNT", expiries, f"({now}", now + 7 * 24 * _HOUR),
        ("ZCOUNT", expiries, NEVER, "+inf"),
        ("ZCOUNT", expiries, "+inf", "+inf"),
        ("ZRANGE", expiries, 0, 0, "WITHSCORES"),
        ("ZRANGE", keys.key("message_expiries"), 0, 0, "WITHSCORES"),
        ("XLEN", keys.key("dead")),
        *(("XLEN", stream) for stream in streams),
        *(("XRANGE", stream, "-", "+", "COUNT", 1) for stream in streams),
    ]
    raw, due, hour, day, week, without, pinned, first, first_message, dead, *outbox = await connection.pipeline(
        commands
    )
    epoch, pos, threads, messages, tokens, size = decode_memory(raw)
    depths, heads = outbox[: len(streams)], outbox[len(streams) :]
    oldest = min((written_at(entries[0][1][1]) for entries in heads if entries), default=now)
    late = min((float(row[1]) for rows in (first, first_message) for row in rows[:1]), default=now)
    return Totals(
        epoch=epoch,
        pos=pos,
        threads=threads - due,
        messages=messages,
        tokens=tokens,
        bytes=size,
        expiring_1h=hour,
        expiring_24h=day,
        expiring_7d=week,
        without_ttl=without,
        outbox_depth=sum(depths),
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
