"""Working memory over HTTP."""

from __future__ import annotations

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


def _reply(document: Document) -> Reply:
    reply = answers.ok(shown(document))
    reply.headers.append((b"etag", b'"%d"' % document.version))
    return reply


async def read(call: Call, service: Service) -> Reply:
    """GET working memory."""
    return _reply(await working_memory.read(call.opened, _place(call)))


async def replace(call: Call, service: Service) -> Reply:
    """PUT working memory."""
    body: requests.WorkingMemoryBody = call.body
    document = await working_memory.replace(call.opened, _place(call), body.content, call.if_match)
    service.metrics.cleaned(call.params["memory"], document.redacted)
    return _reply(document)


async def merge(call: Call, service: Service) -> Reply:
    """PATCH working memory."""
    body: requests.WorkingMemoryBody = call.body
    document = await working_memory.merge(call.opened, _place(call), body.content, call.if_match)
    service.metrics.cleaned(call.params["memory"], document.redacted)
    return _reply(document)


async def delete(call: Call, service: Service) -> Reply:
    """DELETE working memory."""
    deleted = await working_memory.delete(call.opened, _place(call), call.if_match)
    return answers.ok(results.WorkingMemoryDeleted(deleted=deleted))
