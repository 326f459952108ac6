"""Flush: take the least needed messages of a thread away, in one step that a version guards.

The choice is a pure policy over the thread as it was read; it is applied only to that very version. When somebody wrote
in between, it is made anew, three times, then the answer is `busy`. Only a flush that asks a model takes a lease.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from memory_service.errors import Fault, Refused, Unavailable
from memory_service.model.facts import Facts, Slice
from memory_service.model.mutations import Flush, Outcome
from memory_service.model.values import Guard, Strategy
from memory_service.operations import accesses, moments, summaries
from memory_service.operations.outcomes import settle
from memory_service.operations.stored import StoredMessage, decode, decoded
from memory_service.operations.summaries import BY, Maker, Selection
from memory_service.policies.flushing import TARGET, THRESHOLD, Bounds, Line, Wish, dated, plan

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

TRIES: Final = 3
LEASE_MS: Final = 40_000
"""Longer than a model is waited for, so that nobody asks it twice; a process that dies holds a thread up so long."""
_PAGE: Final = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """The system message that a flush wrote, how many messages it stands for, and who made it (`model` or `rules`).

    `id` is None on a dry run.
    """

    id: str | None
    content: str | None
    messages: int | None
    by: Maker | None


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did, or would do. `removed` counts messages, `kept` what is there afterwards, summary included.

    `actual_strategy` is simple_fifo where a summary was asked of a model in vain: the oldest left, summed up by rule.
    `bytes_freed` is None on a replay: the store keeps the numbers of an answer, but not this one. `before` is the
    version that the choice was made for. `by_model` is whether a model made the summary, None where none was asked.
    """

    kept: int
    removed: int
    tokens_kept: int
    tokens_freed: int
    bytes_freed: int | None
    summary: Summary | None
    actual_strategy: Strategy
    would_flush: bool
    before: int
    outcome: Outcome
    by_model: bool | None = None


def wished(
    memory: OpenMemory,
    *,
    strategy: Strategy | None = None,
    threshold: float | None = None,
    target: float = TARGET,
    force: bool = False,
) -> Wish:
    """What to flush by: what was asked for, else what the memory's policy says, else the defaults."""
    policy = memory.definition.spec.options.flushing
    return Wish(
        strategy or (policy.type if policy else "simple_fifo"),
        threshold if threshold is not None else policy.threshold if policy else THRESHOLD,
        target,
        force,
        summary_tokens=policy.summary_tokens if policy else None,
    )


async def flush(
    memory: OpenMemory, thread: str, wish: Wish, guard: Guard, *, place: str = "/strategy", amends: bool = False
) -> Flushed:
    """Flush one thread. Raises `busy`, `version_mismatch`, `system_cap`, and for lru `invalid_field` at `place`.

    With `amends` the guard's key is that of the mutation that brought this flush about (model's Flush).
    """
    if wish.strategy == "lru" and not accesses.kept(memory):
        text = (
            "lru needs times of access, which a memory keeps where options.flushing.type is lru; simple_fifo removes "
            "the oldest, token_aware_lru the oldest and costliest"
        )
        raise Refused("invalid_field", f"the strategy {text}", [Fault(place, "invalid_field", text)])
    if guard.dry_run or not summaries.asks_model(memory, wish.strategy):
        return await _flush(memory, thread, wish, guard, amends=amends)
    async with _alone(memory, thread):
        return await _flush(memory, thread, wish, guard, amends=amends)


@asynccontextmanager
async def _alone(memory: OpenMemory, thread: str) -> AsyncIterator[None]:
    """Be the only one whose model sums this thread up. Raises `busy`. The version alone guards what is written."""
    token = secrets.token_hex(8)
    if not await memory.store.summarising(thread, token, ttl_ms=LEASE_MS):
        raise Refused("busy", "another flush of this thread waits for its summary; try again when it is done")
    try:
        yield
    finally:
        with suppress(Unavailable):  # it ends by itself
            await memory.store.summarising(thread, token, ttl_ms=0)


async def _flush(memory: OpenMemory, thread: str, wish: Wish, guard: Guard, *, amends: bool) -> Flushed:
    """Read, select, apply to that version. What a model was asked for serves again while all that leaves is there."""
    made: Selection | None = None
    asked_of = 0
    for _ in range(TRIES):
        facts = await memory.store.facts(thread)
        stored = await _all(memory, thread, facts.version)
        if stored is None:
            continue
        lines = [_line(message) for message, _ in stored]
        if not guard.dry_run:
            await _recount(memory, facts, lines)
        present = {line.seq for line in lines}
        if made is None or not made.asked or asked_of != facts.incarnation or not present.issuperset(made.plan.seqs):
            wish, asked_of = replace(wish, bounds=bounds(memory, facts)), facts.incarnation
            made = await _select(memory, thread, wish, lines, [message for message, _ in stored], guard)
        change = _mutation(memory, thread, made, guard, facts.version)
        change = replace(change, amends=made.strategy if amends else None)
        done = await memory.store.mutate(change)
        if done.code == "version_mismatch" and guard.if_match is None and not done.replayed:
            continue
        sizes = {line.seq: size for line, (_, size) in zip(lines, stored, strict=True)}
        return await _flushed(memory, made, change, settle(done), sizes)
    raise Refused("busy", "the thread is written to so often that no flush fits in between; try again in a moment")


