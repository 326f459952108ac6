"""The operator's own process on a real API server with real controllers; only kubelet and the service are stood in for.

Pods are marked Ready, as a kubelet would; `Service` answers `/loaded` from the definitions in the ConfigMaps, as the
memory service would. Each test has a namespace of its own out of those that the operator serves, and the operator has
no more rights there than `memory_operator.rbac` lists.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from aiohttp import web
from memory_crd import definitions, names
from memory_operator import rbac
from memory_operator.api import JSON_PATCH, ApiServer, connect
from memory_operator.errors import ApiError, Conflict, NotFound
from memory_operator.kinds import CHILD_KINDS, CONFIG_MAP, MEMORY, OWN_SELECTOR, POD, TENANT, Kind, Manifest
from memory_operator.metrics import Metrics
from memory_operator.observed import is_leaving
from memory_operator.roster import live_entries
from prometheus_client import CollectorRegistry

from e2e.cluster.controlplane import Handle
from tests.memory_operator.builders import inventory

T = TypeVar("T")
CRDS = Path(__file__).parents[3] / "crds"
NAMESPACES = tuple(f"operator-{number}" for number in range(24))
HOME = "operator-home"
USER = f"system:serviceaccount:{HOME}:operator"
PROOF_SECONDS = 1.0
_free = iter(NAMESPACES)
_addresses = itertools.count(1)


def kubectl(plane: Handle, *arguments: str, text: str | None = None) -> str:
    """Run kubectl as the administrator; its complaint is the error."""
    command = [str(plane.kubectl), "--kubeconfig", str(plane.kubeconfig), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def plane(control_plane: Handle) -> Handle:
    """The control plane with both resources, the namespaces, and the operator's account in each."""
    kubectl(control_plane, "apply", "--server-side", "-f", str(CRDS))
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "operator-under-test"},
        "rules": [rule.manifest() for rule in rbac.NAMESPACED],
    }
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (HOME, *NAMESPACES)]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator", "namespace": HOME}}
    bindings = [_binding(name) for name in NAMESPACES]
    kubectl(control_plane, "apply", "-f", "-", text=yaml.safe_dump_all([*namespaces, role, account, *bindings]))
    return control_plane


def _binding(namespace: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "operator-under-test", "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "operator-under-test"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": HOME}],
    }


@pytest.fixture(scope="session")
def kubeconfig(plane: Handle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig with the token of the operator's account."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    token = kubectl(plane, "create", "token", "operator", "-n", HOME, "--duration=2h").strip()
    config["users"][0]["user"] = {"token": token}
    file = tmp_path_factory.mktemp("operator") / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


@dataclass
class Process:
    """`memory-operator` as a process."""

    environ: dict[str, str]
    log: Path
    port: int
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "memory_operator"]
            self.running = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        code = self.running.wait(20)
        self.running = None
        return code


@pytest.fixture(scope="session")
def operator_process(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The operator, started once for the session."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "MEMORY_OPERATOR_IMAGE": "memory-platform:test",
        "MEMORY_OPERATOR_NAMESPACES": ",".join(NAMESPACES),
        "MEMORY_OPERATOR_PROOF_INTERVAL_SECONDS": str(PROOF_SECONDS),
        "MEMORY_OPERATOR_LISTEN": f"127.0.0.1:{port}",
        "MEMORY_OPERATOR_OWN_NAMESPACE": HOME,
    }
    process = Process(environ, tmp_path_factory.mktemp("operator-log") / "log", port)
    process.start()
    yield process
    if process.running is not None:
        process.stop()
    sys.stdout.write(process.log.read_text())


