"""PURE: what has to be written so that the tenant has what is desired.

| live                          | desired | what happens                                                        |
|-------------------------------|---------|---------------------------------------------------------------------|
| absent                        | yes     | apply                                                               |
| being deleted                 | yes     | nothing: it is made again when it is gone                           |
| claim smaller than desired    | yes     | grow: the claim first, then the workload is made anew around its pod |
| another hash                  | yes     | apply                                                               |
| same hash, says less          | yes     | apply: drift                                                        |
| same hash, says all           | yes     | nothing                                                             |
| ours by label                 | no      | prune                                                               |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memory_crd import names, quantities

from memory_operator.containment import contains
from memory_operator.kinds import STATEFUL_SET, Manifest
from memory_operator.observed import ChildKey, Inventory, Observed, is_leaving, ready_service_pods


@dataclass(frozen=True)
class Change:
    """A manifest to apply; `drift` when somebody else is the reason."""

    manifest: Manifest
    drift: bool = False


@dataclass(frozen=True)
class Growth:
    """A store whose volume is to grow: the live workload, the name of its claim, and the size."""

    workload: Manifest
    claim: str
    size: str


@dataclass(frozen=True)
class Plan:
    """What to write. Nothing at all in a steady state."""

    apply: tuple[Change, ...] = ()
    grow: tuple[Growth, ...] = ()
    prune: tuple[Manifest, ...] = ()
    prompt: tuple[Manifest, ...] = ()
    """Service pods to be told by an annotation that their definitions changed, so that kubelet looks at once."""
    digest: str = ""
    """What the pods are prompted with."""

    def __bool__(self) -> bool:
        return bool(self.apply or self.grow or self.prune or self.prompt)


def diff(desired: Iterable[Manifest], observed: Observed, digest: str) -> Plan:
    """Return the plan for a tenant; `digest` is that of the desired definitions."""
    inventory = observed.inventory
    wanted = {key_of(manifest): manifest for manifest in desired}
    growth = [one for key, manifest in wanted.items() if (one := _growth(manifest, inventory.children.get(key)))]
    growing = {key_of(one.workload) for one in growth}
    changes = [
        change for key, manifest in wanted.items() if key not in growing and (change := _change(manifest, inventory))
    ]
    prune = [live for key, live in inventory.children.items() if key not in wanted and not is_leaving(live)]
    return Plan(tuple(changes), tuple(growth), tuple(prune), _prompts(observed, digest), digest)


def key_of(manifest: Manifest) -> ChildKey:
    """Return what a child goes by."""
    return manifest["kind"], manifest["metadata"]["name"]


def _change(desired: Manifest, inventory: Inventory) -> Change | None:
    live = inventory.children.get(key_of(desired))
    if live is None:
        return Change(desired, drift=key_of(desired) in inventory.lost)
    if is_leaving(live):
        return None
    if _hash(live) != _hash(desired):
        return Change(desired)
    return None if contains(live, desired) else Change(desired, drift=True)


def _hash(manifest: Manifest) -> str | None:
    annotations: Mapping[str, str] = manifest["metadata"].get("annotations") or {}
    return annotations.get(names.ANNOTATION_APPLIED_HASH)


def _growth(desired: Manifest, live: Manifest | None) -> Growth | None:
    if live is None or desired["kind"] != STATEFUL_SET.name or is_leaving(live):
        return None
    wanted, held = _size(desired), _size(live)
    if wanted is None or held is None or quantities.parse(wanted) <= quantities.parse(held):
        return None
    # One replica a store, so one claim: <template>-<workload>-0.
    return Growth(live, f"{names.VOLUME_CLAIM}-{live['metadata']['name']}-0", wanted)


def _size(manifest: Manifest) -> str | None:
    templates: list[Any] = manifest["spec"].get("volumeClaimTemplates") or []
    return str(templates[0]["spec"]["resources"]["requests"]["storage"]) if templates else None


def _prompts(observed: Observed, digest: str) -> tuple[Manifest, ...]:
    """Pods that have neither loaded the definitions nor been told that there are new ones."""
    loaded = {report.pod for report in observed.reports if report.digest == digest}
    return tuple(
        pod
        for pod in ready_service_pods(observed.inventory)
        if pod["metadata"]["name"] not in loaded
        and (pod["metadata"].get("annotations") or {}).get(names.ANNOTATION_DEFINITIONS_HASH) != digest
    )
