"""The objects the operator knows of, fed by watches and repaired by LISTs. No I/O here.

An entry is replaced only by a newer resourceVersion, so a late event never undoes what an own write returned; a
deletion leaves a tombstone for the same reason. What nobody reads is cut off on the way in.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from memory_operator.kinds import Kind, Manifest

_UNREAD_METADATA: Final = ("managedFields", "generateName", "selfLink")


def trim(manifest: Manifest) -> Manifest:
    """Return the manifest without what the operator never reads (pure)."""
    metadata = {key: value for key, value in manifest.get("metadata", {}).items() if key not in _UNREAD_METADATA}
    kept: dict[str, Any] = {**manifest, "metadata": metadata}
    if kept.get("kind") == "Pod":
        # Pods are read for their place in the world, not for what they run.
        kept = {key: value for key, value in kept.items() if key != "spec"}
    return kept


def version(manifest: Manifest) -> int:
    """The resourceVersion as a number: the API server orders them (Kubernetes KEP 5504)."""
    return int(manifest["metadata"].get("resourceVersion") or 0)


class Cache:
    """Objects by kind, tenant and name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects: dict[str, dict[str, dict[str, Manifest]]] = {}
        self._tombstones: dict[tuple[str, str, str], int] = {}
        self._agreed: dict[str, float] = {}

    def store(self, kind: Kind, manifest: Manifest) -> bool:
        """Remember the object unless a newer one is known; tell whether it was news."""
        tenant, name = _place(manifest)
        known = self._objects.get(kind.name, {}).get(tenant, {}).get(name)
        newest = version(known) if known is not None else self._tombstones.get((kind.name, tenant, name), -1)
        if version(manifest) <= newest:
            return False
        objects = self._objects.setdefault(kind.name, {}).setdefault(tenant, {})
        objects[name] = trim({"apiVersion": kind.api_version, "kind": kind.name, **manifest})
        return True

    def remove(self, kind: Kind, manifest: Manifest) -> None:
        """Forget an object that was deleted, unless it has been made again since."""
        tenant, name = _place(manifest)
        known = self._objects.get(kind.name, {}).get(tenant, {}).get(name)
        if known is None or version(known) <= version(manifest):
            self._drop(kind, tenant, name)
            self._tombstones[kind.name, tenant, name] = version(manifest)

    def replace(
        self, kind: Kind, manifests: Iterable[Manifest], at: int, *, tenant: str | None = None, name: str | None = None
    ) -> set[str]:
        """Take a LIST made at resourceVersion `at` as the truth; return the tenants in which it was news.

        `tenant` and `name` say what the LIST was limited to; None stands for all. What is newer than the LIST stays.
        """
        listed = list(manifests)
        changed = {_place(manifest)[0] for manifest in listed if self.store(kind, manifest)}
        present = {_place(manifest) for manifest in listed}
        for known in list(self.all(kind)):
            place = _place(known)
            covered = tenant in (None, place[0]) and name in (None, place[1])
            if covered and place not in present and version(known) <= at:
                self._drop(kind, *place)
                changed.add(place[0])
        for key in [key for key, when in self._tombstones.items() if key[0] == kind.name and when <= at]:
            del self._tombstones[key]
        self.agree(kind)
        return changed

    def _drop(self, kind: Kind, tenant: str, name: str) -> None:
        tenants = self._objects.get(kind.name, {})
        objects = tenants.get(tenant, {})
        objects.pop(name, None)
        if not objects:
            tenants.pop(tenant, None)

    def agree(self, kind: Kind) -> None:
        """Note that the cache of this kind agreed with the API server just now."""
        self._agreed[kind.name] = self._clock()

    def ages(self) -> dict[str, float]:
        """Seconds since each kind last agreed."""
        now = self._clock()
        return {kind: now - when for kind, when in self._agreed.items()}

    def of(self, kind: Kind, tenant: str) -> list[Manifest]:
        """The objects of a kind in a tenant, by name."""
        return [manifest for _, manifest in sorted(self._objects.get(kind.name, {}).get(tenant, {}).items())]

    def all(self, kind: Kind) -> Iterator[Manifest]:
        """The objects of a kind in all tenants."""
        for objects in self._objects.get(kind.name, {}).values():
            yield from objects.values()

    def buried(self, kind: Kind, tenant: str) -> set[str]:
        """Names of a kind that were deleted in a tenant since the last LIST."""
        return {name for kind_name, where, name in self._tombstones if (kind_name, where) == (kind.name, tenant)}

    def tenants(self) -> set[str]:
        """Every namespace that holds anything we know of."""
        return {tenant for tenants in self._objects.values() for tenant in tenants}


def _place(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace") or "", manifest["metadata"]["name"]
