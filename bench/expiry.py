"""What expiry costs: gauges of a big memory, the reaper's side of Redis, and points of the expired leaving the vectors.

    python -m bench.expiry [--server redis|valkey] [--threads 1000000] [--points 20000]

Redis or Valkey and memory-vectors are real, one of each; the worker's reaper and indexer run in this process. Redis CPU
is what the server says it used. A million threads take some minutes to write.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from memory_service.adapters.redis.outbox import RedisOutbox
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.model.mutations import Append, Configure, Mutation, SetTtl
from memory_service.model.search import Candidate, Point
from memory_service.model.values import PARTITIONS, Draft, Settings
from memory_service.policies.retention import Policy
from memory_service.worker.indexer import Indexer
from memory_service.worker.keeper import Keeper
from memory_service.worker.reaper import BATCH, Reaper

from bench.redis_append import calibrate
from tests.contracts.store.servers import Server, binaries, running
from tests.memory_service.parts import VectorsServer, vectors_server
from tests.memory_service.rig import Rig, build

HOUR = 3_600_000
SHORT = Draft("user", b'"role":"user","content":"%s","timestamp":"2026-01-01T00:00:00.000Z"}' % (b"x" * 180), 45)
IN_FLIGHT = 256
REAPED, ROUNDS = 10_000, 5


def cpu(server: Server) -> float:
    """CPU seconds of the server so far."""
    with server.admin() as admin:
        info = admin.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def spent_by(vectors: VectorsServer) -> float:
    """CPU seconds of memory-vectors so far."""
    assert vectors.process is not None
    fields = Path(f"/proc/{vectors.process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(what: str, measured: str, must: str = "", met: bool | None = None) -> None:
    verdict = "" if met is None else "met" if met else "missed"
    print(f"{what:58} {measured:>34} {must:>12} {verdict}", flush=True)


async def each(store: RedisThreadStore, threads: int, change: Callable[[str], Mutation]) -> None:
    """One mutation of every thread, written as callers write them."""
    numbers = iter(range(threads))

    async def writer() -> None:
        for number in numbers:
            outcome = await store.mutate(change(f"thread-{number}"))
            assert outcome.code == "ok", outcome

    await asyncio.gather(*(writer() for _ in range(IN_FLIGHT)))


async def fill(store: RedisThreadStore, threads: int, messages: int = 1) -> None:
    await each(store, threads, lambda thread: Append(thread, (SHORT,) * messages))


async def end(store: RedisThreadStore, threads: int) -> None:
    """Let all of them have expired."""
    await each(store, threads, lambda thread: SetTtl(thread, "set", ttl_ms=1))
    await asyncio.sleep(0.01)


async def gauges(server: Server, threads: int) -> None:
    """Redis CPU of a memory's gauges, the best and the middle of five rounds, and what an empty call costs."""
    stores = server.stores()
    store, _ = stores.open_with("gauges", Policy(ttl_ms=24 * HOUR))
    await fill(store, threads)
    totals = await store.totals()
    assert totals.threads == totals.expiring_7d == threads, "the gauges are exact"
    spent = []
    for _ in range(5):
        before = cpu(server)
        for _ in range(400):
            await store.totals()
        spent.append((cpu(server) - before) / 400 * 1e6)
    await stores.close()
    middle = statistics.median(spent)
    row(f"gauges of {threads:,} threads", f"{middle:.1f} us of Redis ({min(spent):.1f})", "100 us", middle <= 100)


async def reaped(server: Server, name: str, messages: int, settings: Settings | None) -> None:
    """Redis CPU of expiring a thread, by the worker's own steps: the middle and the best of some rounds."""
    rounds = [
        await reaped_once(server, f"m{at}-{messages}-{settings is None}", messages, settings) for at in range(ROUNDS)
    ]
    middle, best = statistics.median(each[0] for each in rounds), max(each[0] for each in rounds)
    wall, step = (statistics.median(column) for column in list(zip(*rounds, strict=True))[1:])
    met = None if settings is not None else middle >= 100_000
    row(f"threads reaped: {name}", f"{middle:,.0f} a second of Redis ({best:,.0f})", "100,000", met)
    row("", f"{wall:,.0f} a second by the clock, {step * 1e3:.1f} ms a step")


