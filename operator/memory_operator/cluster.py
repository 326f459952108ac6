"""The ports of the operator: what a reconciliation asks of the world. Errors are those of `memory_operator.errors`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from memory_operator.kinds import Manifest
from memory_operator.observed import Inventory
from memory_operator.reports import PodReport


@dataclass(frozen=True)
class Notice:
    """A Kubernetes Event: about which object, why, and a sentence. `alarming` makes it a Warning."""

    about: Manifest
    reason: str
    message: str
    alarming: bool = False


class Cluster(Protocol):
    """The API server, one tenant at a time."""

    def known(self, tenant: str) -> Inventory:
        """Return what the cache has of a tenant."""
        ...

    async def read(self, tenant: str) -> Inventory:
        """Return what the API server has of a tenant, by LISTs that all answered; the cache learns it too."""
        ...

    async def apply(self, manifest: Manifest) -> None:
        """Server-side apply a child; raise Refused, NamespaceEnds, Unavailable."""
        ...

    async def create(self, manifest: Manifest) -> None:
        """Create a child that must not exist yet; raise Conflict when it does."""
        ...

    async def delete(self, manifest: Manifest, *, orphan: bool = False) -> None:
        """Delete this very child, its dependents too unless `orphan`; one that is gone already is fine."""
        ...

    async def prompt(self, pod: Manifest, annotation: str, value: str) -> None:
        """Annotate a pod, which makes its kubelet look at its volumes at once; one that is gone already is fine."""
        ...

    async def grow_claim(self, tenant: str, claim: str, size: str) -> None:
        """Ask for a larger volume; raise Refused when its class cannot. A claim that does not exist is fine."""
        ...

    async def set_volume_policy(self, workload: Manifest, policy: str) -> None:
        """Say what becomes of a store's volumes when it is deleted: Retain or Delete."""
        ...

    async def set_finalizer(self, memory: Manifest, *, present: bool) -> None:
        """Add or remove our finalizer, unless the Memory changed since (Conflict); one that is gone is fine."""
        ...

    async def patch_status(self, manifest: Manifest, status: dict[str, Any]) -> None:
        """Replace the status of this very Memory or MemoryTenant; one that is gone already is fine."""
        ...

    async def namespace_ends(self, tenant: str) -> bool:
        """Tell whether the namespace is being deleted, or gone."""
        ...

    async def record(self, notice: Notice) -> None:
        """Write an Event; failing to is no failure."""
        ...


class ServicePods(Protocol):
    """The service pods of a tenant, each asked for what it has loaded."""

    async def ask(self, pods: Iterable[Manifest]) -> tuple[PodReport, ...]:
        """Return one report a pod, in order of name; never raises."""
        ...
