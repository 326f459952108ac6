"""Threads over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from msgspec import UNSET

from memory_service.errors import Fault, Refused
from memory_service.model.facts import ThreadQuery
from memory_service.model.values import UNSET as KEEP
from memory_service.model.values import Settings
from memory_service.operations import moments, threads
from memory_service.operations.threads import NewExpiry
from memory_service.web import answers, cursors, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


async def listed(call: Call, service: Service) -> Reply:
    """GET threads."""
    query: requests.ThreadsQuery = call.query
    wanted = ThreadQuery(
        prefix=query.prefix,
        match=query.match,
        owner=query.owner,
        type=query.type,
        expiring_within_ms=query.expiring_within,
        order=query.order,
        limit=query.limit,
        max_scan=query.max_scan,
    )
    return await page(call, wanted, query.cursor)


async def page(call: Call, wanted: ThreadQuery, after: str | None) -> Reply:
    """A page of threads; `after` is a cursor that an earlier page of the same list gave."""
    shape = [str(part) for part in (wanted.prefix, wanted.match, wanted.owner, wanted.type, wanted.expiring_within_ms)]
    bound = ("threads", call.params["memory"], wanted.order, "|".join(shape))
    place = cursors.read(after, *bound, kinds=(str,))[0] if after is not None else None
    found = await threads.listed(call.opened, replace(wanted, cursor=str(place) if place is not None else None))
    cursor = cursors.write(*bound, found.next_cursor) if found.next_cursor is not None else None
    items = [answers.thread_facts(facts) for facts in found.threads]
    reply = answers.ok(results.ThreadsPage(items=items, next_cursor=cursor, truncated=found.truncated))
    reply.headers += answers.next_link(call, cursor)
    return reply


async def facts(call: Call, service: Service) -> Reply:
    """GET a thread; an absent one is 200 with `exists` false."""
    found = await threads.facts(call.opened, call.thread)
    reply = answers.ok(answers.thread_facts(found))
    reply.headers.append((b"etag", b'"%d"' % found.version))
    return reply


async def put(call: Call, service: Service) -> Reply:
    """PUT a thread's settings."""
    return await _configure(call, "replace")


async def patch(call: Call, service: Service) -> Reply:
    """PATCH a thread's settings."""
    return await _configure(call, "merge")


async def _configure(call: Call, mode: Literal["replace", "merge"]) -> Reply:
    outcome = await threads.configure(call.opened, call.thread, settings(call), mode, answers.guard(call))
    answer = results.Configured(
        thread=call.thread,
        created=outcome.created,
        changed=outcome.changed or outcome.created,
        expires_at=moments.render_or_none(outcome.expires_at),
        version=outcome.version,
        redacted=answers.redacted(outcome),
    )
    return answers.mutated(call, outcome, answer)


def settings(call: Call) -> Settings:
    """The settings of a body."""
    body: requests.ThreadSettings = call.body
    return Settings(
        type=_kept(body.type),
        owner=_kept(body.owner),
        title=_kept(body.title),
        max_messages=_kept(body.max_messages),
        ttl_ms=_kept(body.ttl),
        pinned=_kept(body.pinned),
        metadata=_kept(body.metadata),
    )


def _kept(value: Any) -> Any:
    """msgspec's "not given" as the model's."""
    return KEEP if value is UNSET else value


async def delete(call: Call, service: Service) -> Reply:
    """DELETE a thread."""
    outcome = await threads.delete(call.opened, call.thread, answers.guard(call))
    answer = results.Deleted(deleted=outcome.deleted, version=outcome.version)
    return answers.mutated(call, outcome, answer, etag=False)


async def expire(call: Call, service: Service) -> Reply:
    """POST ttl."""
    outcome = await threads.expire(call.opened, call.thread, new_expiry(call.body), answers.guard(call))
    expires_at = moments.render_or_none(outcome.expires_at)
    answer = results.Expires(changed=outcome.changed, expires_at=expires_at, version=outcome.version)
    return answers.mutated(call, outcome, answer)


def new_expiry(body: requests.TtlChange | requests.MessageTtlChange) -> NewExpiry:
    """What a ttl body asks for. Raises Refused `invalid_ttl` unless it says exactly one thing."""
    pinned: Any = getattr(body, "pinned", UNSET)
    said = [name for name in ("ttl", "expires_at", "pinned") if getattr(body, name, UNSET) is not UNSET]
    if len(said) != 1:
        text = f"says {' and '.join(said) or 'nothing'}; say one of ttl, expires_at and pinned"
        place = f"/{said[1]}" if len(said) > 1 else "/ttl"
        raise Refused("invalid_ttl", f"the body {text}", [Fault(place, "invalid_ttl", text)])
    forever = said[0] != "pinned" and not getattr(body, said[0])
    return NewExpiry(
        mode=body.mode,
        ttl_ms=None if forever or body.ttl is UNSET else body.ttl,
        expires_at=None if forever or body.expires_at is UNSET else body.expires_at,
        forever=forever,
        pinned=bool(pinned) if said[0] == "pinned" else None,
    )
