"""One operation on every key that matches a pattern: bounded, in steps, each key on its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from memory_service.errors import Refused, Unavailable
from memory_service.model.facts import ThreadQuery
from memory_service.model.values import Guard, IdempotencyKey
from memory_service.operations.keyed.perform import Done, Room, Turn, guard_of, perform
from memory_service.operations.keyed.prepare import DESTRUCTIVE, Prepared

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

AT_ONCE: Final = 32
"""Keys that are worked on at the same time: what one script call groups."""
MAX_SCAN: Final = 100_000
"""Keys that a pattern looks at, matching or not."""
MAX_SHOWN: Final = 1_000
"""Results of single keys in an answer; all keys are done and counted, whether shown or not."""
_SUMS: Final = ("messages_cleared", "messages_removed", "tokens_freed", "message_count", "token_count")

Explain = Callable[[Refused | Unavailable], Any]


@dataclass(slots=True)
class Found:
    """What a scan has found so far."""

    matched: int = 0
    truncated: bool = False


async def sweep(
    memory: OpenMemory, prepared: Prepared, guard: Guard, room: Room, explain: Explain
) -> tuple[dict[str, Any], list[Done]]:
    """Do a prepared operation to every key that matches its pattern.

    Answers `matched`, `processed`, `truncated`, sums, and a result a key; and what was done. `explain` makes a problem
    object of an error. A key that fails does not stop the others.
    """
    found = Found()
    results: list[dict[str, Any]] = []
    dones: list[Done] = []
    processed = 0
    async for keys in _matching(memory, prepared, found):
        for done, result in await _each(keys, lambda key: _one(memory, prepared, guard, room, explain, key)):
            processed += done is not None
            if done is not None:
                dones.append(done)
            if len(results) < MAX_SHOWN:
                results.append(result)
    output: dict[str, Any] = {
        "pattern": prepared.pattern,
        "matched": found.matched,
        "processed": processed,
        "truncated": found.truncated,
        "results": results,
    }
    output |= _summed(prepared, dones)
    if prepared.task.operation in DESTRUCTIVE:
        output["dry_run"] = prepared.dry_run
    return output, dones


async def _matching(memory: OpenMemory, prepared: Prepared, found: Found) -> AsyncIterator[list[str]]:
    """Keys that match, a step of `batch_size` at a time, `max_keys` in all; notes when there are more."""
    cursor: str | None = None
    looked_at = MAX_SCAN
    while True:
        most = prepared.max_keys - found.matched
        query = ThreadQuery(
            match=prepared.pattern, limit=max(1, min(prepared.batch_size, most)), cursor=cursor, max_scan=looked_at
        )
        page = await memory.store.threads(query)
        if page.threads and not most:
            found.truncated = True
            return
        found.matched += len(page.threads)
        if page.threads:
            yield [facts.thread for facts in page.threads]
        found.truncated = page.truncated
        cursor = page.next_cursor
        if cursor is None or page.truncated:
            return


async def _each(
    keys: list[str], work: Callable[[str], Awaitable[tuple[Done | None, dict[str, Any]]]]
) -> list[tuple[Done | None, dict[str, Any]]]:
    made: list[tuple[Done | None, dict[str, Any]]] = []
    for at in range(0, len(keys), AT_ONCE):
        made += await asyncio.gather(*map(work, keys[at : at + AT_ONCE]))
    return made


async def _one(
    memory: OpenMemory, prepared: Prepared, guard: Guard, room: Room, explain: Explain, key: str
) -> tuple[Done | None, dict[str, Any]]:
    own = guard_of(prepared, guard)
    turn = Turn(memory, prepared, key, replace(own, key=_derived(own.key, key)), room)
    try:
        done = await perform(turn)
    except (Refused, Unavailable) as error:
        return None, {"key": key, "success": False, "error": explain(error)}
    return done, done.output


def _derived(key: IdempotencyKey | None, thread: str) -> IdempotencyKey | None:
    if key is None:
        return None
    return IdempotencyKey(hashlib.blake2b(key.digest + thread.encode(), digest_size=16).digest(), key.body)


def _summed(prepared: Prepared, dones: list[Done]) -> dict[str, Any]:
    """Totals over all keys, under the names that the documents promise for flushes."""
    sums = {name: sum(done.output.get(name) or 0 for done in dones) for name in _SUMS}
    if prepared.task.operation == "flush":
        flushed = sum(bool(done.output["would_flush"]) for done in dones)
        return {
            "flushed_keys": flushed,
            "remaining_keys": len(dones) - flushed,
            "messages_removed": sums["messages_removed"],
            "memory_freed": sum(done.output.get("bytes_freed") or 0 for done in dones),
            "tokens_freed": sums["tokens_freed"],
        }
    if prepared.task.operation == "clear":
        return {"messages_cleared": sums["messages_cleared"]}
    if prepared.task.operation == "stats":
        return {"message_count": sums["message_count"], "token_count": sums["token_count"]}
    return {}
