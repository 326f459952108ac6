"""The running operator: first LISTs, watches, workers, slow passes and the management listener, side by side."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform
from typing import Final

import kopf
from memory_crd.status import Type

from memory_operator import management
from memory_operator.api import ApiServer
from memory_operator.cache import Cache
from memory_operator.errors import ApiError
from memory_operator.kinds import LABELLED, MEMORY, POD, SECRET_NAMES, TENANT
from memory_operator.kube import KubeCluster
from memory_operator.metrics import Figures, Metrics
from memory_operator.service_pods import HttpServicePods
from memory_operator.settings import Settings
from memory_operator.watches import News, kopf_settings, registry_of, secret_watches, watch_secrets
from memory_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
SOON_SECONDS: Final = 30.0
"""The first LIST after the start comes soon: something may have gone between the LIST at the start and the watches."""
SPREAD_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Parts:
    """What `__main__` wired together."""

    settings: Settings
    api: ApiServer
    cache: Cache
    cluster: KubeCluster
    pods: HttpServicePods
    metrics: Metrics
    reconcile: Callable[[str], Awaitable[float | None]]


class Operator:
    """Runs until it is cancelled or kopf ends (on SIGTERM and SIGINT, which kopf handles)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._queue: WorkQueue[str] = WorkQueue(meter=_Meter(parts.metrics), foreseen=ApiError)
        self._news = News(parts.cache, self._queue.add)
        self._listed = False
        parts.metrics.expose(self.figures)

    async def run(self, *, stop: asyncio.Event | None = None) -> None:
        """Serve until `stop` is set or a signal comes; raise what cannot be gone on from."""
        parts, settings = self._parts, self._parts.settings
        app = management.application(parts.metrics.registry, self._fault, lambda: self._listed)
        listener = await management.serve(app, *settings.listen)
        try:
            await self._list_at_start()
            await self._side_by_side(stop)
        finally:
            await listener.cleanup()

    async def _side_by_side(self, stop: asyncio.Event | None) -> None:
        """Run all loops; kopf's end is the end of all."""
        parts, settings = self._parts, self._parts.settings
        loops = [
            self._queue.run(settings.workers, self._pass),
            self._resync(),
            self._relist(),
            *(
                watch_secrets(parts.api, parts.cluster, self._news, name, tenant)
                for name, tenant in secret_watches(settings.namespaces)
            ),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in loops]

            def stopping() -> None:
                for task in tasks:
                    task.cancel()

            await kopf.operator(
                registry=registry_of(self._news, stopping),
                settings=kopf_settings(),
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                standalone=True,
                stop_flag=stop,
            )
            stopping()

    # --- lists --------------------------------------------------------------------------------------------------------

    async def _list_at_start(self) -> None:
        """LIST everything once before anything is decided, until every LIST answered; then look at each tenant."""
        while True:
            try:
                await self._list_all()
                break
            except ApiError as error:
                log.warning("the first LISTs did not all answer, again in %.0f s: %s", RETRY_SECONDS, error)
                await asyncio.sleep(RETRY_SECONDS)
        self._listed = True
        for tenant in self._parts.cache.tenants():
            self._queue.add(tenant)

    async def _list_all(self) -> set[str]:
        """LIST every kind; return the tenants in which the cache was behind."""
        cluster = self._parts.cluster
        behind: set[str] = set()
        for tenant in self._parts.settings.namespaces or (None,):
            for kind in (MEMORY, TENANT, *LABELLED):
                behind |= await cluster.relist(kind, tenant)
            for name in SECRET_NAMES:
                behind |= (await cluster.relist_secret(name, tenant))[1]
        return behind

    async def _relist(self) -> None:
        wait = SOON_SECONDS
        while True:
            await asyncio.sleep(wait)
            wait = self._parts.settings.relist_seconds * uniform(0.8, 1.2)
            try:
                for tenant in await self._list_all():
                    self._queue.add(tenant)
            except ApiError as error:
                log.warning("a LIST did not answer: %s", error)
            self._parts.pods.forget_all_but({pod["metadata"]["uid"] for pod in self._parts.cache.all(POD)})

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._parts.settings.resync_seconds * uniform(0.8, 1.2))
            for tenant in self._parts.cache.tenants():
                self._queue.add(tenant, uniform(0.0, SPREAD_SECONDS))

    # --- passes -------------------------------------------------------------------------------------------------------

    async def _pass(self, tenant: str) -> float | None:
        metrics, began, result = self._parts.metrics, time.monotonic(), "error"
        try:
            again = await self._parts.reconcile(tenant)
            result = "ok"
            return again
        finally:
            metrics.reconciles.labels(result).inc()
            metrics.reconcile_duration.observe(time.monotonic() - began)

    def _fault(self) -> str:
        """Say why the process should be restarted, empty when it should not."""
        longest = self._queue.longest()
        return f"a pass has been running for {longest:.0f} s" if longest > STUCK_SECONDS else ""

    def figures(self) -> Figures:
        """Count what the cache knows, for a scrape."""
        memories: Counter[tuple[str, str]] = Counter()
        tenants = set()
        for manifest in self._parts.cache.all(MEMORY):
            tenants.add(manifest["metadata"]["namespace"])
            told = {one["type"]: one["status"] for one in (manifest.get("status") or {}).get("conditions") or ()}
            for kind in (Type.READY, Type.RECONCILING, Type.STALLED, Type.WARNING):
                memories[kind, told.get(kind, "Unknown" if kind is Type.READY else "False")] += 1
        return Figures(self._parts.cache.ages(), memories, len(tenants))


class _Meter:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def depth(self, waiting: int) -> None:
        self._metrics.queue_depth.set(waiting)

    def waited(self, seconds: float) -> None:
        self._metrics.queue_wait.observe(seconds)
