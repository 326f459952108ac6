"""The system message that stands for what leaves: by the memory's model, or by rule where there is none or it fails.

What a model made is redacted like any message, and so is what it is given to read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from memory_service.errors import Refused, SummaryFailed
from memory_service.model.values import Draft, Strategy
from memory_service.operations import privacy
from memory_service.operations.messages import NewMessage, of_our_own
from memory_service.operations.stored import StoredMessage
from memory_service.policies.flushing import Plan, Spoken, Wish, summarise
from memory_service.policies.summaries import fitting, instructions, transcript

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory
    from memory_service.ports import Summarizer

Maker = Literal["model", "rules"]

TOKENS: Final = 200
"""Size of a summary where the memory's policy says none."""
_CHARACTERS: Final = 16
"""Of a token, at most, for all that is worth counting in an answer that is far too long."""
BY: Final = "summary_by"
"""In the metadata of a summary that a model made."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Selection:
    """What leaves a thread and what comes in its place, by which strategy; good while all that leaves is there.

    `by` made the summary, None where there is none. `asked` says that a model was, whether or not it made one.
    """

    strategy: Strategy
    plan: Plan
    summary: Draft | None = None
    by: Maker | None = None
    asked: bool = False


def asks_model(memory: OpenMemory, strategy: Strategy) -> bool:
    """Whether such a flush has a model to ask."""
    kept = not privacy.desk(memory).excludes("system")
    return strategy == "hybrid_summary" and memory.summarizer is not None and kept


@dataclass(frozen=True, slots=True)
class _Flush:
    """What summaries are made from: the memory, the thread's messages by seq, and the size asked for."""

    memory: OpenMemory
    messages: dict[int, StoredMessage]
    tokens: int


async def summed_up(
    memory: OpenMemory, wish: Wish, chosen: Plan, fallback: Plan, stored: Sequence[StoredMessage], *, dry_run: bool
) -> Selection:
    """The plan of a summarising flush with its summary; `fallback` is what leaves if the model fails: the oldest.

    A dry run asks no model: what it shows is the summary by rule.
    """
    flush = _Flush(memory, {_seq(message): message for message in stored}, wish.summary_tokens or TOKENS)
    if memory.summarizer is None or dry_run or not asks_model(memory, wish.strategy):
        return _by_rule(flush, chosen, chosen)
    try:
        return await _by_model(flush, memory.summarizer, chosen)
    except (SummaryFailed, Refused) as fault:
        log.warning("memory %s: no summary by the model: %s", memory.definition.spec.id, fault)
    return replace(_by_rule(flush, fallback, chosen), strategy="simple_fifo", asked=True)


async def _by_model(flush: _Flush, model: Summarizer, chosen: Plan) -> Selection:
    desk = privacy.desk(flush.memory)
    left = [_spoken(flush.messages[line.seq], desk) for line in chosen.leaving]
    earlier = [_spoken(flush.messages[line.seq], desk).content for line in chosen.summaries]
    said = await model.complete(instructions(flush.tokens), transcript(left, earlier), tokens=flush.tokens)
    return _selection(flush, chosen, f"Summary of {_stands_for(chosen)} earlier messages.\n{said}", "model")


def _by_rule(flush: _Flush, chosen: Plan, before: Plan) -> Selection:
    """A rule cannot take in the words of a summary that a model made, so those stay."""
    taken = tuple(line for line in before.summaries if flush.messages[line.seq].metadata.get(BY) != "model")
    chosen = replace(chosen, summaries=taken)
    left = [_spoken(flush.messages[line.seq]) for line in chosen.leaving]
    return _selection(flush, chosen, summarise(left, _stands_for(chosen)), "rules")


def _stands_for(chosen: Plan) -> int:
    return len(chosen.leaving) + sum(line.stands_for for line in chosen.summaries)


def _selection(flush: _Flush, chosen: Plan, text: str, by: Maker) -> Selection:
    """The summary as a message about to be stored; none where the memory keeps no system messages."""
    gone = sorted(line.seq for line in chosen.leaving)
    first, last = flush.messages[gone[0]], flush.messages[gone[-1]]
    about: dict[str, object] = {"summary_of": _stands_for(chosen), "from": first.id, "to": last.id}
    about |= {BY: by} if by == "model" else {}
    bounded = fitting(text[: flush.tokens * _CHARACTERS], lambda some: flush.memory.counter.count(some) <= flush.tokens)
    draft = of_our_own(flush.memory, NewMessage(bounded, "system", metadata=about))
    return Selection("hybrid_summary", chosen, draft, by if draft else None, asked=by == "model")


def _spoken(message: StoredMessage, desk: privacy.Desk | None = None) -> Spoken:
    content = message.content if desk is None else desk.text(message.content, "the summary")
    return Spoken(message.role, content, message.timestamp)


def _seq(message: StoredMessage) -> int:
    return int(message.id.partition("-")[2] or 0)
