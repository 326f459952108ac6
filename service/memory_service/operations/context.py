"""Context: what a prompt needs of a thread, in one round trip.

The thread's newest messages, the memory's recent window, what the rest of the memory recalls about the question, and
the working memory; within a budget of tokens where one is given.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from memory_service.errors import EmbedderUnavailable, VectorUnavailable
from memory_service.model.facts import Facts, Slice, WorkingDocument
from memory_service.operations import accesses, keeping_alive
from memory_service.operations.catching_up import caught_up
from memory_service.operations.recall import (
    DEFAULT_TIMEOUT_MS,
    Hit,
    RecallAnswer,
    RecallRequest,
    recall,
)
from memory_service.operations.stored import StoredMessage, decoded
from memory_service.policies import budget

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

CURRENT_MESSAGES: Final = 100
"""Messages of `current_thread` when no limit is asked for."""

NO_QUESTION: Final = "there is no question: send query, or store a message of the user first"
DISABLED: Final = "semantic recall is off (options.semanticRecall.enabled)"


class Line(NamedTuple):
    """A message of the thread: its stored bytes, and what they say."""

    raw: bytes
    message: StoredMessage


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """Whose context. `query` None takes the latest user message; `budget` is in tokens; `limit` caps current_thread.

    `owner`, `strong`, `position` and `timeout_ms` are those of a recall.
    """

    thread: str
    query: str | None = None
    budget: int | None = None
    limit: int = CURRENT_MESSAGES
    owner: str | None = None
    strong: bool = False
    position: tuple[str, int] | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """Stored messages are JSON bytes, oldest first; `recalled` are hits, best first.

    `recall` is None when nothing was searched; `semantic_reason` then says why, and also why a search was degraded.
    `working` is None when working memory is off, has nobody to belong to, or did not fit. `spent` is in tokens.
    """

    facts: Facts
    current: list[bytes]
    last: list[bytes]
    recalled: list[Hit]
    recall: RecallAnswer | None
    semantic_reason: str | None
    working: WorkingDocument | None
    spent: int
    consistent: bool = True


async def context(memory: OpenMemory, request: ContextRequest) -> ContextAnswer:
    """Gather the context. An absent thread gives an empty one.

    Raises Timeout when `strong` was asked and the index did not catch up, and StorageUnavailable; history never depends
    on the vector store or the embedder.
    """
    options = memory.definition.spec.options
    window = options.last_messages
    depth = max(request.limit, window)
    facts, page = await asyncio.gather(
        memory.store.facts(request.thread), memory.store.read(request.thread, Slice(last=depth))
    )
    if page.stale:
        await keeping_alive.after_read(memory, request.thread)
    messages = [Line(raw, message) for raw in page.messages if (message := decoded(raw)) is not None]
    working = await _working(memory, facts, request)
    first = memory.counter.count(working.content.decode()) if working else 0
    last = _newest(messages, window)
    paid = budget.spend(request.budget, working=first, last=[line.message.tokens for line in last], recalled=())
    last = _newest(last, paid.last)
    injected = messages if request.budget is None else last  # what a budget leaves out may still be found
    answer, reason, consistent = await _recalled(memory, request, messages, injected)
    hits = answer.hits if answer else []
    left = None if request.budget is None else request.budget - paid.spent
    found = budget.spend(left, working=0, last=(), recalled=[_cost(hit) for hit in hits])
    await accesses.note(memory, ((request.thread, line.raw) for line in injected))
    return ContextAnswer(
        facts=facts,
        current=[line.raw for line in _newest(injected, request.limit)],
        last=[line.raw for line in last],
        recalled=[hits[position] for position in found.recalled],
        recall=answer,
        semantic_reason=reason,
        working=working if paid.working else None,
        spent=paid.spent + found.spent,
        consistent=consistent,
    )


def _newest(lines: list[Line], most: int) -> list[Line]:
    return lines[max(0, len(lines) - most) :]


async def _working(memory: OpenMemory, facts: Facts, request: ContextRequest) -> WorkingDocument | None:
    options = memory.definition.spec.options.working_memory
    if not options.enabled:
        return None
    if options.scope == "thread":
        return await memory.store.working(thread=request.thread, owner=None)
    if (owner := facts.owner or request.owner) is None:
        return None
    document = await memory.store.working(thread=None, owner=owner)
    if document.version:
        await keeping_alive.after_reading_document(memory, owner)
    return document


async def _recalled(
    memory: OpenMemory, request: ContextRequest, messages: list[Line], injected: list[Line]
) -> tuple[RecallAnswer | None, str | None, bool]:
    """What recall found, why it found less or nothing, and whether the index had caught up."""
    if not memory.definition.spec.options.semantic_recall.enabled:
        return None, DISABLED, True
    question = request.query if request.query is not None else _latest_question(messages)
    asked = RecallRequest(
        query=question or "",
        thread=request.thread,
        owner=request.owner,
        strong=request.strong,
        position=request.position,
        timeout_ms=request.timeout_ms,
        exclude=tuple(line.message.id for line in injected),
    )
    if question is None or not question.strip():
        waited = await caught_up(
            memory, strong=request.strong, position=request.position, timeout_ms=request.timeout_ms
        )
        return None, NO_QUESTION, waited
    try:
        answer = await recall(memory, asked)
    except (VectorUnavailable, EmbedderUnavailable) as error:
        consistent = await caught_up(memory, strong=False, position=request.position, timeout_ms=0)
        return None, f"{error.reason}: {error.detail}", consistent
    return answer, f"{answer.reason}: {answer.detail}" if answer.degraded else None, answer.consistent


def _latest_question(messages: list[Line]) -> str | None:
    return next((line.message.content for line in reversed(messages) if line.message.role == "user"), None)


def _cost(hit: Hit) -> int:
    """Tokens of a hit with the neighbours that come with it."""
    stored = [decoded(each) for each in (*hit.before, hit.message, *hit.after)]
    return sum(each.tokens for each in stored if each is not None)
