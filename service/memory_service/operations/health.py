"""Is a memory well? Storage is asked here; vector store, embedder and index by the worker, which uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from memory_crd.status import Reason

from memory_service.errors import EmbedderUnavailable, Unavailable
from memory_service.model.facts import Check, Circuit, Status, Totals
from memory_service.model.outbox import Audit

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

PROBE_SECONDS: Final = 2.0
"""How long a part may take to answer before it counts as away."""

COMPONENTS: Final = ("storage", "vector", "embedder", "index")


@dataclass(frozen=True, slots=True)
class Health:
    """Every part of a memory, the verdict, and the memory's numbers if storage answered.

    failed: history cannot be served. degraded: it can, but recall, or what it will find, is not what it should be.
    """

    checks: Mapping[str, Check]
    checked_at: int
    totals: Totals | None = None
    summarizer: Circuit | None = None
    """The way to the memory's chat model, which nothing depends on; None where there is none."""

    @property
    def status(self) -> Status:
        if self.checks["storage"].status == "failed":
            return "failed"
        return "ok" if all(check.status == "ok" for check in self.checks.values()) else "degraded"


class Worker(Protocol):
    """The worker beside this service. Raises EmbedderUnavailable when it does not answer."""

    async def checks(self) -> Mapping[str, Mapping[str, Check]]:
        """Vector, embedder and index of every memory, by its id."""
        ...

    async def audit(self, memory_id: str) -> Audit:
        """Compare a memory's history and vectors now, and repair.

        Raises Refused `busy`, Timeout, StorageUnavailable, VectorUnavailable.
        """
        ...


async def examine(memory: OpenMemory, worker: Worker) -> Health:
    """Ask every part of one memory, each within PROBE_SECONDS."""
    asked = asyncio.create_task(ask_worker(worker))
    (storage, totals), reported = await asyncio.gather(_storage(memory), asked)
    return judge(memory, storage, totals, reported)


async def ask_worker(worker: Worker) -> Mapping[str, Mapping[str, Check]] | Check:
    """The worker's checks by memory id, or the one check that says why there are none."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await worker.checks()
    except (EmbedderUnavailable, TimeoutError) as error:
        return Check("failed", Reason.UNREACHABLE, str(error) or "memory-worker does not answer: timed out")


async def storage_of(memory: OpenMemory) -> tuple[Check, Totals | None]:
    """Redis as this memory sees it, and the memory's numbers."""
    return await _storage(memory)


def judge(
    memory: OpenMemory,
    storage: Check,
    totals: Totals | None,
    reported: Mapping[str, Mapping[str, Check]] | Check,
) -> Health:
    """Put the answers together. A memory without recall needs neither vectors nor embedder."""
    storage = replace(storage, circuit=memory.store.circuit)
    summarizer = None if memory.summarizer is None else memory.summarizer.circuit
    if not memory.definition.spec.options.semantic_recall.enabled:
        unused = Check("ok", Reason.RECALL_DISABLED, "semantic recall is switched off")
        checks = {"storage": storage, "vector": unused, "embedder": unused, "index": unused}
        return Health(checks, memory.clock.now_ms(), totals, summarizer)
    if isinstance(reported, Check):
        own: Mapping[str, Check] = dict.fromkeys(COMPONENTS, reported)
    else:
        own = reported.get(memory.definition.spec.id, {})
    loading = Check("degraded", Reason.LOADING, "the worker has not reported on this memory yet")
    checks = {"storage": storage} | {part: own.get(part, loading) for part in COMPONENTS[1:]}
    checks["vector"] = replace(checks["vector"], circuit=memory.index.circuit)
    checks["embedder"] = replace(checks["embedder"], circuit=memory.embedder.circuit)
    if totals is not None:
        checks["index"] = replace(checks["index"], lag_seconds=totals.oldest_pending_ms / 1000)
    return Health(checks, memory.clock.now_ms(), totals, summarizer)


async def _storage(memory: OpenMemory) -> tuple[Check, Totals | None]:
    started = perf_counter()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            totals = await memory.store.totals()
    except Unavailable as error:
        return Check("failed", error.reason, error.detail, _ms_since(started)), None
    except TimeoutError:
        return Check(
            "failed", Reason.UNREACHABLE, f"Redis did not answer within {PROBE_SECONDS:g} s", _ms_since(started)
        ), None
    return Check(latency_ms=_ms_since(started)), totals


def _ms_since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