# --- one tenant -------------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """Answers for all service pods of a tenant, from the definitions that are in its ConfigMaps now."""

    world: World
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Checks that are not ok, by part."""
    erases: bool = True

    async def loaded(self, _: web.Request) -> web.Response:
        listing = await self.world.api.list(CONFIG_MAP, self.world.namespace, labels=OWN_SELECTOR)
        entries = live_entries(inventory(children=[{**one, "kind": "ConfigMap"} for one in listing.items]))
        memories = {entry.uid: self._memory(entry) for entry in entries}
        return web.json_response({"pod": "x", "definitionsHash": definitions.digest(entries), "memories": memories})

    def _memory(self, entry: definitions.Entry) -> dict[str, Any]:
        fine = {part: {"status": "ok", "reason": "Ok"} for part in ("storage", "vector", "embedder")}
        told = {"id": entry.id, "generation": entry.generation, "state": entry.state, "checks": fine | self.checks}
        if entry.state == "erase" and self.erases:
            told["erased"] = {"removed": {"keys": 3}, "remaining": {"keys": 0, "points": 0}, "verified": True}
        return told


@dataclass
class World:
    """One namespace, and what a user does in it."""

    namespace: str
    api: ApiServer
    plane: Handle
    service: Service = field(init=False)
    address: str = ""
    boots: bool = True
    """Whether pods become Ready."""

    def __post_init__(self) -> None:
        self.service = Service(self)

    async def apply(self, *manifests: dict[str, Any]) -> None:
        """`kubectl apply -f` of the manifests as one file."""
        text = yaml.safe_dump_all(manifests, sort_keys=False)
        await asyncio.to_thread(kubectl, self.plane, "apply", "-n", self.namespace, "-f", "-", text=text)

    async def memory(self, name: str = "support") -> Manifest:
        return await self.api.get(MEMORY, self.namespace, name)

    async def child(self, kind: Kind, name: str) -> Manifest:
        return await self.api.get(kind, self.namespace, name)

    async def delete(self, kind: Kind, name: str) -> None:
        """Delete an object and do not wait."""
        await self.api.delete(await self.api.get(kind, self.namespace, name), kind)

    async def children(self) -> dict[str, Manifest]:
        """Everything that the operator made, by `Kind/name`."""
        found = {}
        for kind in CHILD_KINDS:
            for item in (await self.api.list(kind, self.namespace, labels=OWN_SELECTOR)).items:
                found[f"{kind.name}/{item['metadata']['name']}"] = item
        return found

    async def condition(self, kind: str, name: str = "support", of: Kind = MEMORY) -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty when it is not there."""
        thing = await self.api.get(of, self.namespace, name)
        for one in thing.get("status", {}).get("conditions", []):
            if one["type"] == kind and thing["status"]["observedGeneration"] == thing["metadata"]["generation"]:
                return one["status"], one["reason"], one["message"]
        return "", "", ""

    async def ready(self, name: str = "support") -> None:
        """Wait until a Memory is Ready."""

        async def is_ready() -> bool:
            told = await self.condition("Ready", name)
            assert told[0] == "True", told
            return True

        await until(f"{name} is Ready", is_ready)

    def writes(self) -> list[str]:
        """What the operator wrote in this namespace so far, from the API server's audit log: `verb resource/name`."""
        lines = [json.loads(line) for line in self.plane.audit_log.read_text().splitlines()]
        return [
            f"{line['verb']} {line['objectRef']['resource']}/{line['objectRef'].get('name', '')}"
            for line in lines
            if line["objectRef"].get("namespace") == self.namespace and line["user"]["username"] == USER
        ]


async def until(what: str, check: Callable[[], Awaitable[T]], within: float = 20.0) -> T:
    """Ask until the answer is true; fail with the last complaint."""
    deadline, last = time.monotonic() + within, "it answered nothing"
    while time.monotonic() < deadline:
        try:
            if answer := await check():
                return answer
        except (AssertionError, ApiError, KeyError) as error:
            last = str(error)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what}: not within {within:.0f} s; {last}")


async def _boot(world: World, over: asyncio.Event) -> None:
    """Be the kubelet of the namespace until it is over: every pod gets an address and is Ready.

    Told, not cancelled: asyncio of Python 3.11 leaves the socket open when a connection is given up within its TLS
    handshake.
    """
    ready = [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]
    while not over.is_set():
        try:
            pods = (await world.api.list(POD, world.namespace)).items if world.boots else ()
            for pod in pods:
                if not is_leaving(pod) and not pod["status"].get("podIP"):
                    status = {"phase": "Running", "conditions": ready, "podIP": world.address}
                    status["podIPs"] = [{"ip": world.address}]
                    await world.api.patch(pod, POD, {"status": status}, subresource="status")
        except (NotFound, Conflict):
            pass  # the pod went meanwhile
        await asyncio.sleep(0.1)


@pytest.fixture
async def world(plane: Handle, operator_process: Process) -> AsyncIterator[World]:
    """A fresh tenant that the operator serves, on a node that boots its pods."""
    api = await connect(str(plane.kubeconfig), Metrics(CollectorRegistry()))
    api._client.user_agent = "tests"
    tenant = World(next(_free), api, plane, address=f"127.77.{os.getpid() % 250}.{next(_addresses)}")
    app = web.Application()
    app.add_routes([web.get("/loaded", tenant.service.loaded)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, tenant.address, names.PORT_MANAGEMENT).start()
    over = asyncio.Event()
    kubelet = asyncio.create_task(_boot(tenant, over))
    yield tenant
    over.set()
    await asyncio.gather(kubelet, return_exceptions=True)
    await runner.cleanup()
    await api.close()


def secret_values(secret: Manifest) -> dict[str, str]:
    """The decoded data of a Secret."""
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


__all__ = ["JSON_PATCH", "TENANT", "Process", "World", "secret_values", "until"]
