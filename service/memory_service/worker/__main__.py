"""memory-worker: reads its settings, connects the parts, and works until told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop
from memory_crd import names
from memory_crd.errors import Fault, InvalidMemory
from memory_crd.memory import LOCAL_DIMENSIONS, LOCAL_MODEL
from prometheus_client import CollectorRegistry

from memory_service.adapters.definitions import DefinitionFiles, SecretFile
from memory_service.adapters.redis.connection import Target
from memory_service.adapters.redis.stores import RedisStores
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.metrics import WORKER, Families
from memory_service.settings import InvalidSettings
from memory_service.worker.crew import Crew
from memory_service.worker.embedding import Embedders, LazyLocal, model_folder
from memory_service.worker.listener import serving
from memory_service.worker.settings import WorkerSettings
from memory_service.worker.subject import Subject

if TYPE_CHECKING:
    from memory_crd.definitions import Entry

EXIT_BAD_SETTINGS: Final = 2

log = logging.getLogger("memory_service.worker")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s", stream=sys.stderr
    )
    try:
        settings = WorkerSettings.read(sys.argv[1:] if argv is None else argv, os.environ)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(settings, os.environ))
    except (InvalidSettings, OSError) as fault:
        print(f"memory-worker: {fault}", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    return 0


async def _main(settings: WorkerSettings, environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    metrics = Families(WORKER, CollectorRegistry())
    parts = Parts(settings, metrics, environ)
    crew = Crew(DefinitionFiles(settings.memory), parts.open, metrics)
    try:
        async with serving(crew, metrics, path=settings.socket, management=settings.management) as address:
            log.info("memory-worker serves %s, metrics on http://%s/metrics", settings.socket or "no socket", address)
            working = asyncio.create_task(crew.run())
            gc.collect()
            gc.freeze()
            await stop.wait()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    finally:
        await parts.close()


@dataclass(slots=True)
class Parts:
    """Connections to every store of the tenant, shared by its memories, and how a memory is put to work on them."""

    settings: WorkerSettings
    metrics: Families
    environ: Mapping[str, str]
    _redis: dict[str, RedisStores] = field(default_factory=dict)
    _vectors: dict[str, VectorStore] = field(default_factory=dict)
    _embedders: Embedders = field(init=False)
    _token: str = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        local = LazyLocal(model_folder(settings.model), LOCAL_MODEL, LOCAL_DIMENSIONS)
        environ = self.environ if settings.tenant == names.LOCAL_TENANT else {}
        self._embedders = Embedders(local, settings.secrets, environ, self.metrics)
        # The same after a restart of the same worker, which then need not wait for its own leases to end.
        self._token = settings.pod or f"{socket.gethostname()}:{settings.socket or os.getpid()}"

    def open(self, entry: Entry) -> Subject:
        """A memory's ports; nothing is connected yet. Raises InvalidMemory for what this worker cannot do."""
        spec = entry.spec
        faults = [Fault(f"/spec{path}", remedy) for path, remedy in spec.unsupported]
        if faults:
            raise InvalidMemory(f"memory {entry.id}", faults)
        settings = self.settings
        redis = settings.redis if spec.storage.use == "redis" else settings.redis_ephemeral
        qdrant = settings.qdrant if spec.vector.use == "qdrant" else settings.qdrant_ephemeral
        if redis is None or qdrant is None:
            remedy = "no store of this kind was named at start: see --redis, --qdrant and their -ephemeral twins"
            raise InvalidMemory(f"memory {entry.id}", [Fault("/spec", remedy)])
        store, outbox = self._redis_at(redis).open(entry.id, spec.options)
        return Subject(
            tenant=settings.tenant,
            spec=spec,
            store=store,
            outbox=outbox,
            vectors=self._vectors_at(qdrant),
            embedder=self._embedders.of(spec),
            metrics=self.metrics,
            token=self._token,
        )

    def _redis_at(self, url: str) -> RedisStores:
        if url not in self._redis:
            target = Target(url, names.REDIS_USER_SERVICE, self._secret("redis-password"))
            self._redis[url] = RedisStores(target, tenant=self.settings.tenant, name="memory-worker")
        return self._redis[url]

    def _vectors_at(self, url: str) -> VectorStore:
        if url not in self._vectors:
            self._vectors[url] = VectorStore(url, self._secret("qdrant-api-key"))
        return self._vectors[url]

    def _secret(self, name: str) -> SecretFile:
        return SecretFile((self.settings.credentials or Path("/nonexistent")) / name)

    async def close(self) -> None:
        """Close every connection."""
        await self._embedders.close()
        for redis in self._redis.values():
            await redis.close()
        for vectors in self._vectors.values():
            await vectors.close()


if __name__ == "__main__":
    sys.exit(main())
