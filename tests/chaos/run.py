"""One chaos run: writers under a monkey, then the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.errors import VectorUnavailable

from tests.chaos.caller import Caller, GaveUp, Tally
from tests.chaos.deeds import Writer
from tests.chaos.monkey import Monkey
from tests.chaos.parts import Stage, headers, running
from tests.chaos.verdict import Inspector, Verdict
from tests.memory_service.parts import API_KEY

WRITERS: Final = 8
LEAST_SECONDS: Final = 8.0
"""Of writing, however long everything took to start."""
RECALLS: Final = 40
"""Messages asked for at the end, each in its own words."""


@dataclass(frozen=True)
class Plan:
    """Stop writing at `appends`, or `seconds` after the start; then `patience` seconds are there to converge.

    `between` is the mean of seconds between two kills, `pace` what each writer rests after a mutation.
    """

    seed: int
    appends: int = 20_000
    seconds: float = 1_200.0
    between: float = 1.5
    patience: float = 90.0
    pace: float = 0.0
    server: str = "valkey"
    fsync: str = "always"
    freezes: float = 0.0


@dataclass
class Report:
    """What happened, and what was found at the end."""

    plan: Plan
    tally: Tally = field(default_factory=Tally)
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    writing: float = 0.0
    repairs: list[str] = field(default_factory=list)
    """What the workers' own audits had to repair: nothing, when the outbox did its work."""
    converged: float = 0.0
    """Seconds from the last acknowledged mutation until history and vectors were found equal."""


async def run(plan: Plan, folder: Path) -> Report:
    """The whole run on new data in `folder`."""
    report = Report(plan)
    writers = [Writer(number, plan.seed) for number in range(WRITERS)]
    with running(folder, server=plan.server, fsync=plan.fsync) as stage:
        await _write(report, stage, writers, time.monotonic() + plan.seconds)
        await _converge(report, stage, writers)
        report.faults += stage.complaints()
        report.repairs = stage.repairs()
    for writer in writers:
        report.faults += writer.ledger.faults
    report.faults += report.verdict.faults
    return report


async def _write(report: Report, stage: Stage, writers: list[Writer], until: float) -> None:
    """Write under the monkey until enough is acknowledged or the (monotonic) time has come."""
    monkey = Monkey(stage, report.plan.seed, report.plan.between, report.plan.freezes)
    raging = asyncio.create_task(monkey.rage())
    await stage.answering()  # the monkey is at work already: what is set up first is killed too
    started = time.monotonic()
    async with aiohttp.ClientSession(headers=headers(), connector=aiohttp.TCPConnector(limit=0)) as session:
        callers = [
            Caller(writer, stage.services, session, report.tally, at=number) for number, writer in enumerate(writers)
        ]
        until = max(until, started + LEAST_SECONDS)
        working = [asyncio.create_task(caller.work(report.plan.appends, until, report.plan.pace)) for caller in callers]
        await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)  # the others end with what they are at
        raging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await raging
        ends = await asyncio.gather(*working, return_exceptions=True)
    report.writing = time.monotonic() - started
    report.kills = monkey.kills
    report.faults += monkey.ended
    for end in ends:
        if isinstance(end, GaveUp):
            report.faults.append(str(end))
        elif isinstance(end, BaseException):
            raise end


async def _converge(report: Report, stage: Stage, writers: list[Writer]) -> None:
    """Look until everything agrees or patience ends; then let the product's own audit speak."""
    deadline = report.tally.last_ack + report.plan.patience
    vectors = VectorStore(stage.vectors, lambda: API_KEY, timeout=30)
    timeout = aiohttp.ClientTimeout(30)
    try:
        async with aiohttp.ClientSession(headers=headers(), timeout=timeout) as session:
            inspector = Inspector(session, stage.services[0], vectors, [writer.ledger for writer in writers])
            report.verdict = await _agreed(inspector, deadline)
            report.converged = time.monotonic() - report.tally.last_ack
            if not report.verdict.faults:
                report.faults += await inspector.recalled(random.Random(report.plan.seed), RECALLS)
                report.verdict.orphans, report.verdict.missing = await _audited(inspector)
    finally:
        await vectors.close()


async def _audited(inspector: Inspector) -> tuple[int, int]:
    """Orphans and missing points as the product counts them; its own audit may be under way, which is waited for."""
    for _ in range(60):
        with contextlib.suppress(aiohttp.ClientResponseError):
            audit = await inspector.ask("POST", "/audit")
            return audit["orphans"], audit["missing"]
        await asyncio.sleep(1)
    raise TimeoutError("no audit was answered within a minute")


async def _agreed(inspector: Inspector, deadline: float) -> Verdict:
    """The first verdict without a fault, or the last one there was time for."""
    verdict = Verdict(history=["nothing could be read back"])
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, VectorUnavailable):
            stats = await inspector.ask("GET", "/stats")
            if stats["outbox"]["depth"] == 0 or time.monotonic() > deadline:
                verdict = await inspector.look()
                if not verdict.faults:
                    return verdict
        if time.monotonic() > deadline:
            return verdict
        await asyncio.sleep(0.5)
