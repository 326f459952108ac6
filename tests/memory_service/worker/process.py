"""memory-worker as a process, on real servers, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from memory_crd.definitions import dump, of_memory
from memory_crd.memory import Memory

from tests.contracts.store.servers import SECRETS, TENANT
from tests.memory_service.parts import API_KEY
from tests.memory_service.rig import MODEL, Rig


@dataclass
class Worker:
    """A worker of one memory. `folder` gets its definitions, credentials, socket and log."""

    rig: Rig
    folder: Path
    name: str = "worker-0"
    environ: dict[str, str] = field(default_factory=dict)
    qdrant: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return str(self.folder / "worker.sock")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def prepare(self, *memories: Memory) -> None:
        """Write definitions (by default the rig's) and credentials."""
        for part in ("definitions", "credentials", "secrets"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.define(*(memories or (self.rig.memory.definition,)))
        (self.folder / "credentials/redis-password").write_text(SECRETS["redis-service-password"])
        (self.folder / "credentials/qdrant-api-key").write_text(API_KEY)

    def define(self, *memories: Memory) -> None:
        """Put these definitions, and no others, in place."""
        texts = {
            name: text
            for files in dump([of_memory(memory) for memory in memories]).values()
            for name, text in files.items()
        }
        folder = self.folder / "definitions"
        for path in folder.iterdir():
            if path.name not in texts:
                path.unlink()
        for name, text in texts.items():
            (folder / f".{name}").write_text(text)
            (folder / f".{name}").rename(folder / name)

    def start(self) -> None:
        """Return at once; what needs the worker waits for it."""
        qdrant = self.qdrant or self.rig.vectors.url
        argv = [sys.executable, "-m", "memory_service.worker", "--memory", str(self.folder / "definitions")]
        argv += ["--redis", f"unix://{self.rig.redis.socket}", "--qdrant", qdrant, "--tenant", TENANT]
        argv += ["--credentials", str(self.folder / "credentials"), "--secrets", str(self.folder / "secrets")]
        argv += ["--socket", self.socket, "--management", "127.0.0.1:0", "--pod", self.name, "--model", str(MODEL)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stderr=log, env={**os.environ, **self.environ})

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End it, kindly or not; its status."""
        assert self.process is not None
        self.process.send_signal(sign)
        status = self.process.wait(timeout=15)
        self.process = None
        return status

    def management(self, path: str) -> str:
        """GET from its management listener."""
        deadline = time.monotonic() + 15
        while "metrics on " not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)
        base = self.log.rpartition("metrics on ")[2].partition("/metrics")[0]
        with urllib.request.urlopen(base + path, timeout=5) as answer:
            return str(answer.read().decode())

    def rss_mib(self) -> float:
        """Resident memory."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
