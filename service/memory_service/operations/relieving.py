"""Automatic flushing: what follows a write that made a thread reach its memory's threshold.

The store says in the write's own step that a flush is due, so nothing has to be remembered: a process that dies before
the flush leaves it to whoever writes next, and of replicas that flush at once one finds nothing left to do.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from memory_service.errors import Refused, Unavailable
from memory_service.model.mutations import Append, Outcome, Relief, Replace
from memory_service.model.values import Guard, IdempotencyKey
from memory_service.operations import flushing, summaries
from memory_service.operations.outcomes import settle
from memory_service.operations.stored import StoredMessage, decode
from memory_service.operations.summaries import Selection
from memory_service.policies.flushing import Wish
from memory_service.policies.retention import SYSTEM_MESSAGES

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

log = logging.getLogger(__name__)


async def brought(memory: OpenMemory, change: Append | Replace) -> Outcome:
    """Do a write that brings messages, and the flush that it makes due. Raises Refused as the store decides."""
    outcome = settle(await memory.store.mutate(change))
    if change.guard.dry_run:
        return await foreseen(memory, change, outcome)
    return await relieved(memory, change.thread, outcome, change.guard)


async def relieved(memory: OpenMemory, thread: str, outcome: Outcome, guard: Guard) -> Outcome:
    """The outcome of a write, after the flush that it made due.

    What was written stays written: a flush that cannot be done now is left to the next write. The version and the
    total are those after the flush, unless somebody else wrote in between, whose message the caller has not seen.
    Nobody waits for a flush that asks a model, and the answer tells nothing of it.
    """
    if not outcome.flush_due or outcome.replayed or guard.dry_run or thread in memory.relieving:
        return outcome
    if summaries.asks_model(memory, flushing.wished(memory).strategy):
        memory.afterwards.start(memory.definition.spec.id, thread, lambda: _flushed(memory, thread, None))
        return outcome
    memory.relieving.add(thread)
    try:
        done = await _flushed(memory, thread, guard.key)
    except (Refused, Unavailable) as error:
        # Of a thread that many write to, busy comes again and again.
        level = logging.DEBUG if error.code == "busy" else logging.WARNING
        log.log(level, "memory %s: a thread is not flushed now: %s", memory.definition.spec.id, error)
        return outcome
    finally:
        memory.relieving.discard(thread)
    if not done.would_flush:
        return outcome
    outcome = replace(outcome, relief=Relief(done.actual_strategy, done.removed, done.tokens_freed))
    if done.before != outcome.version:
        return outcome
    return replace(outcome, version=done.outcome.version, pos=done.outcome.pos, total=done.kept)


async def foreseen(memory: OpenMemory, change: Append | Replace, outcome: Outcome) -> Outcome:
    """The outcome of a write's dry run, with the flush that the write would bring about.

    Without it where somebody else wrote since the dry run, and where a model would be asked, as the write would be.
    """
    wish = flushing.wished(memory)
    if not outcome.flush_due or outcome.replayed or summaries.asks_model(memory, wish.strategy):
        return outcome
    incoming = _incoming(change, outcome)
    version = outcome.version if isinstance(change, Append) else None
    chosen = await flushing.foreseen(memory, change.thread, wish, version, incoming)
    if chosen is not None and chosen.summary is not None and await _too_many(memory, change, chosen):
        chosen = await flushing.foreseen(memory, change.thread, _without_summary(wish), version, incoming)
    if chosen is None or not chosen.plan.seqs:
        return outcome
    summary = chosen.summary
    freed = chosen.plan.tokens - (summary.tokens if summary else 0)
    total = outcome.total - len(chosen.plan.seqs) + (1 if summary else 0)
    return replace(outcome, relief=Relief(chosen.strategy, len(chosen.plan.leaving), freed), total=total)


def _incoming(change: Append | Replace, outcome: Outcome) -> list[StoredMessage]:
    """The messages of a write as they would be stored."""
    numbered = enumerate(change.drafts, outcome.first_seq)
    return [decode(draft.stored(f"{outcome.incarnation}-{seq}")) for seq, draft in numbered]


async def _too_many(memory: OpenMemory, change: Append | Replace, chosen: Selection) -> bool:
    """Whether the summary would be a system message too many."""
    there = 0 if isinstance(change, Replace) else (await memory.store.facts(change.thread)).system_messages
    coming = sum(draft.role == "system" for draft in change.drafts)
    return there + coming - len(chosen.plan.summaries) + 1 > SYSTEM_MESSAGES


async def _flushed(memory: OpenMemory, thread: str, key: IdempotencyKey | None) -> flushing.Flushed:
    """Flush by the memory's policy; where no summary can be kept, the oldest leave without one."""
    wish, after, amends = flushing.wished(memory), Guard(key=key), key is not None
    try:
        return await flushing.flush(memory, thread, wish, after, amends=amends)
    except Refused as refused:
        if refused.code not in ("system_cap", "message_too_large"):
            raise
    return await flushing.flush(memory, thread, _without_summary(wish), after, amends=amends)


def _without_summary(wish: Wish) -> Wish:
    return replace(wish, strategy="simple_fifo", summary_tokens=None)
