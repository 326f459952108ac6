"""The processes of one tenant, each of which may be killed at any moment and is started again on the same data."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from memory_crd.definitions import dump, of_memory
from memory_crd.memory import Memory, Spec
from memory_operator import credentials

from tests.contracts.store.servers import SECRETS, TENANT, binaries
from tests.memory_service.parts import API_KEY
from tests.memory_service.rig import MODEL

MEMORY: Final = "chaos"
TOKEN: Final = "a-caller-of-the-chaos-run"
REPLICAS: Final = 2
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


@dataclass
class Part:
    """A process that is started, killed and started again with the same arguments. Its output goes to one file."""

    name: str
    argv: Sequence[str]
    log: Path
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    kills: int = 0

    def start(self) -> None:
        """Return at once: whoever needs the part waits for it."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, **self.environ}, start_new_session=True, preexec_fn=_die_with_us,
            )  # fmt: skip

    def died(self) -> bool:
        """Whether it ended although nobody killed it."""
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, if it runs."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=15)
            self.process = None

    def complaints(self) -> list[str]:
        """What it said about defects of its own."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [
            f"{self.name}: {line}" for line in text.splitlines() if line.startswith(("Traceback", "AssertionError"))
        ]


@dataclass
class Stage:
    """Redis, the vector store, two services and two workers of one memory."""

    folder: Path
    parts: dict[str, Part]
    services: list[str]
    vectors: str

    def start(self) -> None:
        """Start what does not run."""
        for part in self.parts.values():
            if part.process is None:
                part.start()

    async def answering(self, seconds: float = 90) -> None:
        """Wait until every service has answered once, well or ill."""
        deadline = time.monotonic() + seconds
        async with aiohttp.ClientSession(headers=headers()) as session:
            for url in self.services:
                while not await _answers(session, url):
                    assert time.monotonic() < deadline, f"{url} does not answer: see {self.folder}"
                    await asyncio.sleep(0.1)

    def repairs(self) -> list[str]:
        """What audits of the workers found to repair, in their words."""
        logs = [part.log.read_text(errors="replace") for part in self.parts.values() if part.log.exists()]
        return [line.partition("audit ")[2] for log in logs for line in log.splitlines() if ": audit deleted" in line]

    def complaints(self) -> list[str]:
        """Tracebacks in any log, and parts that ended by themselves."""
        found = [line for part in self.parts.values() for line in part.complaints()]
        return found + [f"{part.name} ended by itself" for part in self.parts.values() if part.died()]


def headers() -> dict[str, str]:
    """What every request of a caller carries."""
    return {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def running(folder: Path, *, server: str = "valkey", fsync: str = "always") -> Iterator[Stage]:
    """All parts started on new data in `folder`; gone afterwards. `server` is valkey or redis."""
    stage = _plan(folder, server, fsync)
    stage.start()
    try:
        yield stage
    finally:
        for part in stage.parts.values():
            part.kill()


def _plan(folder: Path, server: str, fsync: str) -> Stage:
    _write_settings(folder)
    redis, vectors = folder / "redis.sock", f"127.0.0.1:{free_port()}"
    shared = ["--memory", f"{folder}/definitions", "--credentials", f"{folder}/credentials", "--tenant", TENANT]
    shared += ["--redis", f"unix://{redis}", "--qdrant", f"http://{vectors}"]
    parts = [_redis(folder, redis, server, fsync)]
    argv = [sys.executable, "-m", "memory_vectors", "--listen", vectors, "--storage", f"{folder}/vectors"]
    parts.append(Part("vectors", argv, folder / "vectors.log", {"QDRANT__SERVICE__API_KEY": API_KEY}))
    services = []
    for number in range(REPLICAS):
        own = [*shared, "--socket", f"{folder}/worker-{number}.sock", "--pod", f"pod-{number}"]
        listen = f"127.0.0.1:{free_port()}"
        argv = [sys.executable, "-m", "memory_service", *own, "--listen", listen, "--management", "127.0.0.1:0"]
        parts.append(Part(f"service-{number}", argv, folder / f"service-{number}.log"))
        argv = [sys.executable, "-m", "memory_service.worker", *own, "--management", "127.0.0.1:0"]
        parts.append(Part(f"worker-{number}", [*argv, "--model", str(MODEL)], folder / f"worker-{number}.log"))
        services.append(f"http://{listen}")
    return Stage(folder, {part.name: part for part in parts}, services, f"http://{vectors}")


def _redis(folder: Path, path: Path, server: str, fsync: str) -> Part:
    binary = binaries()[server]
    assert binary is not None, f"there is no {server}-server on this machine"
    (folder / "redis").mkdir()
    argv = [binary, "--port", "0", "--unixsocket", str(path), "--dir", f"{folder}/redis", "--save", ""]
    argv += ["--aclfile", f"{folder}/users.acl", "--maxmemory-policy", "noeviction"]
    argv += ["--auto-aof-rewrite-min-size", "1mb"]  # so that it is killed in the middle of a rewrite too
    return Part("redis", [*argv, "--appendonly", "yes", "--appendfsync", fsync], folder / "redis.log")


def _write_settings(folder: Path) -> None:
    """The definition of the memory, the credentials of both stores and of the caller."""
    spec = Spec.parse(
        {"id": MEMORY, "storage": {"use": "redis"}, "vector": {"use": "qdrant", "dimensions": 384}, "options": {}}
    )
    for part in ("definitions", "credentials"):
        (folder / part).mkdir()
    for files in dump([of_memory(Memory(MEMORY, TENANT, "uid-chaos", 1, spec))]).values():
        for name, text in files.items():
            (folder / "definitions" / name).write_text(text)
    secrets = folder / "credentials"
    (secrets / "redis-password").write_text(SECRETS["redis-service-password"])
    (secrets / "qdrant-api-key").write_text(API_KEY)
    (secrets / "api-key-sha256").write_text(hashlib.sha256(TOKEN.encode()).hexdigest() + " chaos\n")
    (folder / "users.acl").write_text(credentials.acl_file(TENANT, SECRETS))


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with session.get(f"{url}/v1/memories/{MEMORY}/health", timeout=aiohttp.ClientTimeout(5)) as answer:
            return answer.status in (200, 503)
    return False


def free_port() -> int:
    """A free port below those of outgoing connections, so that nobody takes it while the part is dead."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _die_with_us() -> None:
    """However a run ends, its parts end with it (Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
