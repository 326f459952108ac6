"""A tenant of an example, rendered: what most tests of render start from."""

from __future__ import annotations

from typing import Any

from memory_crd import names
from memory_crd.tenant import MemoryTenant, resolve
from memory_operator.kinds import Manifest
from memory_operator.observed import Inventory
from memory_operator.render import render
from memory_operator.roster import Roster, enrol
from memory_operator.settings import Settings

from tests.memory_operator.builders import NAMESPACE, SETTINGS, example, inventory, memory, observed, tenant_manifest

EXAMPLES = {
    "support-agent": ("support-agent.yaml",),
    "all": ("all.yaml",),
    "research-on-a-larger-tenant": ("research-openai.yaml", "tenant.yaml"),
}


def rendered(what: Inventory, *, settings: Settings = SETTINGS, namespace: str = NAMESPACE) -> list[Manifest]:
    """What the tenant with these Memories and this MemoryTenant should have."""
    tenant = resolve(namespace, MemoryTenant.parse(what.tenant) if what.tenant else None, settings.defaults)
    return render(tenant, roster(what), observed(what), settings)


def roster(what: Inventory) -> Roster:
    """The roster of a tenant whose pods said nothing."""
    return enrol(what, ())


def of_example(name: str) -> Inventory:
    """The tenant that an example declares."""
    memories = [one for file in EXAMPLES[name] for one in example(file)]
    tenants = [one for file in EXAMPLES[name] for one in example(file, names.TENANT_KIND)]
    return inventory(*memories, tenant=tenants[0] if tenants else None)


def declared(*memories: Any, **tenant: Any) -> Inventory:
    """A tenant with these Memories (or one), and a MemoryTenant of these fields."""
    return inventory(*(memories or [memory()]), tenant=tenant_manifest(**tenant) if tenant else None)


def the(kind: str, name: str, manifests: list[Manifest]) -> Any:
    """The one manifest of that kind and name."""
    [found] = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def keys(manifests: list[Manifest]) -> set[str]:
    """`Kind/name` of each manifest."""
    return {f"{one['kind']}/{one['metadata']['name']}" for one in manifests}


def templates(manifests: list[Manifest]) -> dict[str, Any]:
    """The pod template of each workload, by name."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in manifests
        if one["kind"] in ("StatefulSet", "Deployment")
    }


def containers(manifests: list[Manifest]) -> dict[str, Any]:
    """Each container of each workload, by `workload/container`."""
    return {
        f"{name}/{container['name']}": container
        for name, template in templates(manifests).items()
        for container in template["spec"]["containers"]
    }
