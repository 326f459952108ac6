"""A real memory-vectors process on a port of its own, and a small client for it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

API_KEY = "test-key"
# The server as it is, and one that flushes and compacts all the time.
STEADY = ("-m", "memory_vectors")
HURRIED = (
    "-c",
    "from memory_vectors.__main__ import main; from memory_vectors.upkeep import Policy; "
    "main(policy=Policy(interval=0.01, idle=0.02, age=0.1, dead_points=50, dead_share=0.05, calm=0, step=16))",
)


@dataclass
class Server:
    """One running memory-vectors; `call` answers (status, decoded body)."""

    process: subprocess.Popen[str]
    url: str
    client: httpx2.Client

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        response = self.client.request(method, path, json=body)
        return response.status_code, response.json()

    def result(self, method: str, path: str, body: Any = None) -> Any:
        """The `result` of a call that must succeed."""
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        assert answer["status"] == "ok"
        return answer["result"]

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(sign)
        code = self.process.wait(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()
        return code


Launch = Callable[..., Server]


def start(storage: Path, *, key: str | None = API_KEY, hurried: bool = False) -> Server:
    """Start a server on a free port; returns when it has printed that it listens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QDRANT__")}
    if key is not None:
        environment["QDRANT__SERVICE__API_KEY"] = key
    program = HURRIED if hurried else STEADY
    command = [sys.executable, *program, "--listen", "127.0.0.1:0", "--storage", str(storage)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    ready = re.fullmatch(r"memory-vectors listening on (http://\S+)\n", process.stdout.readline())
    if not ready:
        process.stdout.close()
        pytest.fail(f"the server did not say that it listens and ended with {process.wait(10)}")
    headers = {"api-key": key} if key is not None else {}
    client = httpx2.Client(base_url=ready[1], headers=headers, timeout=20, trust_env=False)
    return Server(process, ready[1], client)


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start servers; whatever still runs at the end of the test is stopped."""
    servers: list[Server] = []

    def launching(storage: Path, **options: Any) -> Server:
        servers.append(start(storage, **options))
        return servers[-1]

    yield launching
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module that do not stop it."""
    running = start(tmp_path_factory.mktemp("storage"))
    yield running
    running.stop()
