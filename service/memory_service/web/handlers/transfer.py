"""Export and import over HTTP: a memory as lines of JSON, streamed out and in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from memory_service.errors import Fault, Refused, ShuttingDown, Unavailable
from memory_service.operations import importing, lines
from memory_service.operations.arriving import Numbered, Report, Tally
from memory_service.operations.exporting import Export, Wanted
from memory_service.web import answers, requests, results
from memory_service.web.body import parse
from memory_service.web.call import Call, Reply
from memory_service.web.readers import reader
from memory_service.web.service import Drain, Service
from memory_service.web.streaming import NDJSON, lines_of


async def export(call: Call, service: Service) -> Reply:
    """POST export: what can be refused is refused before the answer begins."""
    body: requests.ExportRequest = call.body
    wanted = Wanted(body.resume_after, body.prefix, body.owner)
    pieces = _pieces(Export(call.opened, wanted), service)
    first = await anext(pieces)
    return Reply(200, first, [(b"cache-control", b"no-store")], NDJSON.encode(), rest=pieces)


async def _pieces(export: Export, service: Service) -> AsyncGenerator[bytes, None]:
    with service.transfers.one():
        async for piece in export.chunks():
            yield piece
            _check_drain(service.drain)


def _check_drain(drain: Drain) -> None:
    if drain.draining:
        raise ShuttingDown("this instance is going away; go on with another one, from where this one ended")


async def import_(call: Call, service: Service) -> Reply:
    """POST import. A refusal says what was imported before."""
    query: requests.ImportQuery = call.query
    report = Report(query.resume_after)
    try:
        with service.transfers.one():
            await importing.run(call.opened, _numbered(call, service.drain), query.mode, report)
    except (Refused, Unavailable) as error:
        error.extra.setdefault("line", report.lines + 1)
        error.extra["imported"] = _answer(report)
        raise
    finally:
        summary = report.summary(call.opened)
        call.outcomes.append(summary)
    reply = answers.ok(_answer(report))
    reply.headers += answers.trail(summary, dry=False)
    return reply


async def _numbered(call: Call, drain: Drain) -> AsyncIterator[Numbered]:
    async for number, raw in lines_of(call):
        _check_drain(drain)
        yield Numbered(number, raw, _line(number, raw))


def _line(number: int, raw: bytes) -> lines.AnyLine:
    """A line's bytes, read. Raises Refused `invalid_import` with every fault."""
    faults: list[Fault] = []
    try:
        value = parse(raw)
    except Refused as refusal:
        raise _damaged(number, list(refusal.faults)) from None
    kind = value.get("type") if isinstance(value, dict) else None
    struct = lines.LINES.get(kind) if isinstance(kind, str) else None
    if struct is None:
        raise _damaged(number, [Fault("/type", "", f"must be one of {', '.join(lines.LINES)}")])
    line: lines.AnyLine = reader(struct)(value, "", faults)
    if faults:
        raise _damaged(number, faults)
    return line


def _damaged(number: int, faults: list[Fault]) -> Refused:
    found = [replace(fault, code="invalid_import") for fault in faults]
    return lines.placed(Refused("invalid_import", found[0].message, found), number)


def _answer(report: Report) -> results.Imported:
    return results.Imported(
        lines=report.lines,
        threads=_counts(report.threads),
        messages=_counts(report.messages),
        working_memory=_counts(report.documents),
        redacted=report.redacted,
        excluded=sum(report.excluded.values()),
        resume_after=report.resume_after,
    )


def _counts(tally: Tally) -> results.ImportCounts:
    return results.ImportCounts(
        imported=tally.imported,
        replaced=tally.replaced,
        skipped=tally.skipped,
        expired=tally.expired,
        evicted=tally.evicted,
    )
