"""Recall and context over HTTP."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from memory_service.errors import Fault, Refused
from memory_service.model.search import FieldFilter
from memory_service.operations import context as contexts
from memory_service.operations import filters, moments
from memory_service.operations import recall as recalls
from memory_service.operations.recall import DEFAULT_TIMEOUT_MS, Hit, RecallAnswer, RecallRequest
from memory_service.operations.stored import decode
from memory_service.operations.working_memory import present
from memory_service.policies.fusion import Signal
from memory_service.web import requests
from memory_service.web.answers import encode, joined
from memory_service.web.call import Call, Reply
from memory_service.web.handlers.working_memory import shown
from memory_service.web.service import Service

MAX_TIMEOUT_MS: Final = 30_000


async def recall(call: Call, service: Service) -> Reply:
    """POST recall."""
    body: requests.RecallBody = call.body
    before, after = _neighbours(body.neighbours)
    request = RecallRequest(
        query=body.query,
        max_results=body.max_results,
        scope=body.scope,
        thread=body.thread,
        owner=body.owner,
        filters=_filters(call, body),
        threshold=body.threshold,
        before=before,
        after=after,
        mode=body.mode,
        strong=body.consistency == "strong",
        position=call.position,
        timeout_ms=_timeout(body.timeout, "/timeout", "invalid_query"),
        exclude=tuple(body.exclude),
    )
    since = perf_counter()
    answer = await recalls.recall(call.opened, request)
    service.metrics.recalled(answer.mode, perf_counter() - since)
    return Reply(200, _presented(answer))


def _neighbours(asked: int | requests.Neighbours | None) -> tuple[int | None, int | None]:
    if isinstance(asked, requests.Neighbours):
        return asked.before, asked.after
    return asked, asked


def _filters(call: Call, body: requests.RecallBody) -> tuple[FieldFilter, ...]:
    if body.filter is None:
        return ()
    found, faults = filters.parse(body.filter, call.opened.definition.spec.options.semantic_recall.filterable)
    if faults:
        raise Refused(faults[0].code, f"{faults[0].path} {faults[0].message}", faults)
    return tuple(found)


def _timeout(asked: int | None, path: str, code: str) -> int:
    if asked is None:
        return DEFAULT_TIMEOUT_MS
    if asked > MAX_TIMEOUT_MS:
        raise Refused(code, f"{path} must be at most 30s", [Fault(path, code, "must be at most 30s")])
    return asked


def _presented(answer: RecallAnswer) -> bytes:
    """The answer as JSON; stored messages go in as they are."""
    reason = b',"reason":%s' % encode(f"{answer.reason}: {answer.detail}") if answer.reason else b""
    return (
        b'{"hits":[%s],"searched":%d,"lag":{"positions":%d,"seconds":%s},"consistent":%s,"degraded":%s,"mode":%s%s}'
        % (
            b",".join(_hit(hit) for hit in answer.hits),
            answer.searched,
            answer.lag_positions,
            encode(answer.lag_seconds),
            encode(answer.consistent),
            encode(answer.degraded),
            encode(answer.mode),
            reason,
        )
    )


def _hit(hit: Hit) -> bytes:
    return b'{"message":%s,"thread":%s,"score":%s,"similarity":%s,"why":%s,"neighbours":%s}' % (
        hit.message,
        encode(hit.thread),
        encode(hit.score),
        encode(hit.similarity),
        encode(_why(hit)),
        _around(hit),
    )


def _why(hit: Hit) -> dict[str, Signal]:
    return {name: signal for name, signal in (("dense", hit.dense), ("keyword", hit.keyword)) if signal is not None}


def _around(hit: Hit) -> bytes:
    return b'{"before":%s,"after":%s}' % (joined(hit.before), joined(hit.after))


async def get_context(call: Call, service: Service) -> Reply:
    """GET context."""
    query: requests.ContextQuery = call.query
    return await _context(call, service, query, "query:timeout", "invalid_parameter")


async def post_context(call: Call, service: Service) -> Reply:
    """POST context."""
    body: requests.ContextBody = call.body
    return await _context(call, service, body, "/timeout", "invalid_query")


async def _context(
    call: Call, service: Service, asked: requests.ContextQuery | requests.ContextBody, path: str, code: str
) -> Reply:
    request = contexts.ContextRequest(
        thread=call.thread,
        query=asked.query,
        budget=asked.budget,
        limit=asked.limit or contexts.CURRENT_MESSAGES,
        strong=asked.consistency == "strong",
        position=call.position,
        timeout_ms=_timeout(asked.timeout, path, code),
    )
    since = perf_counter()
    answer = await contexts.context(call.opened, request)
    if answer.recall is not None:
        service.metrics.recalled(answer.recall.mode, perf_counter() - since)
    return Reply(200, _context_json(call, answer))


def _context_json(call: Call, answer: contexts.ContextAnswer) -> bytes:
    facts = answer.facts
    metadata = {
        "created_at": moments.render_or_none(facts.created_at),
        "updated_at": moments.render_or_none(facts.updated_at),
    }
    working = None if answer.working is None else shown(present(call.opened, answer.working))
    return (
        b'{"current_thread":{"thread_id":%s,"messages":%s,"metadata":%s},"last_messages":%s,"semantic_search":[%s],'
        b'"semantic_search_reason":%s,"working_memory":%s,"tokens":%d,"consistent":%s,"degraded":%s}'
        % (
            encode(call.thread),
            joined(answer.current),
            encode(metadata),
            joined(answer.last),
            b",".join(_recalled(hit) for hit in answer.recalled),
            encode(answer.semantic_reason),
            encode(working),
            answer.spent,
            encode(answer.consistent),
            encode(answer.recall is not None and answer.recall.degraded),
        )
    )


def _recalled(hit: Hit) -> bytes:
    """A hit in the shape of the v0 reference, with what came beside it."""
    stored = decode(hit.message)
    similarity = hit.similarity if hit.similarity is not None else hit.score
    line = {
        "content": stored.content,
        "similarity": similarity,
        "timestamp": stored.timestamp,
        "role": stored.role,
        "id": stored.id,
        "metadata": {**stored.metadata, "thread_id": hit.thread},
    }
    return encode(line)[:-1] + b',"neighbours":%s}' % _around(hit)
