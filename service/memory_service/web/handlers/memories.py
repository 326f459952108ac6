"""Declared memories over HTTP: what they are, how they are, what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from memory_crd.memory import Spec, resolve_embedder

from memory_service.errors import Fault, Refused
from memory_service.keys import valid_thread
from memory_service.model.facts import Check, Place
from memory_service.operations import moments
from memory_service.operations.health import Health, examine
from memory_service.operations.registry import Held
from memory_service.operations.stats import Group, grouped
from memory_service.operations.stats import stats as numbers
from memory_service.web import answers, cursors, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service

SCANNED: Final = 10_000
"""Messages and threads that `group_by` looks at when `max_scan` is not given."""
_GROUPS: Final[Mapping[str, Sequence[Group]]] = {
    "role": ("role",),
    "day": ("day",),
    "role,day": ("role", "day"),
    "day,role": ("day", "role"),
}


async def listed(call: Call, service: Service) -> Reply:
    """GET memories."""
    query: requests.PageQuery = call.query
    after = str(cursors.read(query.cursor, "memories", kinds=(str,))[0]) if query.cursor is not None else ""
    active = [held for held in service.registry.held() if held.entry.state == "active" and held.entry.id > after]
    page = active[: query.limit]
    cursor = cursors.write("memories", page[-1].entry.id) if len(active) > len(page) else None
    items = [_described(held, service) for held in page]
    reply = answers.ok(results.MemoriesPage(items=items, next_cursor=cursor))
    reply.headers += answers.next_link(call, cursor)
    return reply


async def one(call: Call, service: Service) -> Reply:
    """GET a memory; one whose definition cannot be served is described too."""
    held = service.registry.find(call.params["memory"])
    if held is None:
        service.registry.get(call.params["memory"])
        raise Refused("memory_not_found", "it was removed this moment")
    return answers.ok(_described(held, service))


def _described(held: Held, service: Service) -> results.MemoryAnswer:
    health = service.monitor.health(held.entry.id)
    reasons = [held.fault] if held.fault else []
    if health is not None:
        reasons += [_reason(name, check) for name, check in health.checks.items() if check.status != "ok"]
    spec = held.memory.definition.spec if held.memory is not None else None
    return results.MemoryAnswer(
        id=held.entry.id,
        name=held.entry.name,
        generation=held.generation,
        ready=held.fault is None and health is not None and health.status == "ok",
        reasons=reasons if health is not None or held.fault else ["Pending: it has not been examined yet"],
        definition=_resolved(spec).document() if spec is not None else dict(held.entry.definition),
        token_counter=held.memory.counter.name if held.memory is not None else None,
    )


def _resolved(spec: Spec) -> Spec:
    """The specification with the embedder that serves it, which it need not name."""
    return replace(spec, embedder=resolve_embedder(spec))


def _reason(name: str, check: Check) -> str:
    return f"{name} {check.status}: {check.reason}" + (f" ({check.message})" if check.message else "")


async def health(call: Call, service: Service) -> Reply:
    """GET health: asked now, not remembered."""
    found = await examine(call.opened, service.worker)
    return answers.ok(_health(found), 503 if found.status == "failed" else 200)


def _health(found: Health) -> results.HealthAnswer:
    components = {
        name: results.ComponentHealth(
            status=check.status,
            reason=str(check.reason),
            latency_ms=check.latency_ms,
            message=check.message,
            lag_seconds=msgspec.UNSET if check.lag_seconds is None else check.lag_seconds,
            circuit=msgspec.UNSET if check.circuit is None else check.circuit,
        )
        for name, check in found.checks.items()
    }
    return results.HealthAnswer(status=found.status, components=components, checked_at=moments.render(found.checked_at))


async def stats(call: Call, service: Service) -> Reply:
    """GET stats."""
    wanted, place, most = _grouping(call)
    found = await numbers(call.opened)
    totals = found.totals
    answer = results.StatsAnswer(
        memory=call.params["memory"],
        threads=totals.threads,
        messages=totals.messages,
        tokens=totals.tokens,
        bytes=totals.bytes,
        vectors=found.vectors,
        expiring={"1h": totals.expiring_1h, "24h": totals.expiring_24h, "7d": totals.expiring_7d},
        without_ttl=totals.without_ttl,
        outbox=results.OutboxStats(
            depth=totals.outbox_depth, lag_seconds=totals.oldest_pending_ms / 1000, dead=totals.dead
        ),
    )
    if not wanted:
        return answers.ok(answer)
    total = await grouped(call.opened, wanted, place, most)
    cursor = _cursor(call, total.next)
    answer.groups = {
        kind: {name: results.Share(messages=each.messages, tokens=each.tokens) for name, each in shares.items()}
        for kind, shares in total.by(wanted).items()
    }
    answer.counted = results.Counted(threads=total.threads, messages=total.messages, damaged=total.damaged)
    answer.truncated, answer.next_cursor = cursor is not None, cursor
    reply = answers.ok(answer)
    reply.headers += answers.next_link(call, cursor)
    return reply


def _grouping(call: Call) -> tuple[Sequence[Group], Place | None, int]:
    """What to group by, from where on, and how many to look at. Raises `invalid_parameter` and `invalid_cursor`."""
    query: requests.StatsQuery = call.query
    if query.group_by is msgspec.UNSET:
        text = "belongs to group_by: send that too, or leave it out"
        given = {"max_scan": query.max_scan, "cursor": query.cursor}
        faults = [
            Fault(f"query:{name}", "invalid_parameter", text)
            for name, value in given.items()
            if value is not msgspec.UNSET
        ]
        if faults:
            raise Refused("invalid_parameter", f"{faults[0].path} {text}", faults)
        return (), None, 0
    place = None
    if query.cursor is not msgspec.UNSET:
        thread, part, seq = cursors.read(query.cursor, "stats", call.params["memory"], kinds=(str, int, int))
        if not valid_thread(str(thread)):
            raise cursors.invalid()
        place = Place(str(thread), int(part), int(seq))
    return _GROUPS[query.group_by], place, SCANNED if query.max_scan is msgspec.UNSET else query.max_scan


def _cursor(call: Call, place: Place | None) -> str | None:
    if place is None:
        return None
    return cursors.write("stats", call.params["memory"], place.thread, place.list, place.seq)
