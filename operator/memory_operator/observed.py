"""PURE values: everything that was read about a tenant before anything is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from memory_crd import names

from memory_operator.credentials import Credentials
from memory_operator.kinds import Manifest
from memory_operator.reports import PodReport

ChildKey = tuple[str, str]
"""Kind and name of a child."""


@dataclass(frozen=True)
class Inventory:
    """The objects of one tenant, as the cache or the API server has them."""

    memories: tuple[Manifest, ...] = ()
    tenant: Manifest | None = None
    children: Mapping[ChildKey, Manifest] = field(default_factory=dict)
    pods: tuple[Manifest, ...] = ()
    lost: frozenset[ChildKey] = frozenset()
    """Children that somebody deleted since the last LIST."""

    def child(self, kind: str, name: str) -> Manifest | None:
        """Return the child, or None when there is none."""
        return self.children.get((kind, name))


@dataclass(frozen=True)
class Refusal:
    """An object that the API server refused to take, in its own words."""

    kind: str
    name: str
    message: str


@dataclass(frozen=True)
class Observed:
    """All that render, plan and the judge may know of one tenant."""

    namespace: str
    inventory: Inventory
    credentials: Credentials
    reports: tuple[PodReport, ...] = ()
    refusals: tuple[Refusal, ...] = ()


SERVICE_POD: Final = names.COMPONENT_SERVICE


def component(manifest: Manifest) -> str:
    """Return which component a child belongs to."""
    return str((manifest["metadata"].get("labels") or {}).get(names.LABEL_COMPONENT) or "")


def is_leaving(manifest: Manifest) -> bool:
    """Tell whether the object is being deleted."""
    return bool(manifest["metadata"].get("deletionTimestamp"))


def is_ready(pod: Manifest) -> bool:
    """Tell whether a pod is Ready and stays."""
    conditions: list[Mapping[str, Any]] = (pod.get("status") or {}).get("conditions") or []
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return ready and not is_leaving(pod)


def pods_of(inventory: Inventory, name: str) -> list[Manifest]:
    """Return the pods of a component."""
    return [pod for pod in inventory.pods if component(pod) == name]


def ready_service_pods(inventory: Inventory) -> list[Manifest]:
    """Return the service pods that get traffic and can be asked: Ready, staying, with an address."""
    pods = pods_of(inventory, SERVICE_POD)
    return [pod for pod in pods if is_ready(pod) and (pod.get("status") or {}).get("podIP")]
