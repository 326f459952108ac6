"""Working memory over HTTP."""

from __future__ import annotations

import msgspec

from memory_service.operations import moments, working_memory
from memory_service.operations.working_memory import Document, Place
from memory_service.web import answers, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


def _place(call: Call) -> Place:
    return Place(thread=call.params.get("thread"), owner=call.params.get("owner"))


def shown(document: Document) -> results.WorkingMemoryAnswer:
    """A document as callers read it."""
    return results.WorkingMemoryAnswer(
        content=document.content,
        format=document.format,
        scope=document.scope,
        version=document.version,
        updated_at=moments.render_or_none(document.updated_at),
    )


async def read(call: Call, service: Service) -> Reply:
    """GET working memory."""
    document = await working_memory.read(call.opened, _place(call))
    reply = answers.ok(shown(document))
    reply.headers.append(_etag(document.version))
    return reply


async def replace(call: Call, service: Service) -> Reply:
    """PUT working memory."""
    body: requests.WorkingMemoryBody = call.body
    return _changed(call, await working_memory.replace(call.opened, _place(call), body.content, answers.guard(call)))


async def merge(call: Call, service: Service) -> Reply:
    """PATCH working memory."""
    body: requests.WorkingMemoryBody = call.body
    return _changed(call, await working_memory.merge(call.opened, _place(call), body.content, answers.guard(call)))


async def delete(call: Call, service: Service) -> Reply:
    """DELETE working memory."""
    outcome = await working_memory.delete(call.opened, _place(call), answers.guard(call))
    dry = answers.dry_run(call)
    reply = answers.ok(results.WorkingMemoryDeleted(deleted=outcome.deleted, dry_run=True if dry else msgspec.UNSET))
    reply.headers += answers.trail(outcome, dry)
    if not dry:
        call.outcomes.append(outcome)
    return reply


def _changed(call: Call, document: Document) -> Reply:
    """The answer of a change: the document as it left it, its version, and whether this is a replay."""
    outcome, dry, answer = document.outcome, answers.dry_run(call), shown(document)
    assert outcome is not None, "a change has an outcome"
    answer.redacted = answers.redacted(outcome)
    if dry:
        answer.dry_run = True
    reply = answers.ok(answer)
    reply.headers += [_etag(document.version), *answers.trail(outcome, dry)]
    if not dry:
        call.outcomes.append(outcome)
    return reply


def _etag(version: int) -> tuple[bytes, bytes]:
    return b"etag", b'"%d"' % version
