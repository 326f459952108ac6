"""The process: settings, the storage folder, the socket, signals."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

import uvicorn

from memory_vectors.catalog import Catalog, StorageInUse
from memory_vectors.settings import Settings
from memory_vectors.upkeep import Policy
from memory_vectors.web import Application

_GRACE = 2
"""Seconds that open requests have after SIGTERM; closing the collections comes after that."""
_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than clients keep theirs."""


class _Server(uvicorn.Server):
    """uvicorn, which also says on stdout where it listens: the parent of an embedded server reads that line."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"memory-vectors listening on {self._address}", flush=True)


def main(arguments: Sequence[str] | None = None, policy: Policy | None = None) -> None:
    """Serve until SIGTERM or SIGINT; exits with 1 when the address or the storage is taken."""
    settings = Settings.read(sys.argv[1:] if arguments is None else arguments, os.environ)
    # uvicorn takes over the signals while it serves, and raises them again when it has stopped.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        listener = _bind(settings)
        catalog = Catalog(settings.storage)
    except (OSError, StorageInUse) as error:
        sys.exit(f"memory-vectors: {error}")
    config = uvicorn.Config(
        Application(catalog, settings.api_key, policy or Policy()),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = _Server(config, f"http://{host}:{listener.getsockname()[1]}")
    server.run([listener])


def _bind(settings: Settings) -> socket.socket:
    """Take the address before anything else, so that a taken one is known at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    return listener


if __name__ == "__main__":
    main()
