"""Flush over HTTP."""

from __future__ import annotations

import msgspec

from memory_service.operations import flushing
from memory_service.policies.flushing import Wish
from memory_service.web import answers, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


async def flush(call: Call, service: Service) -> Reply:
    """POST flush."""
    body: requests.FlushRequest = call.body
    wish = Wish(body.strategy, body.threshold, body.target, body.force)
    done = await flushing.flush(call.opened, call.thread, wish, answers.guard(call))
    if not answers.dry_run(call) and not done.outcome.replayed:
        service.metrics.evicted(call.params["memory"], done.actual_strategy, done.removed)
    summary = None if done.summary is None else msgspec.convert(msgspec.to_builtins(done.summary), results.FlushSummary)
    answer = results.FlushAnswer(
        kept=done.kept,
        removed=done.removed,
        tokens_kept=done.tokens_kept,
        tokens_freed=done.tokens_freed,
        summary=summary,
        actual_strategy=wish.strategy,
        would_flush=done.would_flush,
        version=done.outcome.version,
    )
    return answers.mutated(call, done.outcome, answer)
