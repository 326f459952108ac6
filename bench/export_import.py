"""`python -m bench.export_import [--messages 200000]`: how fast a memory goes out and in, and what that costs others.

The embedded service (Valkey from its wheel, without recall), messages of some 20 words; from and to a file, over HTTP.
Rates are of the transfer alone; CPU is the service's for it, with the reads beside; RSS is its largest meanwhile; the
read is of the newest 20 messages of a thread, asked for every 10 ms by one client on a new connection.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.embedded import MEBIBYTE, free_port

SHAPES = ((2, "threads of 2"), (100, "threads of 100"), (10_000, "threads of 10,000"))
DEFINITION = """
apiVersion: memoryplatform.dev/v1alpha1
kind: Memory
metadata: {name: %s}
spec:
  storage: {use: redis}
  vector: {use: qdrant, dimensions: 384}
  options: {semanticRecall: {enabled: false}}
"""
PREFIX = "/v1/memories"
BULK = 1_000


@dataclass
class Service:
    """The running service; `largest` is its RSS in MiB since the last look at it."""

    port: int
    process: psutil.Process
    largest: float = 0
    reads: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> http.client.HTTPResponse:
        """One request; the answer is to be read by the caller. Raises RuntimeError when it is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, PREFIX + path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.read().decode()}")
        return answer

    def busy(self) -> float:
        """CPU seconds of the service so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def watch(self, path: str) -> None:
        """Read again and again, and look at the RSS, until told to stop."""
        while not self.stop.wait(0.01):
            started = time.perf_counter()
            self.ask("GET", path).read()
            self.reads.append((time.perf_counter() - started) * 1_000)
            self.largest = max(self.largest, self.process.memory_info().rss / MEBIBYTE)

    @contextlib.contextmanager
    def watched(self, path: str) -> Iterator[None]:
        """Watch while the block runs."""
        self.largest, self.reads = 0, []
        self.stop.clear()
        watcher = threading.Thread(target=self.watch, args=(path,))
        watcher.start()
        try:
            yield
        finally:
            self.stop.set()
            watcher.join()


@contextlib.contextmanager
def running(folder: Path, memories: list[str]) -> Iterator[Service]:
    """The embedded service with these memories; gone with its children afterwards."""
    definitions = folder / "memories.yaml"
    definitions.write_text("---".join(DEFINITION % memory for memory in memories))
    port = free_port()
    command = [sys.executable, "-m", "memory_service", "--memory", str(definitions), "--data", str(folder / "data")]
    command += ["--listen", f"127.0.0.1:{port}", "--management", f"127.0.0.1:{free_port()}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield Service(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def fill(service: Service, memory: str, messages: int, each: int) -> None:
    """Threads of `each` messages until there are so many."""
    dice = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    for at in range(0, messages, BULK):
        items: dict[str, list[Any]] = {}
        for number in range(at, at + BULK):
            content = " ".join(dice.choices(words, k=20))
            items.setdefault(f"t{number // each}", []).append({"role": "user", "content": content})
        body = {"items": [{"thread": thread, "messages": said} for thread, said in items.items()]}
        service.ask("POST", f"/{memory}/messages", json.dumps(body)).read()


def export(service: Service, memory: str, file: Path) -> float:
    """Seconds of an export to a file."""
    started = time.perf_counter()
    with service.ask("POST", f"/{memory}/export") as answer, file.open("wb") as out:
        while piece := answer.read(1 << 18):
            out.write(piece)
    return time.perf_counter() - started


def bring_in(service: Service, memory: str, file: Path) -> float:
    """Seconds of an import from a file."""
    started = time.perf_counter()
    with file.open("rb") as body:
        report = json.loads(service.ask("POST", f"/{memory}/import", body, "application/x-ndjson").read())
    assert report["threads"]["skipped"] == 0
    return time.perf_counter() - started


def rows(messages: int) -> Iterator[tuple[str, ...]]:
    """A row a shape and direction."""
    names = [f"{way}-{each}" for each, _ in SHAPES for way in ("from", "to")]
    with tempfile.TemporaryDirectory() as name, running(Path(name), names) as service:
        file = Path(name) / "export.ndjson"
        idle = service.process.memory_info().rss / MEBIBYTE
        yield ("idle", "", "", "", f"{idle:.0f}", "", "")
        for each, shape in SHAPES:
            fill(service, f"from-{each}", messages, each)
            for what, run in (("export", export), ("import", bring_in)):
                busy = service.busy()
                with service.watched(f"/from-{each}/threads/t0/messages?last=20"):
                    spent = run(service, f"{'from' if what == 'export' else 'to'}-{each}", file)
                reads = sorted(service.reads)
                size = file.stat().st_size / MEBIBYTE / spent
                busy = (service.busy() - busy) / messages * 1e6
                yield (
                    f"{what}, {shape}",
                    f"{messages / spent:,.0f}",
                    f"{size:.1f}",
                    f"{busy:.0f}",
                    f"{service.largest:.0f}",
                    f"{statistics.median(reads):.1f}",
                    f"{reads[int(len(reads) * 0.99)]:.0f}",
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    asked = parser.parse_args()
    table = Table("what", "messages/s", "MiB/s", "CPU us/message", "RSS MiB", "read p50 ms", "read p99 ms")
    for row in rows(asked.messages):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
