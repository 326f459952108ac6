"""Owners over HTTP: lists, and erasure with its receipt."""

from __future__ import annotations

import msgspec

from memory_service.model.facts import ThreadQuery
from memory_service.operations import moments, owners
from memory_service.operations.once import once
from memory_service.operations.owners import Counts, Receipt
from memory_service.web import answers, cursors, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.handlers.threads import page
from memory_service.web.service import Service


async def listed(call: Call, service: Service) -> Reply:
    """GET owners."""
    query: requests.PageQuery = call.query
    bound = ("owners", call.params["memory"])
    after = str(cursors.read(query.cursor, *bound, kinds=(str,))[0]) if query.cursor is not None else None
    found, more = await owners.listed(call.opened, after, query.limit)
    cursor = cursors.write(*bound, found[-1].name) if more else None
    items = [results.OwnerAnswer(owner=each.name, threads=each.threads, working_memory=each.document) for each in found]
    reply = answers.ok(results.OwnersPage(items=items, next_cursor=cursor))
    reply.headers += answers.next_link(call, cursor)
    return reply


async def threads(call: Call, service: Service) -> Reply:
    """GET an owner's threads."""
    query: requests.OwnerThreadsQuery = call.query
    wanted = ThreadQuery(owner=call.params["owner"], type=query.type, order=query.order, limit=query.limit)
    return await page(call, wanted, query.cursor)


async def erase(call: Call, service: Service) -> Reply:
    """DELETE an owner."""
    memory, owner, dry = call.opened, call.params["owner"], answers.dry_run(call)
    if dry:
        return answers.ok(_receipt(owner, await owners.preview(memory, owner), dry=True))
    receipt, again = await once(memory, call.key, Receipt, lambda: owners.erase(memory, owner))
    return answers.repeated(answers.ok(_receipt(owner, receipt)), again)


def _receipt(owner: str, receipt: Receipt, *, dry: bool = False) -> results.ErasureReceipt:
    return results.ErasureReceipt(
        owner=owner,
        erased_at=moments.render(receipt.erased_at),
        removed=_counts(receipt.removed),
        remaining=_counts(receipt.remaining),
        verified=receipt.verified,
        dry_run=True if dry else msgspec.UNSET,
    )


def _counts(counts: Counts) -> results.ErasureCounts:
    return results.ErasureCounts(
        threads=counts.threads,
        messages=counts.messages,
        working_memory=counts.working_memory,
        vectors=counts.vectors,
        backups=counts.backups,
    )
