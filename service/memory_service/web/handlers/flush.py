"""Flush over HTTP."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from memory_service.operations import flushing
from memory_service.web import answers, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


async def flush(call: Call, service: Service) -> Reply:
    """POST flush."""
    body: requests.FlushRequest = call.body
    wish = flushing.wished(
        call.opened,
        strategy=None if body.strategy is UNSET else body.strategy,
        threshold=None if body.threshold is UNSET else body.threshold,
        target=body.target,
        force=body.force,
    )
    done = await flushing.flush(call.opened, call.thread, wish, answers.guard(call))
    if not answers.dry_run(call) and not done.outcome.replayed:
        service.metrics.flushed(call.params["memory"], done.actual_strategy, done.removed, done.by_model)
    summary = None if done.summary is None else msgspec.convert(msgspec.to_builtins(done.summary), results.FlushSummary)
    answer = results.FlushAnswer(
        kept=done.kept,
        removed=done.removed,
        tokens_kept=done.tokens_kept,
        tokens_freed=done.tokens_freed,
        summary=summary,
        actual_strategy=done.actual_strategy,
        would_flush=done.would_flush,
        version=done.outcome.version,
    )
    return answers.mutated(call, done.outcome, answer)
