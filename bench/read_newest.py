"""CPU that a service spends to answer the newest 20 messages of a thread, beside a plain FastAPI + redis-py service.

    python -m bench.read_newest [--requests 5000] [--rounds 5]

Both run on uvicorn with uvloop and httptools, check a bearer token, and answer the same messages from a Valkey of their
own over a Unix socket. CPU is user + system time of the serving process. Rounds alternate, so that noise meets both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from rich.console import Console
from rich.table import Table

from tests.chaos import parts
from tests.contracts.store import servers

MESSAGES = 200
NEWEST = 20
CONNECTIONS = 64
MUST = 6.0
CONTENT = "The invoice of March was charged twice, and the customer would like to know when the refund arrives. "


@dataclass(frozen=True)
class Contender:
    """A running service: its address, its process and the token it wants."""

    name: str
    url: str
    pid: int
    token: str

    @property
    def thread(self) -> str:
        return f"{self.url}/v1/memories/{parts.MEMORY}/threads/bench/messages"

    def session(self) -> aiohttp.ClientSession:
        """A client with a few kept connections."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        return aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {self.token}"})

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        spent = psutil.Process(self.pid).cpu_times()
        return spent.user + spent.system


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Contender]:
    """The plain service on a server of its own."""
    binary = servers.binaries()["valkey"]
    assert binary is not None
    port, token = parts.free_port(), "plain-token"
    with servers.running(binary, folder / "plain") as server:
        url = f"unix://admin:{servers.SECRETS['redis-admin-password']}@{server.socket}"
        command = [sys.executable, "-m", "uvicorn", "bench.plain_service:app", "--port", str(port), "--no-access-log"]
        environ = {**os.environ, "PLAIN_REDIS": url, "PLAIN_TOKEN": token}
        process = subprocess.Popen(
            [*command, "--loop", "uvloop", "--http", "httptools", "--log-level", "warning"], env=environ
        )
        try:
            yield Contender("FastAPI + redis-py", f"http://127.0.0.1:{port}", process.pid, token)
        finally:
            process.terminate()
            process.wait(timeout=15)


async def fill(contender: Contender) -> None:
    """Append the thread, as soon as the service listens; then look at one answer."""
    body = {"messages": [{"role": "user", "content": f"{CONTENT}{number}"} for number in range(MESSAGES)]}
    async with contender.session() as session:
        for _ in range(300):
            try:
                async with session.post(contender.thread, json=body) as answer:
                    answer.raise_for_status()
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
        async with session.get(contender.thread, params={"last": NEWEST}) as answer:
            told = await answer.json()
    assert [message["content"] for message in told["messages"]] == [
        f"{CONTENT}{number}" for number in range(MESSAGES - NEWEST, MESSAGES)
    ], told
    assert told["total"] == MESSAGES


async def read(contender: Contender, requests: int) -> float:
    """Microseconds of CPU a request."""
    numbers = iter(range(requests))

    async def asker(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            async with session.get(contender.thread, params={"last": NEWEST}) as answer:
                await answer.read()
                assert answer.status == 200

    async with contender.session() as session:
        await asyncio.gather(*(asker(session) for _ in range(CONNECTIONS)))  # connections and caches
        numbers, before = iter(range(requests)), contender.cpu()
        await asyncio.gather(*(asker(session) for _ in range(CONNECTIONS)))
        return (contender.cpu() - before) / requests * 1e6


async def measure(folder: Path, requests: int, rounds: int) -> dict[str, list[float]]:
    """Each contender's figure of each round."""
    with parts.running(folder / "ours") as stage, plain(folder) as other:
        await stage.answering()
        process = stage.parts["service-0"].process
        assert process is not None
        contenders = Contender("memory-service", stage.services[0], process.pid, parts.TOKEN), other
        for contender in contenders:
            await fill(contender)
        figures: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for _ in range(rounds):
            for contender in contenders:
                figures[contender.name].append(await read(contender, requests))
        return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="reads of a round, after as many to warm up")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each with both services")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="read-newest-") as folder:
        (Path(folder) / "ours").mkdir()
        figures = asyncio.run(measure(Path(folder), told.requests, told.rounds))
    table = Table("service", "CPU us a read", "lowest", "highest", title=f"The newest {NEWEST} of {MESSAGES} messages")
    for name, values in figures.items():
        table.add_row(name, f"{statistics.median(values):.0f}", f"{min(values):.0f}", f"{max(values):.0f}")
    ours, theirs = figures.values()
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    table.add_row(
        "ratio", f"{statistics.median(ratios):.1f} (must {MUST:.0f})", f"{min(ratios):.1f}", f"{max(ratios):.1f}"
    )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
