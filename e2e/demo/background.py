"""Processes that outlive `make demo`, so that one can look around: found again by a pid file, ended by `make down`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import REPOSITORY


@dataclass(frozen=True)
class Background:
    """One such process. `<folder>/<name>.pid` holds its id, `<folder>/<name>.log` what it says."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        """Its output, of this start only."""
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def start(self, command: Sequence[str | Path]) -> None:
        """Start it anew; one that runs already is ended first."""
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in command]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True
            )
        self._pid_file.write_text(f"{process.pid}\n{Path(words[0]).name}\n")
        while process.poll() is None and self.pid() is None:
            time.sleep(0.01)  # for a moment a new program has no command line yet

    def waits_for(self, text: str, within: float = 20) -> str:
        """The line of its output that holds `text`. ClusterError with its last words when that never comes."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            lines = self.log.read_text(errors="replace").splitlines()
            for line in lines:
                if text in line:
                    return line
            if self.pid() is None:
                break
            time.sleep(0.05)
        said = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        raise ClusterError(f"{self.name} did not start; it said:\n{said}")

    def pid(self) -> int | None:
        """Its process id while it runs; a number that another program has meanwhile does not count."""
        try:
            pid, program = self._pid_file.read_text().split()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return int(pid) if Path(words[0].decode()).name == program else None

    def stop(self, within: float = 5) -> None:
        """End it and forget it; nothing happens when it does not run."""
        if (pid := self.pid()) is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + within
            while self.pid() is not None and time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.05)
            if self.pid() is not None:
                os.kill(pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)
