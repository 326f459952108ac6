"""Export and import over HTTP: a memory as lines of JSON, streamed out and in."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import msgspec

from memory_service.errors import Fault, Refused, ShuttingDown, Unavailable
from memory_service.model.mutations import Outcome
from memory_service.operations import importing, lines
from memory_service.operations.arriving import Numbered, Report, Tally
from memory_service.operations.exporting import Export, Wanted
from memory_service.operations.once import reserved
from memory_service.operations.outcomes import settle
from memory_service.web import answers, requests, results
from memory_service.web.body import parse
from memory_service.web.call import Call, Reply
from memory_service.web.readers import reader
from memory_service.web.service import Drain, Service
from memory_service.web.streaming import NDJSON, lines_of

Lines = AsyncIterator[tuple[int, bytes]]
Digest = hashlib.blake2b


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


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of an import under a key: of which bytes it was, what it answered, and its place in the log."""

    digest: bytes
    answer: results.Imported
    epoch: str
    pos: int


async def import_(call: Call, service: Service) -> Reply:
    """POST import. A refusal says what was imported before."""
    if call.key is None:
        answer, summary = await _import(call, service, lines_of(call))
        return _imported(answer, summary)
    digest = hashlib.blake2b(digest_size=16)
    arriving = _digested(lines_of(call), digest)
    async with reserved(call.opened, call.key) as turn:
        if turn.before is not None:
            return await _repeated(arriving, digest, msgspec.msgpack.decode(turn.before, type=Kept))
        answer, summary = await _import(call, service, arriving)
        turn.answer = msgspec.msgpack.encode(Kept(digest.digest(), answer, summary.epoch, summary.pos))
    return _imported(answer, summary)


async def _import(call: Call, service: Service, arriving: Lines) -> tuple[results.Imported, Outcome]:
    query: requests.ImportQuery = call.query
    report = Report(query.resume_after)
    try:
        with service.transfers.one():
            await importing.run(call.opened, _numbered(arriving, service.drain), query.mode, report)
    except (Refused, Unavailable) as error:
        error.extra.setdefault("line", report.lines + 1)
        error.extra["imported"] = _answer(report)
        raise
    finally:
        summary = report.summary(call.opened)
        call.outcomes.append(summary)
        for strategy, messages in report.flushed.items():
            service.metrics.evicted(call.params["memory"], strategy, messages)
    return _answer(report), summary


async def _repeated(arriving: Lines, digest: Digest, kept: Kept) -> Reply:
    """The first answer, if these are the lines that it was for: all of them have to come to know."""
    async for _ in arriving:
        pass
    if digest.digest() != kept.digest:
        settle(Outcome("idempotency_mismatch"))
    return _imported(kept.answer, Outcome(epoch=kept.epoch, pos=kept.pos, replayed=True))


def _imported(answer: results.Imported, outcome: Outcome) -> Reply:
    reply = answers.ok(answer)
    reply.headers += answers.trail(outcome, dry=False)
    return reply


async def _digested(arriving: Lines, digest: Digest) -> Lines:
    async for number, raw in arriving:
        digest.update(raw + b"\n")
        yield number, raw


async def _numbered(arriving: Lines, drain: Drain) -> AsyncIterator[Numbered]:
    async for number, raw in arriving:
        _check_drain(drain)
        yield Numbered(number, raw, read_line(number, raw))


def read_line(number: int, raw: bytes) -> lines.AnyLine:
    """A line's bytes, read. Raises Refused `invalid_import` with every fault."""
    faults: list[Fault] = []
    try:
        value = parse(raw)
    except Refused as refusal:
        raise _damaged(number, list(refusal.faults)) from None
    if not isinstance(value, dict):
        raise _damaged(number, [Fault("", "", "must be an object")])
    kind = value.get("type")
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
