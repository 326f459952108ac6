"""A memory with everything real behind it: Redis, memory-vectors, the local model, and the worker's loops."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from memory_crd.memory import Memory, Spec
from memory_service.adapters.redis.stores import RedisStores
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.errors import VectorUnavailable
from memory_service.metrics import WORKER, Families
from memory_service.model.facts import Circuit
from memory_service.model.mutations import Append, Delete, Outcome
from memory_service.model.search import QueryVectors
from memory_service.model.values import Draft, Role
from memory_service.operations import moments
from memory_service.operations.recall import RecallAnswer, RecallRequest, recall
from memory_service.operations.registry import OpenMemory
from memory_service.operations.stored import decode
from memory_service.worker.crew import work
from memory_service.worker.embedding import Embedders, LazyLocal
from memory_service.worker.listener import answer
from memory_service.worker.subject import Subject, TextEmbedder
from prometheus_client import CollectorRegistry

from tests.contracts.store.servers import TENANT, Server
from tests.memory_service.parts import API_KEY, VectorsServer

ROOT = Path(__file__).parents[2]
MODEL = ROOT / ".cache/model/current"
_numbers = itertools.count(1)

LOCAL = LazyLocal(MODEL, "all-MiniLM-L6-v2", 384)
"""One loaded model for all tests of a run."""


class Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass
class InProcess:
    """Questions answered as the socket's listener answers them, without the socket."""

    subject: Subject
    away: bool = False
    circuit: Circuit = "closed"

    async def query(self, text: str, *, meaning: bool = True) -> QueryVectors:
        if self.away:
            return QueryVectors(reason="Unreachable", message="memory-worker does not answer")
        made = await answer(self.subject, [text], meaning=meaning)
        dense = None
        if made.vectors and self.subject.embedder is not None:
            dense = tuple((await self.subject.embedder.embed([text]))[0].tolist())
        return QueryVectors(dense, made.words[0] if made.words else None, made.reason, made.message)


@dataclass
class Rig:
    """One memory on real parts; `working` runs the worker's loops for it."""

    redis: Server
    vectors: VectorsServer
    stores: RedisStores
    vector_store: VectorStore
    subject: Subject
    memory: OpenMemory
    embedder: InProcess
    clock: Callable[[], float] = field(default=time.monotonic)

    async def say(self, thread: str, *contents: str, role: Role = "user", **more: Any) -> Outcome:
        """Append messages, one call."""
        drafts = tuple(draft(content, role, **more) for content in contents)
        return await self.memory.store.mutate(Append(thread, drafts))

    async def forget(self, thread: str) -> Outcome:
        return await self.memory.store.mutate(Delete(thread))

    async def ask(self, query: str, **asked: Any) -> RecallAnswer:
        """Recall, by default over everything, at once consistent."""
        whole: dict[str, Any] = {"scope": "memory", "owner": "*", "strong": True, "timeout_ms": 25_000}
        return await recall(self.memory, RecallRequest(query, **whole | asked))

    async def indexed(self, seconds: float = 60) -> None:
        """Return when everything written so far is indexed."""
        totals = await self.memory.store.totals()
        await eventually(lambda: self.memory.store.indexed(totals.pos), seconds)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The worker's loops, while the block runs; by then the collection is there."""
        task = asyncio.create_task(work(self.subject))
        try:
            await eventually(self._set_up)
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _set_up(self) -> bool:
        if not self.subject.enabled:
            return True
        with contextlib.suppress(VectorUnavailable):
            await self.memory.index.ping()
            return True
        return False

    def redefined(self, *, embedder: TextEmbedder | None = None, **options: Any) -> Rig:
        """The same memory under another definition."""
        spec = spec_of(self.subject.id, **options)
        subject = replace(self.subject, spec=spec, embedder=embedder or self.subject.embedder)
        memory = replace(self.memory, definition=replace(self.memory.definition, spec=spec))
        remote = InProcess(subject)
        return replace(self, subject=subject, memory=replace(memory, embedder=remote), embedder=remote)


def draft(content: str, role: Role = "user", *, at: int | None = None, metadata: Any = None, **expiry: int) -> Draft:
    """A message as operations make them."""
    moment = moments.render(Clock().now_ms() if at is None else at)
    tail: dict[str, Any] = {"role": role, "content": content, "timestamp": moment}
    if metadata is not None:
        tail["metadata"] = metadata
    return Draft(role, msgspec.json.encode(tail)[1:], 1 + len(content) // 4, **expiry)


def spec_of(memory_id: str, *, dimensions: int = 384, **recall_options: Any) -> Spec:
    """A definition with these `semanticRecall` options."""
    return Spec.parse(
        {
            "id": memory_id,
            "storage": {"use": "redis"},
            "vector": {"use": "qdrant", "dimensions": dimensions},
            "embedder": {"use": "openai" if dimensions != 384 else "local"},
            "options": {"semanticRecall": recall_options},
        }
    )


def build(
    redis: Server, vectors: VectorsServer, stores: RedisStores, *, embedder: TextEmbedder | None = None, **options: Any
) -> Rig:
    """A new memory on running servers."""
    spec = spec_of(f"m{next(_numbers)}", **options)
    store, outbox = stores.open(spec.id, spec.options)
    vector_store = VectorStore(vectors.url, lambda: API_KEY)
    metrics = Families(WORKER, CollectorRegistry())
    own = embedder or Embedders(LOCAL, None, {}, metrics).of(spec)
    subject = Subject(TENANT, spec, store, outbox, vector_store, own, metrics, "worker-a")
    remote = InProcess(subject)
    memory = OpenMemory(
        definition=Memory(spec.id, TENANT, f"local-{spec.id}", 1, spec),
        store=store,
        outbox=outbox,
        index=QdrantIndex(vector_store, TENANT, spec.id),
        embedder=remote,
        clock=Clock(),
    )
    return Rig(redis, vectors, stores, vector_store, subject, memory, remote)


async def eventually(check: Callable[[], Any], seconds: float = 40) -> Any:
    """The first truthy answer of an awaitable check. Fails the test after the time."""
    deadline = time.monotonic() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


def said(answer: RecallAnswer) -> list[str]:
    """What the hits say, best first."""
    return [decode(hit.message).content for hit in answer.hits]


def contents(messages: Sequence[bytes]) -> list[str]:
    """What stored messages say."""
    return [decode(message).content for message in messages]