async def reaped_once(
    server: Server, memory: str, messages: int, settings: Settings | None
) -> tuple[float, float, float]:
    """Threads a second of Redis CPU and of the clock, seconds of Redis CPU a step."""
    stores = server.stores()
    store, outbox = stores.open_with(memory, Policy())
    await fill(store, REAPED, messages)
    if settings is not None:
        await each(store, REAPED, lambda thread: Configure(thread, settings, "merge"))
    await end(store, REAPED)
    before, started, steps, done = cpu(server), time.perf_counter(), 0, 0
    while step := (await outbox.reap(most=BATCH)).threads:
        done, steps = done + step, steps + 1
    seconds, spent = time.perf_counter() - started, cpu(server) - before
    assert done == REAPED, "all had expired, and each went once"
    await stores.close()
    return REAPED / spent, REAPED / seconds, spent / steps


async def points_gone(server: Server, vectors: VectorsServer, points: int, messages: int) -> None:
    """Points of expired threads removed a second: one worker reaps and removes, others of the memory stay."""
    stores = server.stores()
    rig = build(server, vectors, stores)
    threads = points // messages
    store, subject = rig.memory.store, rig.subject
    assert isinstance(store, RedisThreadStore)
    await fill(store, threads, messages)
    keeper = Keeper(subject)
    (target,) = await keeper.targets()
    await target.writer.upsert(await pointed(store, threads))
    await acknowledged(rig)
    assert await rig.memory.index.count() == points
    await end(store, threads)

    used, started = spent_by(vectors), time.perf_counter()
    await work_off(Reaper(subject), Indexer(subject, keeper))
    seconds, used = time.perf_counter() - started, spent_by(vectors) - used
    assert await rig.memory.index.count() == 0, "no point is left"
    await rig.vector_store.close()
    await stores.close()
    rate = points / seconds
    row(f"points of the expired removed, {messages} a thread", f"{rate:,.0f} a second", "10,000", rate >= 10_000)
    row("", f"{points / used:,.0f} a second of memory-vectors' CPU")


async def work_off(reaper: Reaper, indexer: Indexer) -> None:
    """Reap and index beside each other, as a worker does, until both have nothing left."""

    async def reap() -> None:
        while await reaper.step():
            pass

    reaping = asyncio.create_task(reap())
    while True:
        last = reaping.done()
        await asyncio.gather(*(indexer.drain(partition) for partition in range(PARTITIONS)))
        if last:
            return await reaping
        await asyncio.sleep(0.002)


async def pointed(store: RedisThreadStore, threads: int) -> list[Point]:
    """A point for each message, with a vector of chance."""
    dice, made = random.Random(3), []
    for number in range(threads):
        facts = await store.facts(f"thread-{number}")
        for seq in range(1, facts.messages + 1):
            dense = [dice.random() for _ in range(384)]
            made.append(Point(Candidate(facts.thread, facts.incarnation, seq), None, "user", 0, {}, dense, None))
    return made


async def acknowledged(rig: Rig) -> None:
    """Take what was written off the outbox: its points are there."""
    outbox = rig.subject.outbox
    assert isinstance(outbox, RedisOutbox)
    for partition in range(PARTITIONS):
        token = "bench"
        await outbox.lease(partition, token, ttl_ms=60_000)
        entries = await outbox.pending(partition, most=10_000_000)
        await outbox.acknowledge(partition, token, entries[-1].id)
        await outbox.release(partition, token)


async def measure(server: Server, vectors: VectorsServer, threads: int, points: int) -> None:
    """All rows; the first says how busy the machine is."""
    row("(a bare script: list, trim, expire; a quiet machine: 7 to 8)", f"{await calibrate(server):.1f} us of Redis")
    await reaped(server, "one message", 1, None)
    await reaped(server, "20 messages", 20, None)
    await reaped(server, "one message, owner and title", 1, Settings(owner="ada", title="a title"))
    for messages in (20, 1):
        await points_gone(server, vectors, points, messages)
    await gauges(server, threads)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--server", choices=["redis", "valkey"], default="redis" if shutil.which("redis-server") else "valkey"
    )
    parser.add_argument("--threads", type=int, default=100_000, help="threads of the memory whose gauges are timed")
    parser.add_argument("--points", type=int, default=20_000, help="points of expired threads")
    options = parser.parse_args(argv)
    binary = binaries()[options.server]
    if binary is None:
        parser.error("redis-server is not on PATH; install it or take --server valkey")
    print(f"{options.server}, medians of {ROUNDS} (best), {REAPED:,} threads reaped by {BATCH} a step")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with running(binary, folder / "redis") as server, vectors_server(folder / "vectors") as vectors:
            asyncio.run(measure(server, vectors, options.threads, options.points))


if __name__ == "__main__":
    main()
