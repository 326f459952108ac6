"""Real parts for tests: a memory-vectors process, and small makers of points."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

API_KEY = "test-key"


@dataclass
class VectorsServer:
    """A memory-vectors process that can be stopped, killed and started again on the same port and folder."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it listens."""
        environment = {**os.environ, "QDRANT__SERVICE__API_KEY": API_KEY}
        listen = f"127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "memory_vectors", "--listen", listen, "--storage", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        ready = re.fullmatch(r"memory-vectors listening on http://\S+:(\d+)\n", line)
        assert ready, f"memory-vectors said {line!r}"
        self.port = int(ready[1])

    def stop(self, sign: int = signal.SIGTERM) -> None:
        """End it, kindly or not, and wait."""
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(timeout=15)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@contextmanager
def vectors_server(folder: Path) -> Iterator[VectorsServer]:
    """A running server; gone afterwards."""
    server = VectorsServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)
