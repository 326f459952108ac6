"""Object mothers: valid objects of a tenant, of which a test changes only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from memory_crd import definitions, names
from memory_crd.definitions import Entry
from memory_crd.memory import Memory
from memory_crd.tenant import MemoryTenant, Tenant, resolve
from memory_operator.credentials import GENERATED, Credentials
from memory_operator.kinds import CHILD_KINDS, CONFIG_MAP, Manifest
from memory_operator.observed import Inventory, Observed
from memory_operator.plan import key_of
from memory_operator.reports import Check, MemoryReport, PodReport
from memory_operator.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMESPACE = "acme"
SETTINGS = Settings(image="memory-platform:1", own_namespace="memory-platform")
CREDENTIALS = Credentials({key: f"{key}-value" for key in GENERATED})
NOW = "2026-01-02T03:04:05Z"


def memory(name: str = "support", *, generation: int = 1, going: bool = False, **changes: Any) -> dict[str, Any]:
    """A Memory on volumes as the API server has it. `changes` go into spec, or metadata for keys that belong there."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "generation": generation,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    for key in ("uid", "creationTimestamp", "finalizers", "annotations"):
        if key in changes:
            metadata[key] = changes.pop(key)
    if going:
        metadata["deletionTimestamp"] = NOW
    spec = {"storage": {"use": "redis"}, "vector": {"use": "qdrant", "dimensions": 384}, **changes}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MEMORY_KIND,
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is not None},
        "status": {"observedGeneration": -1},
    }


def tenant_manifest(**spec: Any) -> dict[str, Any]:
    """A MemoryTenant as the API server has it."""
    metadata = {"name": "default", "namespace": NAMESPACE, "uid": "uid-tenant", "generation": 1, "resourceVersion": "1"}
    return {"apiVersion": names.API_VERSION, "kind": names.TENANT_KIND, "metadata": metadata, "spec": spec}


def tenant(**spec: Any) -> Tenant:
    """What a tenant runs on, with a MemoryTenant of this spec."""
    return resolve(NAMESPACE, MemoryTenant.parse(tenant_manifest(**spec)))


def entry(manifest: Mapping[str, Any], state: Any = "active") -> Entry:
    """The entry that a manifest becomes."""
    return definitions.of_memory(Memory.parse(manifest), state)


def config_maps(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The live ConfigMaps that hold these entries."""
    return [
        {
            "apiVersion": "v1",
            "kind": CONFIG_MAP.name,
            "metadata": {"name": names.definitions_config_map(shard), "namespace": NAMESPACE},
            "data": data,
        }
        for shard, data in definitions.dump(entries).items()
        if data
    ]


def pod(name: str = "memory-1", component: str = names.COMPONENT_SERVICE, **changes: Any) -> dict[str, Any]:
    """A Ready pod of a component; `ready=False`, `going=True`, `annotations`, `waiting`, `unscheduled` change that."""
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "resourceVersion": "1"}
    metadata |= {"labels": names.labels(NAMESPACE, component), "annotations": changes.get("annotations", {})}
    if changes.get("going"):
        metadata["deletionTimestamp"] = NOW
    conditions = [{"type": "Ready", "status": "True" if changes.get("ready", True) else "False"}]
    if "unscheduled" in changes:
        conditions.append({"type": "PodScheduled", "status": "False", "message": changes["unscheduled"]})
    statuses = []
    if "waiting" in changes:
        statuses = [{"name": "main", "image": "image:1", "state": {"waiting": {"reason": changes["waiting"]}}}]
    status = {"podIP": changes.get("ip", "10.0.0.1"), "conditions": conditions, "containerStatuses": statuses}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def live(manifest: Manifest, *, up: bool = True) -> dict[str, Any]:
    """A child as the API server has it after its controllers did their work."""
    metadata = {**manifest["metadata"], "uid": f"uid-{manifest['metadata']['name']}", "generation": 1}
    metadata["resourceVersion"] = "1"
    status: dict[str, Any] = {}
    if manifest["kind"] == "StatefulSet":
        status = {"observedGeneration": 1, "readyReplicas": int(up), "currentRevision": "a", "updateRevision": "a"}
    if manifest["kind"] == "Deployment":
        replicas = manifest["spec"]["replicas"]
        status = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas}
        status["readyReplicas"] = replicas if up else 0
    return {**manifest, "metadata": metadata, **({"status": status} if status else {})}


def inventory(
    *memories: Mapping[str, Any],
    children: Iterable[Manifest] = (),
    pods: Iterable[Manifest] = (),
    tenant: Mapping[str, Any] | None = None,
) -> Inventory:
    """What is known of a tenant."""
    return Inventory(tuple(memories), tenant, {key_of(child): child for child in children}, tuple(pods))


def observed(what: Inventory, *reports: PodReport) -> Observed:
    """Everything that was read."""
    return Observed(NAMESPACE, what, CREDENTIALS, reports)


def report(name: str = "memory-1", digest: str = "", **memories: MemoryReport) -> PodReport:
    """What a pod says; keyword names are those of Memories, whose uid is `uid-<name>`."""
    return PodReport(name, digest, {f"uid-{key}": told for key, told in memories.items()})


def serving(generation: int = 1, **checks: Check) -> MemoryReport:
    """A memory that is served well, but for these checks."""
    fine = {part: Check("ok") for part in ("storage", "vector", "embedder")}
    return MemoryReport(generation, "active", fine | checks)


def example(file: str, kind: str = names.MEMORY_KIND) -> list[dict[str, Any]]:
    """The resources of one kind in an example, as the API server would have them."""
    documents = [one for one in yaml.safe_load_all((EXAMPLES / file).read_text()) if one and one["kind"] == kind]
    for document in documents:
        name = document["metadata"]["name"]
        document["metadata"] |= {"namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return documents


KIND_NAMES = tuple(kind.name for kind in CHILD_KINDS)
