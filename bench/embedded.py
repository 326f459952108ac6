"""`python bench/embedded.py [--runs 3]`: the embedded service: seconds to its first answer, and what it weighs.

Prints a table of medians. "First answer" is an append that was answered, in a fresh data folder (cold) and in one that
a run before left behind (again); "first recall" is when that message came back by meaning. RSS is read 5 s later, idle.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).parent.parent
EXAMPLE = REPOSITORY / "examples" / "support-agent.yaml"
MESSAGE = {"role": "user", "content": "The invoice of March was charged twice"}
QUESTION = {"query": "Which payment was taken two times?", "scope": "memory", "consistency": "strong", "timeout": "20s"}
MEBIBYTE = 1024 * 1024


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def post(port: int, path: str, body: object) -> dict[str, object]:
    """One request; OSError until the service listens, RuntimeError when it refuses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text.decode()}")
    told: dict[str, object] = json.loads(text)
    return told


@contextlib.contextmanager
def running(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded service on `data`; gone with its children afterwards."""
    command = [sys.executable, "-m", "memory_service", "--memory", str(EXAMPLE), "--data", str(data)]
    command += ["--listen", f"127.0.0.1:{port}", "--management", f"127.0.0.1:{free_port()}"]
    with open(os.devnull, "wb") as quiet:
        process = subprocess.Popen(command, stdout=quiet, cwd=REPOSITORY)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def first(port: int, path: str, body: object, *, within: float = 90) -> float:
    """Seconds until the request is answered for the first time."""
    began = time.monotonic()
    while True:
        try:
            post(port, path, body)
            return time.monotonic() - began
        except (OSError, RuntimeError):
            if time.monotonic() - began > within:
                raise
            time.sleep(0.02)


def weigh(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """RSS in MiB of the service and of each child, by what it is."""
    service = psutil.Process(process.pid)
    found = {"service": service.memory_info().rss / MEBIBYTE}
    for child in service.children(recursive=True):
        words = " ".join(child.cmdline())
        name = next((name for name in ("worker", "memory_vectors", "valkey") if name in words), "other")
        found[name] = found.get(name, 0) + child.memory_info().rss / MEBIBYTE
    return found


def measure(runs: int) -> dict[str, list[float]]:
    """Every figure of every run."""
    figures: dict[str, list[float]] = {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            for start in ("cold", "again"):
                port = free_port()
                thread = "/v1/memories/support-agent/threads/bench/messages"
                with running(Path(folder), port) as process:
                    figures.setdefault(f"first answer, {start}, s", []).append(first(port, thread, MESSAGE))
                    took = first(port, "/v1/memories/support-agent/recall", QUESTION)
                    figures.setdefault(f"then first recall, {start}, s", []).append(took)
                    if start == "again":
                        time.sleep(5)
                        for name, size in weigh(process).items():
                            figures.setdefault(f"idle RSS {name}, MiB", []).append(size)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how often (default 3)")
    table = Table("what", "median", "all runs", title="The embedded service")
    for name, values in measure(parser.parse_args().runs).items():
        table.add_row(name, f"{statistics.median(values):.2f}", " ".join(f"{value:.2f}" for value in values))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
