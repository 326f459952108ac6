"""How soon an append can be recalled, what a recall takes, and what the worker weighs, on real parts.

    .venv/bin/python -m bench.recall_latency [--points 10000]

Valkey and memory-vectors from their wheels, memory-worker as in a pod. Times are wall-clock, from this process.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.operations.recall import RecallRequest, recall
from memory_service.policies.fusion import Mode

from tests.contracts.store.servers import binaries, running
from tests.memory_service.parts import vectors_server
from tests.memory_service.rig import Rig, build, eventually, said
from tests.memory_service.worker.process import Worker

WORDS = (Path(__file__).parents[1] / "tests/memory_service/recall/facts.json").read_text().replace('"', " ").split()


def text(dice: random.Random, length: int) -> str:
    """Words that no other text has in this order."""
    return " ".join(dice.choice(WORDS) for _ in range(length))


def shown(name: str, values: list[float], unit: str = "ms") -> None:
    """Median, 95th percentile and worst as a row."""
    values = sorted(values)
    middle, high = statistics.median(values), values[int(len(values) * 0.95)]
    print(f"| {name} | {middle:.1f} | {high:.1f} | {values[-1]:.1f} {unit} |")


async def freshness(rig: Rig, times: int) -> list[float]:
    """Milliseconds from an append's answer until a recall finds it, by asking again and again."""
    spent = []
    for number in range(times):
        word = f"zebra{number}x{random.randrange(10**9)}"
        await rig.say(f"fresh{number % 7}", f"The secret word of today is {word}, remember it.")
        started = time.perf_counter()
        while word not in "".join(said(await rig.ask(word, strong=False, mode="keyword", max_results=1))):
            await asyncio.sleep(0.002)
        spent.append((time.perf_counter() - started) * 1000)
    return spent


async def recalls(rig: Rig, times: int, mode: Mode) -> list[float]:
    """Milliseconds of a recall, the question's embedding included; every question is new."""
    dice, spent = random.Random(5), []
    for _ in range(times):
        asked = RecallRequest(text(dice, 8), scope="memory", mode=mode, max_results=10, before=1, after=1)
        started = time.perf_counter()
        answer = await recall(rig.memory, asked)
        spent.append((time.perf_counter() - started) * 1000)
        assert not answer.degraded, answer.detail
    return spent


async def fill(rig: Rig, points: int) -> float:
    """Append and index so many messages of about 20 words; messages a second."""
    dice, started = random.Random(1), time.perf_counter()
    for at in range(0, points, 100):
        await rig.say(f"t{at // 200}", *(text(dice, 20) for _ in range(min(100, points - at))))
    await rig.indexed(3_600)
    return points / (time.perf_counter() - started)


async def measure(rig: Rig, worker: Worker, points: int) -> None:
    """All rows."""
    socket = WorkerSocket(worker.socket)
    rig.memory = replace(rig.memory, embedder=socket.of(rig.subject.id))

    async def answers() -> bool:
        return (await rig.memory.embedder.query("hello")).dense is not None

    await eventually(answers)
    await rig.say("warm", "up")
    await rig.indexed()
    print(f"worker idle, local model loaded: {worker.rss_mib():.0f} MiB")
    print("| | median | p95 | worst |\n|---|---|---|---|")
    shown("append answered -> found by recall, few points", await freshness(rig, 40))
    shown("recall hybrid, few points", await recalls(rig, 100, "hybrid"))
    rate = await fill(rig, points)
    shown(f"append answered -> found by recall, {points} points", await freshness(rig, 40))
    for mode in ("hybrid", "dense", "keyword"):
        shown(f"recall {mode}, {points} points", await recalls(rig, 100, mode))
    print(f"indexing, messages of 20 words: {rate:.0f} a second")
    print(f"worker after it: {worker.rss_mib():.0f} MiB")
    await socket.close()


async def main(points: int) -> None:
    """Start everything, measure, stop everything."""
    binary = binaries()["valkey"]
    assert binary is not None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with running(binary, folder / "redis") as redis, vectors_server(folder / "vectors") as vectors:
            stores = redis.stores()
            rig = build(redis, vectors, stores)
            worker = Worker(rig, folder / "worker")
            worker.prepare()
            worker.start()
            try:
                await measure(rig, worker, points)
            finally:
                worker.stop(signal.SIGTERM)
                await rig.vector_store.close()
                await stores.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2_000, help="messages indexed before the second half [2000]")
    asyncio.run(main(parser.parse_args().points))
