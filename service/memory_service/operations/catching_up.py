"""Waiting until the index knows what was written: `consistency=strong` and the Memory-Consistency header."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from memory_service.errors import Timeout

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

_POLL_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05)


async def caught_up(memory: OpenMemory, *, strong: bool, position: tuple[str, int] | None, timeout_ms: int) -> bool:
    """Wait until a position (epoch, pos), or everything written before now, is indexed; True when it is.

    Without `strong` and without a position nothing is waited for. Raises Timeout when `strong` was asked for.
    """
    if not strong and position is None:
        return True
    totals = await memory.store.totals()
    epoch, pos = position or (totals.epoch, totals.pos)
    # A position of another epoch may be one that a failed Redis lost: then everything written so far has to do.
    target = pos if epoch == totals.epoch else totals.pos
    now = asyncio.get_running_loop().time
    deadline = now() + timeout_ms / 1000
    for pause in _pauses():
        if await memory.store.indexed(target):
            return True
        left = deadline - now()
        if left <= 0:
            break
        await asyncio.sleep(min(pause, left))
    if strong:
        late = f"the index did not reach position {target} within {timeout_ms} ms"
        raise Timeout(f"{late}; the memory's health route says how far it is, and what holds it up", reason="Pending")
    return False


def _pauses() -> Iterator[float]:
    yield from _POLL_SECONDS
    while True:
        yield _POLL_SECONDS[-1]
