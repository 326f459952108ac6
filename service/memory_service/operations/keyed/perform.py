"""One operation on one key: a function each, over the use-cases that the native routes share. Outputs are JSON data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from memory_service.model.facts import Slice
from memory_service.model.mutations import Outcome
from memory_service.model.values import Guard
from memory_service.operations import flushing, history, moments, privacy, threads
from memory_service.operations.keyed import reports
from memory_service.operations.keyed.prepare import Prepared
from memory_service.operations.keyed.task import ReadConfig
from memory_service.operations.stored import StoredMessage, decoded

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

ROOM: Final = 4 << 20
"""Bytes of stored messages that one request may read, over all its operations."""
_PAGE: Final = 200

Output = dict[str, Any]


@dataclass(slots=True)
class Room:
    """How many bytes of messages may still be answered."""

    left: int = ROOM

    def takes(self, message: bytes, held: int) -> bool:
        """Whether one more message fits an answer that holds `held` bytes; the first of an answer always does."""
        if held and (held + len(message) > 1 << 20 or len(message) > self.left):
            return False
        self.left -= len(message)
        return True


@dataclass(slots=True)
class Met:
    """What reading a key tells of it: its messages in all, its version, damaged entries passed over on the way."""

    total: int = 0
    version: int = 0
    corrupted: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation answers, what the store did where it changed something, and the flush that was done now."""

    output: Output
    outcome: Outcome | None = None
    flushed: flushing.Flushed | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One operation's turn on one key."""

    memory: OpenMemory
    prepared: Prepared
    key: str
    guard: Guard = field(default_factory=Guard)
    room: Room = field(default_factory=Room)

    @property
    def config(self) -> Any:
        return self.prepared.config


async def perform(turn: Turn) -> Done:
    """Do it. Raises Refused and Unavailable, as the native routes do."""
    done = await _OPERATIONS[turn.prepared.task.operation](turn)
    if turn.guard.dry_run:
        done.output["dry_run"] = True
    return done


# --- read -------------------------------------------------------------------------------------------------------------


async def _read(turn: Turn) -> Done:
    config: ReadConfig = turn.config
    if config.last is not UNSET:
        return await _read_last(turn, config, config.last)
    skipped, held, more = 0, 0, False
    messages: list[Output] = []
    key = Met()
    async for raw in _walk(turn, config, key):
        if skipped < config.offset:
            skipped += 1
        elif len(messages) == config.limit or not turn.room.takes(raw, held):
            more = True
            break
        elif (message := decoded(raw)) is None:
            key.corrupted += 1
        else:
            held += len(raw)
            messages.append(_shown(message, config))
    if not key.version:
        facts = await threads.facts(turn.memory, turn.key)
        key.total, key.version = facts.messages, facts.version
    page = {"offset": config.offset, "limit": config.limit, "has_more": more}
    return Done(_read_output(turn, messages, key) | page)


async def _walk(turn: Turn, config: ReadConfig, key: Met) -> AsyncIterator[bytes]:
    """Every message that a read is about, in its order; `key` learns what each page tells of the thread."""
    newest_first = config.order == "desc"
    place: str | None = None
    while True:
        what = Slice(
            limit=_PAGE,
            after=None if newest_first else place,
            before=place if newest_first else None,
            since=None if config.since is UNSET else config.since,
            until=None if config.until is UNSET else config.until,
            role=None if config.role is UNSET else config.role,
            newest_first=newest_first,
        )
        page = await history.read(turn.memory, turn.key, what)
        key.total, key.version, key.corrupted = page.total, page.version, key.corrupted + page.corrupted
        for raw in page.messages:
            yield raw
        if page.next_seq is None:
            return
        place = f"{page.incarnation}-{page.next_seq}"


async def _read_last(turn: Turn, config: ReadConfig, last: int) -> Done:
    what = Slice(
        last=last,
        since=None if config.since is UNSET else config.since,
        until=None if config.until is UNSET else config.until,
        role=None if config.role is UNSET else config.role,
        newest_first=True,
    )
    page = await history.read(turn.memory, turn.key, what)
    kept, held, key = [], 0, Met(page.total, page.version, page.corrupted)
    for raw in page.messages:
        if not turn.room.takes(raw, held):
            break
        held += len(raw)
        message = decoded(raw)
        if message is None:
            key.corrupted += 1
        else:
            kept.append(_shown(message, config))
    if config.order == "asc":
        kept.reverse()
    more = page.total > len(kept) + key.corrupted and config.role is config.since is config.until is UNSET
    return Done(_read_output(turn, kept, key) | {"has_more": more})


def _read_output(turn: Turn, messages: list[Output], key: Met) -> Output:
    shown: Output = {"key": turn.key, "messages": messages, "count": len(messages)}
    return shown | {"total_count": key.total, "version": key.version, "corrupted": key.corrupted}


