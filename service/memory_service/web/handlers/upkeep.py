"""Dead letters and audits over HTTP."""

from __future__ import annotations

from memory_service.model.outbox import Audit, DeadLetter
from memory_service.operations import moments, upkeep
from memory_service.operations.once import once
from memory_service.web import answers, cursors, requests, results
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


async def dead(call: Call, service: Service) -> Reply:
    """GET outbox/dead."""
    query: requests.PageQuery = call.query
    bound = ("dead", call.params["memory"])
    place = str(cursors.read(query.cursor, *bound, kinds=(str,))[0]) if query.cursor is not None else None
    letters, following = await upkeep.dead_letters(call.opened, place, query.limit)
    cursor = cursors.write(*bound, following) if following is not None else None
    reply = answers.ok(results.DeadLettersPage(items=[_letter(each) for each in letters], next_cursor=cursor))
    reply.headers += answers.next_link(call, cursor)
    return reply


def _letter(letter: DeadLetter) -> results.DeadLetterAnswer:
    return results.DeadLetterAnswer(
        id=letter.id,
        thread=letter.thread,
        message=letter.message_id,
        error=letter.error,
        attempts=letter.attempts,
        since=moments.render(letter.since),
    )


async def replay(call: Call, service: Service) -> Reply:
    """POST outbox/dead/replay."""
    body: requests.ReplayRequest = call.body
    count, again = await once(call.opened, call.key, int, lambda: upkeep.replay(call.opened, body.ids))
    return answers.repeated(answers.ok(results.Replayed(replayed=count)), again)


async def audit(call: Call, service: Service) -> Reply:
    """POST audit."""
    kind = tuple[Audit, float]
    (found, seconds), again = await once(call.opened, call.key, kind, lambda: upkeep.audit(call.opened, service.worker))
    answer = results.AuditAnswer(
        threads=found.threads,
        points=found.points,
        orphans=found.orphans,
        missing=found.missing,
        repaired=found.orphans + found.missing,
        seconds=seconds,
    )
    return answers.repeated(answers.ok(answer), again)
