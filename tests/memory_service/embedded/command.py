"""A started `memory-service`, and how to ask and stop it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

EXAMPLE = "examples/support-agent.yaml"
PARTS = {"redis", "vectors", "worker"}


@dataclass
class Running:
    """A started command."""

    process: subprocess.Popen[str]
    url: str
    said: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A JSON answer, a problem document's too."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return json.load(refused)

    def children(self) -> dict[str, psutil.Process]:
        """The parts by name."""
        names = {"valkey-server": "redis", "memory_vectors": "vectors", "memory_service.worker": "worker"}
        found = {}
        for child in psutil.Process(self.process.pid).children():
            line = " ".join(child.cmdline())
            found.update({name: child for word, name in names.items() if word in line})
        return found

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(sign)
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def command(data: Path, *more: str, memory: str = EXAMPLE) -> list[str]:
    """The command line, on free ports."""
    return [
        sys.executable, "-m", "memory_service", "--memory", memory, "--data", str(data), "--listen", "127.0.0.1:0",
        "--management", "127.0.0.1:0", *more,
    ]  # fmt: skip


@contextmanager
def running(data: Path, *more: str, memory: str = EXAMPLE) -> Iterator[Running]:
    """A started command that has said it is ready; killed at the end if it still runs."""
    process = subprocess.Popen(command(data, *more, memory=memory), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        ready = re.match(r"memory-service is ready at (http://\S+)", said)
        assert ready, f"it said {said!r}"
        yield Running(process, ready[1], said + process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def until(true: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait for something to come true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return value


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of these processes runs any more."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
