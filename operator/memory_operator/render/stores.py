"""PURE: what the four store workloads have in common, and which of them a tenant needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from memory_crd import names, quantities
from memory_crd.definitions import Entry
from memory_crd.tenant import Volume

from memory_operator.kinds import STATEFUL_SET, Manifest
from memory_operator.observed import Inventory
from memory_operator.render.metadata import Context, child
from memory_operator.stores import STORES, Store


def needed(entries: Iterable[Entry], inventory: Inventory) -> tuple[Store, ...]:
    """Return the stores that some definition uses, and durable ones that exist.

    A durable store goes only with the tenant's last Memory: a definition that got lost must not cost a volume.
    """
    uses = {
        (slot, (entry.definition.get(slot) or {}).get("use")) for entry in entries for slot in ("storage", "vector")
    }
    return tuple(
        store
        for store in STORES
        if (store.slot, store.use) in uses or (store.durable and inventory.child(STATEFUL_SET.name, store.name))
    )


def stateful_set(context: Context, store: Store, template: Mapping[str, Any], claim: Any | None) -> dict[str, Any]:
    """Return the workload of a store; `claim` is its volume, None for an ephemeral one."""
    spec: dict[str, Any] = {
        "serviceName": store.name,
        "replicas": 1,
        # OrderedReady never recovers from a bad image by itself, and the field cannot be changed later.
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": names.selector(context.namespace, store.component)},
        "template": template,
    }
    if claim is not None:
        spec["volumeClaimTemplates"] = [claim]
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": context.spec.deletion_policy,
            "whenScaled": "Retain",
        }
    return child(STATEFUL_SET, store.name, context.namespace, store.component, spec=spec)


def claim(context: Context, store: Store, storage: Volume, inventory: Inventory) -> dict[str, Any] | None:
    """Return the claim of a durable store: its size never shrinks and its class never changes once it exists."""
    if not store.durable:
        return None
    live = live_claim(inventory, store.name)
    size, class_name = str(storage.size), storage.class_name
    if live is not None:
        class_name = live["spec"].get("storageClassName")
        held = live["spec"]["resources"]["requests"]["storage"]
        size = size if quantities.parse(size) >= quantities.parse(held) else held
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if class_name:
        spec["storageClassName"] = class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": names.VOLUME_CLAIM, "labels": names.selector(context.namespace, store.component)},
        "spec": spec,
    }


def live_claim(inventory: Inventory, name: str) -> Manifest | None:
    """Return the claim template that a store was made with, or None when it does not exist."""
    live = inventory.child(STATEFUL_SET.name, name)
    templates = (live or {}).get("spec", {}).get("volumeClaimTemplates") or ()
    return templates[0] if templates else None


def data_volume(store: Store) -> list[dict[str, Any]]:
    """Return the volume in place of the claim for an ephemeral store; a durable one gets its own by claim."""
    return [] if store.durable else [{"name": names.VOLUME_CLAIM, "emptyDir": {}}]
