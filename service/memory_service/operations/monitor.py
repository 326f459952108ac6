"""The background look at every memory: health for `/loaded`, `/readyz` and gauges, without a caller having to ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from memory_service.model.facts import Check
from memory_service.operations.health import Health, Worker, ask_worker, judge, storage_of
from memory_service.operations.registry import Held, OpenMemory, Registry

EVERY_SECONDS: Final = 2.0
UNWELL_SECONDS: Final = 0.75
"""How soon to look again while something is not well: somebody waits for it."""
POLL_SECONDS: Final = 0.1
AT_ONCE: Final = 16
"""Memories examined at the same time, so that a thousand of them do not all knock in one instant."""

log = logging.getLogger(__name__)


class Monitor:
    """Keeps the last Health of each memory; `on_health` hears of each look."""

    def __init__(self, registry: Registry, worker: Worker, on_health: Callable[[str, Health], None]) -> None:
        self._registry = registry
        self._worker = worker
        self._on_health = on_health
        self._seen: dict[str, Health] = {}

    def health(self, memory_id: str) -> Health | None:
        """What the last look found."""
        return self._seen.get(memory_id)

    async def look(self) -> None:
        """Examine every memory once; the worker is asked once for all of them, while the stores are."""
        asked = asyncio.create_task(ask_worker(self._worker))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(memory: OpenMemory) -> None:
            async with gate:
                storage, totals = await storage_of(memory)
            reported = await asked
            memory_id = memory.definition.spec.id
            if self._registry.holds(memory_id):  # it may have gone meanwhile, and its series with it
                self._seen[memory_id] = health = judge(memory, storage, totals, reported)
                self._on_health(memory_id, health)

        await asyncio.gather(asked, *(one(memory) for memory in self._registry.opened()))
        self._seen = {key: health for key, health in self._seen.items() if self._registry.holds(key)}

    async def run(self) -> None:
        """Look again and again until cancelled; at once when definitions changed."""
        loop = asyncio.get_running_loop()
        while True:
            digest = self._registry.digest
            await self.look()
            well = all(health.status == "ok" for health in self._seen.values())
            again = loop.time() + (EVERY_SECONDS if well else UNWELL_SECONDS)
            while loop.time() < again and self._registry.digest == digest:
                await asyncio.sleep(POLL_SECONDS)

    def loaded(self, pod: str) -> dict[str, Any]:
        """The body of `/loaded`: what this process serves, in which generation, how its parts are, what was erased."""
        return {
            "pod": pod,
            "definitionsHash": self._registry.digest,
            "memories": {held.entry.uid: self._report(held) for held in self._registry.held()},
        }

    def dependencies(self) -> dict[str, str]:
        """Each kind of part and its worst status over all memories, for the body of `/readyz`."""
        worst: dict[str, str] = {}
        for health in self._seen.values():
            for component, check in health.checks.items():
                worst[component] = max(worst.get(component, "ok"), check.status, key=("ok", "degraded", "failed").index)
        return worst

    def _report(self, held: Held) -> dict[str, Any]:
        health = self._seen.get(held.entry.id)
        report: dict[str, Any] = {
            "id": held.entry.id,
            "generation": held.generation,
            "state": held.entry.state,
            "checks": {name: _check(check) for name, check in health.checks.items()} if health else {},
        }
        if held.fault is not None:
            report["fault"] = held.fault
        if held.erasure is not None:
            erasure = held.erasure
            report["erased"] = {
                "removed": erasure.removed,
                "remaining": erasure.remaining,
                "verified": erasure.verified,
            }
        return report


def _check(check: Check) -> Mapping[str, object]:
    return {
        "status": check.status,
        "reason": check.reason,
        "message": check.message,
        "latency_ms": check.latency_ms,
    }
