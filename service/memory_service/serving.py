"""One running service: its listeners, its background work, and how it comes up and goes away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from memory_service.adapters.definitions import DefinitionFiles
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.assembly import Backends
from memory_service.metrics import Metrics
from memory_service.operations.afterwards import Afterwards
from memory_service.operations.health import Health, storage_of
from memory_service.operations.monitor import Monitor
from memory_service.operations.registry import Registry
from memory_service.settings import InvalidSettings, Settings
from memory_service.web.app import App
from memory_service.web.auth import ApiKeys, OpenDoor
from memory_service.web.management import ManagementApp, management_pages, public_pages
from memory_service.web.server import Listener, url_of
from memory_service.web.service import Service
from memory_service.web.tracing import tracer

LINGER_SECONDS: Final = 2.0
"""How long a pod still serves after SIGTERM: Services take a moment to stop sending requests to it."""
ANNOUNCE_SECONDS: Final = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything of one process, put together once by `build`."""

    service: Service
    backends: Backends
    keys: ApiKeys | OpenDoor
    with_parts: bool

    @classmethod
    def build(
        cls,
        settings: Settings,
        source: DefinitionFiles,
        environ: Mapping[str, str],
        *,
        api_keys: str | None,
        with_parts: bool,
    ) -> Serving:
        """Put the process together; nothing is connected yet. Raises InvalidSettings for unusable API keys.

        `api_keys` is the credentials folder that the caller gave, None to let everybody in. `with_parts` says that the
        stores are children of this process, which then answers the management pages on the main port too.
        """
        worker = WorkerSocket(settings.socket)
        metrics = Metrics(CollectorRegistry())
        backends = Backends(settings, worker, metrics.refreshed, afterwards=afterwards(metrics))
        registry = Registry(source, backends.open, on_gone=metrics.forget)
        monitor = Monitor(registry, worker, lambda memory_id, health: record(metrics, memory_id, health))
        keys = _keys(api_keys, local=settings.listen.is_loopback)
        pod = settings.pod or socket.gethostname()
        service = Service(registry, monitor, worker, keys, metrics, tracer=tracer(environ, pod), pod=pod)
        return cls(service, backends, keys, with_parts)

    async def run(
        self,
        api: socket.socket,
        management: socket.socket,
        stop: asyncio.Event,
        more: Sequence[Coroutine[Any, Any, None]] = (),
    ) -> None:
        """Serve on both sockets until `stop`. A background task that fails ends the process: its parent restarts it."""
        background = [self._keep_definitions(), self.service.monitor.run(), *more]
        tasks = [asyncio.create_task(work) for work in background]
        greeting = asyncio.create_task(self._announce(api))
        listening = asyncio.create_task(self._listen(api, management, stop))
        try:
            done, _ = await asyncio.wait([listening, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (listening, greeting, *tasks):
                task.cancel()
            await asyncio.gather(listening, greeting, *tasks, return_exceptions=True)
            await self.service.registry.close()
            await self.backends.close()
            self.service.tracer.close()

    async def _listen(self, api: socket.socket, management: socket.socket, stop: asyncio.Event) -> None:
        service = self.service
        pages = {**public_pages(), **(management_pages(service) if self.with_parts else {})}
        closing = asyncio.Event()
        listeners = [Listener(App(service, pages), api), Listener(ManagementApp(service), management)]
        serving = [asyncio.create_task(listener.run_until(closing)) for listener in listeners]
        await stop.wait()
        log.info("stopping: requests in flight are finished first")
        if not self.with_parts:
            await asyncio.sleep(LINGER_SECONDS)
        service.drain.draining = True
        closing.set()
        await asyncio.gather(*serving)

    async def _keep_definitions(self) -> None:
        async def refresh_keys() -> None:
            self.keys.refresh()

        await self.service.registry.run(also=refresh_keys)

    async def _announce(self, api: socket.socket) -> None:
        """Say where the service is, once history can be written."""
        url = url_of(api)
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                while (ids := self._ids()) and not await self._stores():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log.warning("serving at %s, but no storage answers yet; /readyz names what is away", url)
            return
        named = ", ".join(ids) or "none declared yet"
        print(f"memory-service is ready at {url} (memories: {named}; API: {url}/docs)", flush=True)
        if ids:
            message = """-d '{"role": "user", "content": "My favourite colour is green."}'"""
            path = f"{url}/v1/memories/{ids[0]}/threads/hello/messages"
            print(f"  try: curl -s {path} -H 'content-type: application/json' {message}", flush=True)

    def _ids(self) -> list[str]:
        return [memory.definition.spec.id for memory in self.service.registry.opened()]

    async def _stores(self) -> bool:
        """Whether some memory's history can be written."""
        for memory in self.service.registry.opened():
            check, _ = await storage_of(memory)
            if check.status == "ok":
                return True
        return False


def afterwards(metrics: Metrics) -> Afterwards:
    """Where flushes go on after an answer; they are counted when they are done."""
    return Afterwards(
        lambda memory_id, done: metrics.flushed(memory_id, done.actual_strategy, done.removed, done.by_model)
    )


def _keys(folder: str | None, *, local: bool) -> ApiKeys | OpenDoor:
    if folder is None:
        return OpenDoor(local=local)
    path = Path(folder) / "api-key-sha256"
    try:
        return ApiKeys(path)
    except (OSError, ValueError) as fault:
        raise InvalidSettings(f"--credentials has no usable API keys: {fault}") from fault


def record(metrics: Metrics, memory_id: str, health: Health) -> None:
    """What a look at a memory means for its gauges. Without storage its numbers stay as they were."""
    for component, check in health.checks.items():
        metrics.healthy(memory_id, component, check.status)
        if check.circuit is not None:
            metrics.circuit(memory_id, component, check.circuit)
    if health.summarizer is not None:
        metrics.circuit(memory_id, "summarizer", health.summarizer)
    if health.totals is not None:
        metrics.totals(memory_id, health.totals)
