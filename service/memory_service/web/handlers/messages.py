"""A thread's messages over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from memory_service.errors import Fault, Refused, Unavailable
from memory_service.model.facts import MessagePage, Slice
from memory_service.model.mutations import Outcome
from memory_service.model.values import Guard
from memory_service.operations import history, moments
from memory_service.operations.messages import MAX_BATCH, NewMessage
from memory_service.web import answers, cursors, problems, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.handlers.threads import new_expiry
from memory_service.web.preconditions import derived
from memory_service.web.service import Service

SHAPES: Final = (requests.Batch, NewMessage, requests.PlainMessage)
"""What an append or a write may be written as."""


def shape(raw: object) -> Any:
    """Which of SHAPES a body means to be."""
    if isinstance(raw, str):
        return requests.PlainMessage
    return requests.Batch if isinstance(raw, dict) and "messages" in raw else NewMessage


def _messages(call: Call) -> tuple[Sequence[NewMessage], str]:
    """The messages of a body and the JSON Pointer they are at."""
    body = call.body
    if isinstance(body, requests.Batch):
        return body.messages, "/messages"
    return [NewMessage(body) if isinstance(body, str) else body], ""


async def append(call: Call, service: Service) -> Reply:
    """POST messages."""
    messages, path = _messages(call)
    outcome = await history.append(call.opened, call.thread, messages, answers.guard(call), path=path, one=not path)
    return answers.mutated(call, outcome, _appended(outcome))


def _appended(outcome: Outcome) -> results.Appended:
    return results.Appended(
        appended=outcome.count,
        ids=outcome.ids,
        total=outcome.total,
        evicted=outcome.evicted,
        flushed=answers.relief(outcome),
        version=outcome.version,
        created=outcome.created,
        expires_at=moments.render_or_none(outcome.expires_at),
        redacted=answers.redacted(outcome),
        excluded=answers.excluded(outcome),
    )


async def write(call: Call, service: Service) -> Reply:
    """PUT messages."""
    messages, path = _messages(call)
    outcome = await history.write(call.opened, call.thread, messages, answers.guard(call), path=path, one=not path)
    answer = results.Written(
        written=outcome.count,
        ids=outcome.ids,
        total=outcome.total,
        evicted=outcome.evicted,
        flushed=answers.relief(outcome),
        version=outcome.version,
        created=outcome.created,
        expires_at=moments.render_or_none(outcome.expires_at),
        redacted=answers.redacted(outcome),
        excluded=answers.excluded(outcome),
    )
    return answers.mutated(call, outcome, answer)


async def read(call: Call, service: Service) -> Reply:
    """GET messages: stored bytes are joined, never decoded."""
    query: requests.MessagesQuery = call.query
    page = await history.read(call.opened, call.thread, _slice(call, query))
    cursor = _next_cursor(call.thread, page, query)
    body = b'{"thread":"%s","messages":%s,"total":%d,"version":%d,"next_cursor":%s%s}' % (
        call.thread.encode(),
        answers.joined(page.messages),
        page.total,
        page.version,
        b"null" if cursor is None else b'"%s"' % cursor.encode(),
        b',"corrupted":%d' % page.corrupted if page.corrupted else b"",
    )
    return Reply(200, body, [(b"etag", b'"%d"' % page.version), *answers.next_link(call, cursor)])


def _slice(call: Call, query: requests.MessagesQuery) -> Slice:
    if query.last is not None and (query.limit is not None or query.cursor is not None):
        text = "excludes limit and cursor: it is the newest N, in one answer"
        raise Refused("invalid_parameter", f"last {text}", [Fault("query:last", "invalid_parameter", text)])
    newest_first = query.order == "desc"
    what = Slice(
        last=query.last,
        limit=query.limit or 50,
        after=query.after,
        before=query.before,
        since=query.since,
        until=query.until,
        role=query.role,
        newest_first=newest_first,
    )
    if query.cursor is None:
        return what
    incarnation, seq = cursors.read(query.cursor, "messages", call.thread, query.order, kinds=(int, int))
    place = f"{incarnation}-{seq}"
    return replace(what, before=place) if newest_first else replace(what, after=place)


def _next_cursor(thread: str, page: MessagePage, query: requests.MessagesQuery) -> str | None:
    if page.next_seq is None or query.last is not None:
        return None
    return cursors.write("messages", thread, query.order, page.incarnation, page.next_seq)


async def clear(call: Call, service: Service) -> Reply:
    """DELETE messages."""
    query: requests.ClearQuery = call.query
    outcome = await history.clear(call.opened, call.thread, backup=query.backup, guard=answers.guard(call))
    answer = results.Cleared(cleared=outcome.count, backup_id=outcome.backup_id, version=outcome.version)
    return answers.mutated(call, outcome, answer)


async def restore(call: Call, service: Service) -> Reply:
    """POST restore."""
    body: requests.RestoreRequest = call.body
    outcome = await history.restore(call.opened, call.thread, body.backup_id, answers.guard(call))
    return answers.mutated(call, outcome, results.Restored(restored=outcome.count, version=outcome.version))


async def get_one(call: Call, service: Service) -> Reply:
    """GET one message."""
    return Reply(200, await history.one(call.opened, call.thread, call.params["id"]))


async def delete_one(call: Call, service: Service) -> Reply:
    """DELETE one message."""
    outcome = await history.delete_one(call.opened, call.thread, call.params["id"], answers.guard(call))
    return answers.mutated(call, outcome, results.Deleted(deleted=True, version=outcome.version))


async def expire_one(call: Call, service: Service) -> Reply:
    """POST ttl of one message."""
    asked = new_expiry(call.body)
    outcome = await history.expire_one(call.opened, call.thread, call.params["id"], asked, answers.guard(call))
    expires_at = moments.render_or_none(outcome.expires_at)
    answer = results.Expires(changed=outcome.changed, expires_at=expires_at, version=outcome.version)
    return answers.mutated(call, outcome, answer)


# --- many threads at once ---------------------------------------------------------------------------------------------


async def bulk(call: Call, service: Service) -> Reply:
    """POST messages of many threads: grouped into few scripts by the store, each item on its own."""
    body: requests.Bulk = call.body
    count = sum(len(item.messages) for item in body.items)
    if count > MAX_BATCH:
        text = f"have {count} messages in all; a request takes at most {MAX_BATCH}"
        raise Refused("request_too_large", f"the items {text}", [Fault("/items", "request_too_large", text)])
    dry = answers.dry_run(call)
    answered = await asyncio.gather(*(_item(call, item, number, dry) for number, item in enumerate(body.items)))
    reply = answers.ok(results.BulkAnswer(results=list(answered), dry_run=True if dry else msgspec.UNSET))
    if call.outcomes:
        last = max(call.outcomes, key=lambda outcome: outcome.pos)
        reply.headers += answers.trail(last, dry)
    return reply


async def _item(call: Call, item: requests.BulkItem, number: int, dry: bool) -> results.BulkResult:
    version = None if item.expected_version is msgspec.UNSET else item.expected_version
    guard = Guard(if_match=version, dry_run=dry, key=None if dry else derived(call.key, number))
    path = f"/items/{number}/messages"
    try:
        outcome = await history.append(call.opened, item.thread, item.messages, guard, path=path)
    except (Refused, Unavailable) as error:
        problem = problems.of_error(error, call.request_id)
        return results.BulkResult(thread=item.thread, status=problem.status, error=msgspec.to_builtins(problem))
    if not dry:
        call.outcomes.append(outcome)
    done = _appended(outcome)
    return results.BulkResult(
        thread=item.thread,
        status=200,
        appended=done.appended,
        ids=done.ids,
        total=done.total,
        evicted=done.evicted,
        flushed=done.flushed,
        created=done.created,
        version=done.version,
        expires_at=done.expires_at,
        redacted=done.redacted,
        excluded=done.excluded,
    )
