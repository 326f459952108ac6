"""Flush: take the least needed messages of a thread away, in one step that a version guards.

The choice is a pure policy over the thread as it was read; it is applied only to that very version. When somebody wrote
in between, it is made anew, three times, then the answer is `busy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.model.facts import Facts, Slice
from memory_service.model.mutations import Flush, Outcome
from memory_service.model.values import Draft, Guard, Strategy
from memory_service.operations import moments
from memory_service.operations.messages import NewMessage, of_our_own
from memory_service.operations.outcomes import settle
from memory_service.operations.stored import StoredMessage, decode, decoded
from memory_service.policies.flushing import (
    TARGET,
    THRESHOLD,
    Bounds,
    Line,
    Plan,
    Spoken,
    Wish,
    fitting,
    plan,
    summarise,
)

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

TRIES: Final = 3
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Summary:
    """The system message that a flush wrote, and how many messages it stands for. `id` is None on a dry run."""

    id: str | None
    content: str | None
    messages: int | None


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did, or would do. `removed` counts messages, `kept` what is there afterwards, summary included.

    `bytes_freed` is None on a replay: the store keeps the numbers of an answer, but not this one. `before` is the
    version that the choice was made for.
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
    if wish.strategy == "lru":
        text = (
            "lru needs times of access, which are not kept for messages; simple_fifo removes the oldest, "
            "token_aware_lru the oldest and costliest"
        )
        raise Refused("invalid_field", f"the strategy {text}", [Fault(place, "invalid_field", text)])
    for _ in range(TRIES):
        facts = await memory.store.facts(thread)
        stored = await _all(memory, thread, facts.version)
        if stored is None:
            continue
        lines = [_line(message) for message, _ in stored]
        chosen = plan(replace(wish, bounds=bounds(memory, facts)), lines)
        change = _mutation(memory, thread, wish, chosen, [message for message, _ in stored], (guard, facts.version))
        change = replace(change, amends=wish.strategy if amends else None)
        done = await memory.store.mutate(change)
        if done.code == "version_mismatch" and guard.if_match is None and not done.replayed:
            continue
        sizes = {line.seq: size for line, size in zip(lines, (size for _, size in stored), strict=True)}
        return await _flushed(memory, wish, change, settle(done), sizes)
    raise Refused("busy", "the thread is written to so often that no flush fits in between; try again in a moment")


def bounds(memory: OpenMemory, facts: Facts) -> Bounds:
    """The limits that the memory's policy sets to a thread."""
    window, policy = memory.definition.spec.options.window, memory.definition.spec.options.flushing
    if policy is not None:
        return Bounds(policy.max_messages, policy.max_tokens)
    return Bounds(facts.max_messages, window.tokens if window else None)


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


def _mutation(
    memory: OpenMemory,
    thread: str,
    wish: Wish,
    chosen: Plan,
    stored: Sequence[StoredMessage],
    guarded: tuple[Guard, int],
) -> Flush:
    """The plan as one mutation, bound to the version that it was made for."""
    guard, version = guarded
    guard = replace(guard, if_match=version if guard.if_match is None else guard.if_match)
    summary = _summary(memory, wish, chosen, stored) if wish.strategy == "hybrid_summary" and chosen.leaving else None
    record = {
        "at": moments.render(memory.clock.now_ms()),
        "strategy": wish.strategy,
        "removed": len(chosen.leaving),
        "tokens_freed": chosen.tokens - (summary.tokens if summary else 0),
    }
    return Flush(thread, chosen.seqs, summary, msgspec.json.encode(record), guard)


def _summary(memory: OpenMemory, wish: Wish, chosen: Plan, stored: Sequence[StoredMessage]) -> Draft | None:
    """The message that stands for what leaves; None where the memory keeps no system messages."""
    gone = {line.seq for line in chosen.leaving}
    left = [message for message in stored if int(message.id.partition("-")[2]) in gone]
    stands_for = len(left) + sum(line.stands_for for line in chosen.summaries)
    text = summarise([Spoken(each.role, each.content, each.timestamp) for each in left], stands_for)
    about = {"summary_of": stands_for, "from": left[0].id, "to": left[-1].id}
    if wish.summary_tokens is not None:
        text = fitting(text, wish.summary_tokens, memory.counter.count)
    return of_our_own(memory, NewMessage(text, "system", metadata=about))


async def _flushed(
    memory: OpenMemory, wish: Wish, change: Flush, outcome: Outcome, sizes: Mapping[int, int]
) -> Flushed:
    """The answer, from what the store did: on a replay the plan of today says nothing about the flush of then."""
    return Flushed(
        kept=outcome.total,
        removed=outcome.count,
        tokens_kept=outcome.tokens,
        tokens_freed=outcome.tokens_freed,
        bytes_freed=None if outcome.replayed else _bytes(change, outcome, sizes),
        summary=await _written(memory, change, outcome) if outcome.first_seq else None,
        actual_strategy=wish.strategy,
        would_flush=outcome.changed,
        before=change.guard.if_match or 0,
        outcome=outcome,
    )


def _bytes(change: Flush, outcome: Outcome, sizes: Mapping[int, int]) -> int:
    freed = sum(sizes[seq] for seq in change.seqs)
    if change.summary is None or not outcome.first_seq:
        return freed
    made = b'{"tokens":%d,"id":"%d-%d",' % (change.summary.tokens, outcome.incarnation, outcome.first_seq)
    return freed - len(made) - len(change.summary.tail)


async def _written(memory: OpenMemory, change: Flush, outcome: Outcome) -> Summary:
    """The summary that a flush wrote; its words are gone when it was removed before a replay asked for them."""
    if change.guard.dry_run and change.summary is not None:
        message = decode(b'{"tokens":%d,"id":"",%s' % (change.summary.tokens, change.summary.tail))
        return Summary(None, message.content, _line(message).stands_for)
    made = f"{outcome.incarnation}-{outcome.first_seq}"
    stored = await memory.store.message(change.thread, made)
    if stored is None:
        return Summary(made, None, None)
    message = decode(stored)
    return Summary(made, message.content, _line(message).stands_for)
