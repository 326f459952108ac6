"""Which adapters serve a definition: the one place that knows ports and adapters by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
from memory_crd.errors import Fault, InvalidMemory
from memory_crd.memory import Memory

from memory_service.adapters import tokenizer
from memory_service.adapters.credentials import api_key
from memory_service.adapters.definitions import SecretFile
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.adapters.redis.connection import Target
from memory_service.adapters.redis.stores import RedisStores
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.operations.afterwards import Afterwards
from memory_service.operations.registry import OpenMemory
from memory_service.policies.tokens import ESTIMATOR, bounds_tokens
from memory_service.settings import Settings
from memory_service.web.timing import timed

if TYPE_CHECKING:
    from memory_crd.definitions import Entry
    from memory_crd.memory import Spec

    from memory_service.ports import Summarizer

REDIS_USER: Final = "service"


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Backends:
    """Connections to every store of the tenant, shared by its memories, and how a memory is opened on them."""

    settings: Settings
    worker: WorkerSocket
    on_refresh: Callable[[str], None] = lambda _: None
    clock: SystemClock = field(default_factory=SystemClock)
    afterwards: Afterwards = field(default_factory=Afterwards)
    _redis: dict[str, RedisStores] = field(default_factory=dict)
    _vectors: dict[str, VectorStore] = field(default_factory=dict)
    _http: aiohttp.ClientSession | None = None

    def open(self, entry: Entry) -> OpenMemory:
        """The ports of one definition; nothing is connected yet. Raises InvalidMemory for what cannot be served."""
        spec = entry.spec
        faults = [Fault(f"/spec{path}", remedy) for path, remedy in spec.unsupported]
        if spec.template_fault is not None:
            faults.append(Fault("/spec/options/workingMemory/template", spec.template_fault))
        if spec.schema_fault is not None:
            faults.append(Fault("/spec/options/workingMemory/schema", spec.schema_fault))
        if spec.pattern_fault is not None:
            faults.append(Fault(f"/spec{spec.pattern_fault[0]}", spec.pattern_fault[1]))
        if faults:
            raise InvalidMemory(f"memory {entry.id}", faults)
        redis = self._redis_of(spec.storage.use)
        store, outbox = redis.open(entry.id, spec.options)
        index = QdrantIndex(self._vectors_of(spec.vector.use), self.settings.tenant, entry.id)
        return OpenMemory(
            definition=Memory(entry.name, self.settings.tenant, entry.uid, entry.generation, spec),
            store=timed(store, "storage"),
            outbox=outbox,
            index=timed(index, "vector"),
            embedder=timed(self.worker.of(entry.id), "embedder"),
            clock=self.clock,
            on_refresh=partial(self.on_refresh, entry.id),
            counter=tokenizer.counter() if bounds_tokens(spec.options) else ESTIMATOR,
            summarizer=self._summarizer(spec),
            afterwards=self.afterwards,
        )

    def _summarizer(self, spec: Spec) -> Summarizer | None:
        """The chat model of a definition; what it takes is loaded where one is declared."""
        declared = spec.options.flushing.summarizer if spec.options.flushing else None
        if declared is None:
            return None
        from memory_service.adapters.summarizers.openai import OpenAiSummarizer

        folder = Path(self.settings.secrets) if self.settings.secrets is not None else None
        key = api_key(declared.api_key, folder, {})
        return OpenAiSummarizer(self._session, url=declared.url, model=declared.model, api_key=key)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession()
        return self._http

    def _redis_of(self, use: str) -> RedisStores:
        durable = use == "redis"
        url = self.settings.redis if durable else self.settings.redis_ephemeral
        if url is None:
            raise _no_address("storage", "redis" if durable else "redis-ephemeral", use)
        if url not in self._redis:
            target = Target(url, REDIS_USER, self._secret("redis-password"))
            self._redis[url] = RedisStores(target, tenant=self.settings.tenant, name="memory-service")
        return self._redis[url]

    def _vectors_of(self, use: str) -> VectorStore:
        durable = use == "qdrant"
        url = self.settings.qdrant if durable else self.settings.qdrant_ephemeral
        if url is None:
            raise _no_address("vector", "qdrant" if durable else "qdrant-ephemeral", use)
        if url not in self._vectors:
            self._vectors[url] = VectorStore(url, self._secret("qdrant-api-key"))
        return self._vectors[url]

    def _secret(self, name: str) -> SecretFile:
        folder = self.settings.credentials
        return SecretFile(Path(folder) / name if folder is not None else Path("/nonexistent") / name)

    async def close(self) -> None:
        """End what goes on, then close every connection."""
        await self.afterwards.close()
        for redis in self._redis.values():
            await redis.close()
        for vectors in self._vectors.values():
            await vectors.close()
        if self._http is not None:
            await self._http.close()
        await self.worker.close()


def _no_address(slot: str, option: str, use: str) -> InvalidMemory:
    remedy = f"nothing serves {use} here: start again with --{option}, or let the embedded parts start with this file"
    return InvalidMemory("memory", [Fault(f"/spec/{slot}/use", remedy)])
