"""A cluster in memory, for what a real API server does not do on demand: refuse, fail, be behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memory_crd import names
from memory_operator.cluster import Notice
from memory_operator.errors import ApiError
from memory_operator.kinds import Manifest
from memory_operator.observed import Inventory
from memory_operator.plan import key_of
from memory_operator.reports import PodReport

from tests.memory_operator.builders import inventory, live


class FakeCluster:
    """Takes what it is given and remembers every write; `faults` maps `verb name` to the error raised instead."""

    def __init__(self, what: Inventory | None = None) -> None:
        self.now = what or inventory()
        self.behind: Inventory | None = None
        """What the cache says, if it is not what there is."""
        self.writes: list[str] = []
        self.statuses: dict[str, dict[str, Any]] = {}
        self.notices: list[Notice] = []
        self.faults: dict[str, ApiError] = {}
        self.ends = False

    def known(self, tenant: str) -> Inventory:
        return self.behind or self.now

    async def read(self, tenant: str) -> Inventory:
        self._fault("read", tenant)
        self.behind = None
        return self.now

    async def apply(self, manifest: Manifest) -> None:
        self._write("apply", manifest)
        self._store(live(manifest))

    async def create(self, manifest: Manifest) -> None:
        self._write("create", manifest)
        self._store(live(manifest))

    async def delete(self, manifest: Manifest, *, orphan: bool = False) -> None:
        self._write("orphan" if orphan else "delete", manifest)
        self.now = replace(self.now, children={k: c for k, c in self.now.children.items() if k != key_of(manifest)})

    async def prompt(self, pod: Manifest, annotation: str, value: str) -> None:
        self._write("prompt", pod)

    async def grow_claim(self, tenant: str, claim: str, size: str) -> None:
        self._fault("grow", claim)
        self.writes.append(f"grow {claim} {size}")

    async def set_volume_policy(self, workload: Manifest, policy: str) -> None:
        self._write(f"keep:{policy}", workload)
        said = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": policy}}
        metadata = {**workload["metadata"], "generation": workload["metadata"]["generation"] + 1}
        self._store({**workload, "metadata": metadata, "spec": {**workload["spec"], **said}})

    async def set_finalizer(self, memory: Manifest, *, present: bool) -> None:
        self._write("guard" if present else "release", memory)
        self._edit(memory, finalizers=[names.FINALIZER] if present else [])

    async def patch_status(self, manifest: Manifest, status: dict[str, Any]) -> None:
        self._write("status", manifest)
        self.statuses[manifest["metadata"]["name"]] = status
        if manifest["kind"] == names.TENANT_KIND:
            self.now = replace(self.now, tenant={**manifest, "status": status})
        else:
            memories = [{**m, "status": status} if _same(m, manifest) else m for m in self.now.memories]
            self.now = replace(self.now, memories=tuple(memories))

    async def namespace_ends(self, tenant: str) -> bool:
        return self.ends

    async def record(self, notice: Notice) -> None:
        self.notices.append(notice)

    def noticed(self) -> None:
        """The controllers see every change."""
        children = {
            key: {**child, "status": {**child.get("status", {}), "observedGeneration": child["metadata"]["generation"]}}
            for key, child in self.now.children.items()
        }
        self.now = replace(self.now, children=children)

    def _write(self, verb: str, manifest: Manifest) -> None:
        self._fault(verb, manifest["metadata"]["name"])
        self.writes.append(f"{verb} {manifest['kind']}/{manifest['metadata']['name']}")

    def _fault(self, verb: str, name: str) -> None:
        fault = self.faults.get(f"{verb} {name}")
        if fault:
            raise fault

    def _store(self, manifest: Manifest) -> None:
        self.now = replace(self.now, children={**self.now.children, key_of(manifest): manifest})

    def _edit(self, memory: Manifest, **metadata: Any) -> None:
        memories = [
            {**m, "metadata": {**m["metadata"], **metadata}} if _same(m, memory) else m for m in self.now.memories
        ]
        self.now = replace(self.now, memories=tuple(memories))


def _same(one: Manifest, other: Manifest) -> bool:
    return bool(one["metadata"]["name"] == other["metadata"]["name"])


class FakePods:
    """Service pods that say what a test wants."""

    def __init__(self, *reports: PodReport) -> None:
        self.reports = reports

    async def ask(self, pods: Iterable[Manifest]) -> tuple[PodReport, ...]:
        return self.reports
