"""Redis CPU and memory of the log: appends grouped and alone, keyed, evicting, with and without AOF; bytes kept.

    python bench/redis_append.py [--server redis|valkey] [--appends N]

Prints one table. Machines are noisy: each row is the median of five runs, beside the lowest.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from memory_service.adapters.redis.connection import Connection
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.model.mutations import Append, Configure, Outcome
from memory_service.model.values import Draft, Guard, IdempotencyKey, Settings
from memory_service.policies.retention import Policy

from tests.contracts.store.servers import Server, binaries, running

HOUR = 3_600_000
DRAFT = Draft("user", b'"role":"user","content":"%s","timestamp":"2026-01-01T00:00:00.000Z"}' % (b"x" * 180), 45)
THREADS = 1_000


@dataclass(frozen=True)
class Case:
    """One row: how many are in flight, over how many threads, with what."""

    name: str
    flight: int = 64
    aof: str | None = None
    keyed: bool = False
    window: int | None = None
    messages: int = 1
    must: float | None = None


CASES = [
    Case("64 in flight", must=10),
    Case("64 in flight, AOF everysec", aof="everysec", must=20),
    Case("64 in flight, keyed", keyed=True, must=15),
    Case("64 in flight, keyed, AOF everysec", aof="everysec", keyed=True, must=25),
    Case("64 in flight, evicting", window=20),
    Case("1 in flight", flight=1),
    Case("1 in flight, AOF everysec", flight=1, aof="everysec"),
    Case("20 messages a call", messages=20),
]


def cpu(server: Server) -> float:
    """CPU seconds of the server so far."""
    with server.admin() as admin:
        info = admin.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def guards(case: Case) -> Iterator[Guard]:
    for number in itertools.count():
        yield Guard(key=IdempotencyKey(number.to_bytes(16, "little"), b"12345678")) if case.keyed else Guard()


async def keep_in_flight(flight: int, total: int, ask: Callable[[int], Awaitable[Outcome]]) -> None:
    """Ask `total` times, `flight` at once, each asker going on as soon as it is answered."""
    numbers = iter(range(total))

    async def asker() -> None:
        for number in numbers:
            outcome = await ask(number)
            assert outcome.code == "ok", outcome

    await asyncio.gather(*(asker() for _ in range(flight)))


async def measure(case: Case, server: Server, appends: int) -> tuple[float, float, float]:
    """(Redis CPU us, this process's CPU us, appends a second) of one run on a fresh memory."""
    stores = server.stores()
    store, _ = stores.open_with(f"bench{time.monotonic_ns()}", Policy(ttl_ms=24 * HOUR))
    try:
        for number in range(THREADS):
            if case.window:
                await store.mutate(Configure(f"t{number}", Settings(max_messages=case.window), "replace"))
        drafts, guard = (DRAFT,) * case.messages, guards(case)
        ask = lambda number: store.mutate(Append(f"t{number % THREADS}", drafts, next(guard)))  # noqa: E731
        await keep_in_flight(64, max(2 * THREADS, (case.window or 0) * THREADS), ask)
        before, mine, started = cpu(server), time.process_time(), time.perf_counter()
        await keep_in_flight(case.flight, appends, ask)
        seconds, used, spent = time.perf_counter() - started, time.process_time() - mine, cpu(server) - before
        return spent / appends * 1e6, used / appends * 1e6, appends / seconds
    finally:
        await stores.close()


PLAIN = b"""local n = redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -200, -1)
redis.call('EXPIRE', KEYS[1], 86400)
return n"""


async def calibrate(server: Server) -> float:
    """Redis CPU us of the barest scripted append, 64 in a write: what a quiet machine does in 7 to 8."""
    link = Connection(server.target())
    sha = await link.call("SCRIPT", "LOAD", PLAIN)
    asked = [("EVALSHA", sha, 1, f"{{team-a/plain}}:{number % THREADS}", DRAFT.tail) for number in range(64)]
    spent = []
    for _ in range(3):
        before = cpu(server)
        for _ in range(200):
            await link.pipeline(asked)
        spent.append((cpu(server) - before) / (200 * 64) * 1e6)
    await link.close()
    return statistics.median(spent)


def run(case: Case, binary: str, appends: int) -> str:
    options = ["--appendonly", "yes", "--appendfsync", case.aof] if case.aof else []
    count = max(1_000, appends // (4 if case.flight == 1 or case.messages > 1 else 1))
    rows = []
    with tempfile.TemporaryDirectory() as folder, running(binary, Path(folder), options) as server:
        for _ in range(5):
            rows.append(asyncio.run(measure(case, server, count)))
    redis, client, rate = (statistics.median(column) for column in zip(*rows, strict=True))
    best = min(row[0] for row in rows)
    must = f"{case.must:>6.0f}" if case.must else "      "
    return f"{case.name:36} {redis:8.1f} {best:8.1f} {must} {client:8.1f} {rate:10,.0f}"


def used_memory(server: Server) -> int:
    with server.admin() as admin:
        return int(admin.info("memory")["used_memory"])


async def bytes_kept(server: Server) -> list[str]:
    """Bytes beyond stored ones: of a message in long threads, of a thread, of a keyed mutation."""
    stores = server.stores()
    lines = []
    warm, _ = stores.open_with("warm", Policy())
    await fill(warm, 2_000, 1, True)  # buffers of connections and scripts are not what a thread costs
    for name, threads, messages, keyed in (
        ("a message in a 200-message thread", 100, 200, False),
        ("a one-message thread", 50_000, 1, False),
        ("one, its mutation keyed", 50_000, 1, True),
    ):
        store, outbox = stores.open_with(f"kept{messages}{keyed}", Policy(ttl_ms=24 * HOUR))
        before = used_memory(server)
        await fill(store, threads, messages, keyed)
        with_outbox = used_memory(server) - before
        for number in range(4):
            await outbox.lease(number, "bench", ttl_ms=60_000)
            entries = await outbox.pending(number, most=10_000_000)
            await outbox.acknowledge(number, "bench", entries[-1].id)
        stored = (await store.totals()).bytes
        each = threads * messages
        full, empty = (with_outbox - stored) / each, (used_memory(server) - before - stored) / each
        lines.append(f"{name:36} {empty:8.0f} bytes, {full:.0f} with its outbox entries")
    await stores.close()
    return lines


async def fill(store: RedisThreadStore, threads: int, messages: int, keyed: bool) -> None:
    guard = guards(Case("", keyed=keyed))
    await keep_in_flight(
        64, threads * messages, lambda number: store.mutate(Append(f"thread-{number % threads}", (DRAFT,), next(guard)))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--server", choices=["redis", "valkey"], default="redis" if shutil.which("redis-server") else "valkey"
    )
    parser.add_argument("--appends", type=int, default=20_000, help="a run; each row has five")
    options = parser.parse_args()
    binary = binaries()[options.server]
    if binary is None:
        parser.error("redis-server is not on PATH; install it or take --server valkey")
    print(f"{options.server}, {options.appends:,} appends a run, messages of {len(DRAFT.tail)} bytes, medians of five")
    print(f"{'append':36} {'Redis us':>8} {'lowest':>8} {'must':>6} {'client us':>8} {'a second':>10}")
    with tempfile.TemporaryDirectory() as folder, running(binary, Path(folder)) as server:
        print(f"{'(a bare script: list, trim, expire)':36} {asyncio.run(calibrate(server)):8.1f}", flush=True)
    for case in CASES:
        print(run(case, binary, options.appends), flush=True)
    with tempfile.TemporaryDirectory() as folder, running(binary, Path(folder)) as server:
        print(*asyncio.run(bytes_kept(server)), sep="\n")


if __name__ == "__main__":
    main()