def _shown(message: StoredMessage, config: ReadConfig) -> Output:
    if config.include_metadata:
        return reports.whole(message)
    return {"role": message.role, "content": message.content, "timestamp": message.timestamp}


# --- changes ----------------------------------------------------------------------------------------------------------


async def _write(turn: Turn) -> Done:
    prepared = turn.prepared
    outcome = await history.write(
        turn.memory, turn.key, prepared.messages, turn.guard, path="/payload", one=prepared.one_message
    )
    return Done(_stored(turn, outcome) | {"success": True, "count": outcome.count}, outcome)


async def _append(turn: Turn) -> Done:
    prepared = turn.prepared
    outcome = await history.append(
        turn.memory, turn.key, prepared.messages, turn.guard, path="/payload", one=prepared.one_message
    )
    appended = {"success": True, "appended": outcome.count, "total_count": outcome.total}
    return Done(_stored(turn, outcome) | appended, outcome)


def _stored(turn: Turn, outcome: Outcome) -> Output:
    return (
        {
            "key": turn.key,
            "ids": outcome.ids,
            "evicted": outcome.evicted,
            "created": outcome.created,
            "version": outcome.version,
            "expires_at": moments.render_or_none(outcome.expires_at),
        }
        | _relief(outcome)
        | privacy.told(outcome)
    )


def _relief(outcome: Outcome) -> Output:
    done = outcome.relief
    if done is None:
        return {}
    flushed = {"removed": done.removed, "tokens_freed": done.tokens_freed, "actual_strategy": done.strategy}
    return {"flushed": flushed}


async def _delete(turn: Turn) -> Done:
    outcome = await threads.delete(turn.memory, turn.key, turn.guard)
    answer = {"success": True, "key": turn.key, "deleted": outcome.deleted, "version": outcome.version}
    return Done(answer, outcome)


async def _clear(turn: Turn) -> Done:
    outcome = await history.clear(turn.memory, turn.key, backup=turn.config.backup, guard=turn.guard)
    kept = outcome.backup_id is not None or (turn.guard.dry_run and turn.config.backup and outcome.count > 0)
    answer = {
        "success": True,
        "key": turn.key,
        "messages_cleared": outcome.count,
        "backup_created": kept,
        "backup_id": outcome.backup_id,
        "version": outcome.version,
    }
    return Done(answer, outcome)


async def _flush(turn: Turn) -> Done:
    config = turn.config
    wish = flushing.wished(
        turn.memory,
        strategy=None if config.strategy is UNSET else config.strategy,
        threshold=None if config.threshold is UNSET else config.threshold,
        target=config.target,
        force=config.force,
    )
    flushed = await flushing.flush(turn.memory, turn.key, wish, turn.guard, place="/flush_config/strategy")
    answer = {
        "success": True,
        "key": turn.key,
        "summary_generated": flushed.summary is not None,
        "message_count": flushed.kept,
        "messages_removed": flushed.removed,
        "token_count": flushed.tokens_kept,
        "tokens_freed": flushed.tokens_freed,
        "bytes_freed": flushed.bytes_freed,
        "actual_strategy": flushed.actual_strategy,
        "dry_run": turn.guard.dry_run,
        "would_flush": flushed.would_flush,
        "summary": None if flushed.summary is None else msgspec.to_builtins(flushed.summary),
        "version": flushed.outcome.version,
        "error": None,
    }
    counts = not turn.guard.dry_run and not flushed.outcome.replayed
    return Done(answer, flushed.outcome, flushed if counts else None)


# --- looks ------------------------------------------------------------------------------------------------------------


async def _health(turn: Turn) -> Done:
    return Done(await reports.health(turn.memory, turn.key, turn.config))


async def _stats(turn: Turn) -> Done:
    found, messages = await reports.stats(turn.memory, turn.key, turn.config)
    if messages is not None:
        shown, held, desk = [], 0, privacy.desk(turn.memory)
        for raw in messages:
            if not turn.room.takes(raw, held):
                break
            held += len(raw)
            message = decoded(raw)
            if message is not None:
                shown.append(reports.whole(desk.shown(message)))
        found["messages"] = shown[::-1]
    return Done(found)


_OPERATIONS: Final[Mapping[str, Callable[[Turn], Awaitable[Done]]]] = {
    "read": _read,
    "write": _write,
    "append": _append,
    "delete": _delete,
    "clear": _clear,
    "flush": _flush,
    "health": _health,
    "stats": _stats,
}


def guard_of(prepared: Prepared, guard: Guard) -> Guard:
    """The conditions of one operation on one key. A dry run is never kept for a replay."""
    expected = prepared.task.expected_version
    return Guard(
        if_match=None if expected is UNSET else expected,
        dry_run=prepared.dry_run,
        key=None if prepared.dry_run else guard.key,
    )
