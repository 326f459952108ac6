"""Processes that outlive `make demo`, so that one can look around: found again by a pid file, ended by `make down`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError


@dataclass(frozen=True)
class Background:
    """One such process. `<folder>/<name>.pid` says which, `<folder>/<name>.log` holds what it says."""

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
        """Start it anew, in a session of its own; one that runs already is ended first."""
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in command]
        program = shutil.which(words[0])
        if program is None:
            raise ClusterError(f"{words[0]} is not installed")
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pid = os.posix_spawn(program, words, os.environ, file_actions=files, setsid=True)
        self._pid_file.write_text(f"{pid} {_born(pid)}\n")

    def waits_for(self, text: str, within: float = 20) -> str:
        """The line of its output that holds `text`. ClusterError with its last words when that never comes."""
        deadline = time.monotonic() + within
        while True:
            runs = self.pid() is not None and time.monotonic() < deadline
            lines = self.log.read_text(errors="replace").splitlines()
            if found := next((line for line in lines if text in line), None):
                return found
            if not runs:
                raise ClusterError("\n".join([f"{self.name} did not start; it said:", *lines[-8:]]))
            time.sleep(0.05)

    def pid(self) -> int | None:
        """Its process id while it runs; a number that another process has meanwhile does not count."""
        try:
            pid, born = self._pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if _born(int(pid)) == born else None

    def stop(self, within: float = 5) -> None:
        """End it and forget it; nothing happens when it does not run."""
        deadline = time.monotonic() + within
        sent = signal.SIGTERM
        while (pid := self.pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.05)
            sent = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        self._pid_file.unlink(missing_ok=True)


def _born(pid: int) -> str:
    """When a process started, in ticks since the machine did: with its id, that names it. Empty when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]