async def foreseen(
    memory: OpenMemory, thread: str, wish: Wish, version: int | None, incoming: Sequence[StoredMessage]
) -> Selection | None:
    """What would leave if these messages came into the thread, or in place of all it has where `version` is None.

    None when the thread is at another version by now. A dry run: no model is asked.
    """
    stored = [] if version is None else await _all(memory, thread, version)
    if stored is None:
        return None
    messages = [*(message for message, _ in stored), *incoming]
    wish = replace(wish, bounds=bounds(memory, Facts(thread)))
    return await _select(memory, thread, wish, list(map(_line, messages)), messages, Guard(dry_run=True))


def bounds(memory: OpenMemory, facts: Facts) -> Bounds:
    """The limits that the memory's policy sets to a thread."""
    window, policy = memory.definition.spec.options.window, memory.definition.spec.options.flushing
    if policy is not None:
        return Bounds(policy.max_messages, policy.max_tokens)
    return Bounds(facts.max_messages, window.tokens if window else None)


async def _recount(memory: OpenMemory, facts: Facts, lines: Sequence[Line]) -> None:
    """Put counters right that say something else than the messages: a flush could be due by them for ever."""
    if (facts.messages, facts.tokens) == (len(lines), sum(line.tokens for line in lines)):
        return
    if await memory.store.recount(facts.thread):
        log.warning("memory %s: counters of a thread were wrong and are counted anew", memory.definition.spec.id)


async def _all(memory: OpenMemory, thread: str, version: int) -> list[tuple[StoredMessage, int]] | None:
    """Every message of the thread at one version, with its bytes; None when it changed while it was read."""
    found: list[tuple[StoredMessage, int]] = []
    after: str | None = None
    while True:
        page = await memory.store.read(thread, Slice(limit=_PAGE, after=after))
        if page.gone or page.version != version:
            return None
        found += [(message, len(raw)) for raw in page.messages if (message := decoded(raw)) is not None]
        if page.next_seq is None:
            return found
        after = f"{page.incarnation}-{page.next_seq}"


def _line(message: StoredMessage) -> Line:
    stands_for = message.metadata.get("summary_of") if message.role == "system" else 0
    return Line(
        int(message.id.partition("-")[2] or 0),
        message.role,
        message.tokens,
        stands_for if isinstance(stands_for, int) and not isinstance(stands_for, bool) and stands_for > 0 else 0,
    )


async def _select(
    memory: OpenMemory,
    thread: str,
    wish: Wish,
    lines: Sequence[Line],
    stored: Sequence[StoredMessage],
    guard: Guard,
) -> Selection:
    if wish.strategy == "lru":
        lines = dated(lines, list(map(_said, stored)), await memory.store.last_used(thread), memory.clock.now_ms())
    chosen = plan(wish, lines)
    if wish.strategy != "hybrid_summary" or not chosen.leaving:
        return Selection(wish.strategy, chosen)
    fallback = plan(replace(wish, strategy="simple_fifo"), lines)
    return await summaries.summed_up(memory, wish, chosen, fallback, stored, dry_run=guard.dry_run)


def _said(message: StoredMessage) -> int:
    try:
        return moments.parse(message.timestamp)
    except ValueError:  # damaged in the store: the messages around it tell when it came
        return 0


def _mutation(memory: OpenMemory, thread: str, made: Selection, guard: Guard, version: int) -> Flush:
    """The selection as one mutation, bound to the version that it was made for."""
    guard = replace(guard, if_match=version if guard.if_match is None else guard.if_match)
    record = {
        "at": moments.render(memory.clock.now_ms()),
        "strategy": made.strategy,
        "removed": len(made.plan.leaving),
        "tokens_freed": made.plan.tokens - (made.summary.tokens if made.summary else 0),
        "summary_by": made.by,
    }
    return Flush(thread, made.plan.seqs, made.summary, msgspec.json.encode(record), guard)


async def _flushed(
    memory: OpenMemory, made: Selection, change: Flush, outcome: Outcome, sizes: Mapping[int, int]
) -> Flushed:
    """The answer, from what the store did: on a replay the plan of today says nothing about the flush of then."""
    summary = await _written(memory, change, outcome) if outcome.first_seq else None
    strategy = made.strategy
    if outcome.replayed and summary is not None and summary.by == "rules" and memory.summarizer is not None:
        strategy = "simple_fifo"
    return Flushed(
        kept=outcome.total,
        removed=outcome.count,
        tokens_kept=outcome.tokens,
        tokens_freed=outcome.tokens_freed,
        bytes_freed=None if outcome.replayed else _bytes(change, outcome, sizes),
        summary=summary,
        actual_strategy=strategy,
        would_flush=outcome.changed,
        before=change.guard.if_match or 0,
        outcome=outcome,
        by_model=None if outcome.replayed or not made.asked else made.by == "model",
    )


def _bytes(change: Flush, outcome: Outcome, sizes: Mapping[int, int]) -> int:
    freed = sum(sizes[seq] for seq in change.seqs)
    if change.summary is None or not outcome.first_seq:
        return freed
    return freed - len(change.summary.stored(f"{outcome.incarnation}-{outcome.first_seq}"))


async def _written(memory: OpenMemory, change: Flush, outcome: Outcome) -> Summary:
    """The summary that a flush wrote; its words are gone when it was removed before a replay asked for them."""
    if change.guard.dry_run and change.summary is not None:
        return _shown(None, change.summary.stored(""))
    made = f"{outcome.incarnation}-{outcome.first_seq}"
    stored = await memory.store.message(change.thread, made)
    return Summary(made, None, None, None) if stored is None else _shown(made, stored)


def _shown(message_id: str | None, stored: bytes) -> Summary:
    message = decode(stored)
    by: Maker = "model" if message.metadata.get(BY) == "model" else "rules"
    return Summary(message_id, message.content, _line(message).stands_for, by)
