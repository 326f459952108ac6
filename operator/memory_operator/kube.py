"""The adapter of the port Cluster: the API server behind a cache that watches feed."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from memory_crd import names

from memory_operator.api import JSON_PATCH, ApiServer, Listing
from memory_operator.cache import Cache
from memory_operator.cluster import Notice
from memory_operator.errors import ApiError, Conflict, NotFound, Refused
from memory_operator.kinds import (
    CHILD_KINDS,
    EVENT,
    LABELLED,
    MEMORY,
    NAMESPACE,
    OWN_SELECTOR,
    POD,
    SECRET,
    SECRET_NAMES,
    STATEFUL_SET,
    TENANT,
    VOLUME_CLAIM,
    Kind,
    Manifest,
    kind_of,
)
from memory_operator.observed import ChildKey, Inventory

log = logging.getLogger(__name__)

INVALID: Final = 422
DEFAULT_NAMESPACE: Final = "default"
"""Where Events about objects outside of namespaces live."""


class KubeCluster:
    """Reads come from the cache unless they decide over something's end; every answer to a write goes into it."""

    def __init__(self, api: ApiServer, cache: Cache, now: Callable[[], str]) -> None:
        self._api = api
        self._cache = cache
        self._now = now

    # --- reads --------------------------------------------------------------------------------------------------------

    def known(self, tenant: str) -> Inventory:
        """Return what the cache has of a tenant."""
        cache = self._cache
        children = {
            (kind.name, child["metadata"]["name"]): child for kind in CHILD_KINDS for child in cache.of(kind, tenant)
        }
        tenants = [one for one in cache.of(TENANT, tenant) if one["metadata"]["name"] == names.TENANT_OBJECT]
        return Inventory(
            memories=tuple(cache.of(MEMORY, tenant)),
            tenant=tenants[0] if tenants else None,
            children=children,
            pods=tuple(cache.of(POD, tenant)),
            lost=self._lost(tenant),
        )

    def _lost(self, tenant: str) -> frozenset[ChildKey]:
        # Definitions come and go with their Memories: their absence is no loss.
        return frozenset(
            (kind.name, name)
            for kind in CHILD_KINDS
            for name in self._cache.buried(kind, tenant)
            if name not in names.DEFINITION_CONFIG_MAPS
        )

    async def read(self, tenant: str) -> Inventory:
        """Return what the API server has of a tenant; raise unless every LIST answered."""
        await asyncio.gather(
            *(self.relist(kind, tenant) for kind in (MEMORY, TENANT, *LABELLED)), self._read_secrets(tenant)
        )
        return self.known(tenant)

    async def relist(self, kind: Kind, tenant: str | None) -> set[str]:
        """LIST a kind (Secrets excepted) and repair the cache; return the tenants in which something was news."""
        labels = OWN_SELECTOR if kind in LABELLED else ""
        listing = await self._api.list(kind, tenant, labels=labels)
        return self._cache.replace(kind, listing.items, listing.at, tenant=tenant)

    async def relist_secret(self, name: str, tenant: str | None) -> tuple[Listing, set[str]]:
        """LIST the Secrets of one name and repair the cache; return the answer and the tenants with news."""
        listing = await self._api.list(SECRET, tenant, name=name)
        ours = [secret for secret in listing.items if is_ours(secret)]
        return listing, self._cache.replace(SECRET, ours, listing.at, tenant=tenant, name=name)

    async def _read_secrets(self, tenant: str) -> None:
        for name in SECRET_NAMES:
            await self.relist_secret(name, tenant)

    async def namespace_ends(self, tenant: str) -> bool:
        """Tell whether the namespace is being deleted, or gone."""
        try:
            namespace = await self._api.get(NAMESPACE, None, tenant)
        except NotFound:
            return True
        return "deletionTimestamp" in namespace["metadata"]

    # --- writes -------------------------------------------------------------------------------------------------------

    async def apply(self, manifest: Manifest) -> None:
        """Server-side apply; where others' fields are in the way, put ours over them by a merge patch."""
        kind = kind_of(manifest)
        try:
            answer = await self._api.apply(manifest, kind)
        except Refused as refused:
            if refused.status != INVALID:
                raise
            # Lists merge in an apply: an element that somebody added may make the whole invalid. A merge patch
            # replaces lists. It creates nothing, and what is invalid by itself is refused again.
            try:
                answer = await self._api.patch(manifest, kind, manifest)
            except ApiError:
                raise refused from None
        self._cache.store(kind, answer)

    async def create(self, manifest: Manifest) -> None:
        """Create what must not exist yet."""
        kind = kind_of(manifest)
        self._cache.store(kind, await self._api.create(manifest, kind))

    async def delete(self, manifest: Manifest, *, orphan: bool = False) -> None:
        """Delete this very child."""
        kind = kind_of(manifest)
        try:
            await self._api.delete(manifest, kind, propagation="Orphan" if orphan else "Background")
        except (NotFound, Conflict):
            log.info("%s %s was gone already", kind.name, manifest["metadata"]["name"])

    async def prompt(self, pod: Manifest, annotation: str, value: str) -> None:
        """Patch the pod's annotation."""
        body = {"metadata": {"annotations": {annotation: value}}}
        try:
            self._cache.store(POD, await self._api.patch(pod, POD, body))
        except NotFound:
            log.debug("pod %s is gone", pod["metadata"]["name"])

    async def grow_claim(self, tenant: str, claim: str, size: str) -> None:
        """Ask for a larger volume."""
        target = {"metadata": {"namespace": tenant, "name": claim}}
        try:
            await self._api.patch(target, VOLUME_CLAIM, {"spec": {"resources": {"requests": {"storage": size}}}})
        except NotFound:
            log.info("%s: claim %s does not exist yet", tenant, claim)

    async def set_volume_policy(self, workload: Manifest, policy: str) -> None:
        """Say what becomes of the volumes."""
        said = {"whenDeleted": policy, "whenScaled": "Retain"}
        body = {"spec": {"persistentVolumeClaimRetentionPolicy": said}}
        self._cache.store(STATEFUL_SET, await self._api.patch(workload, STATEFUL_SET, body))

    async def set_finalizer(self, memory: Manifest, *, present: bool) -> None:
        """Change the list of finalizers under a test of the resourceVersion, so that nobody else's is lost."""
        metadata = self._newest(memory)["metadata"]
        others = [name for name in metadata.get("finalizers") or () if name != names.FINALIZER]
        changes = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/metadata/finalizers", "value": [*others, names.FINALIZER] if present else others},
        ]
        with suppress(NotFound):
            self._cache.store(MEMORY, await self._patch_same(memory, MEMORY, changes))

    def _newest(self, memory: Manifest) -> Manifest:
        """The same Memory as the last answer to a write of ours has it."""
        metadata = memory["metadata"]
        for known in self._cache.of(MEMORY, metadata["namespace"]):
            if known["metadata"]["uid"] == metadata["uid"]:
                return known
        return memory

    async def patch_status(self, manifest: Manifest, status: dict[str, Any]) -> None:
        """Replace the status as a whole."""
        kind = kind_of(manifest)
        change = {"op": "add", "path": "/status", "value": status}
        try:
            self._cache.store(kind, await self._patch_same(manifest, kind, [change], subresource="status"))
        except (NotFound, Conflict):
            log.info("%s %s is gone or another one", kind.name, manifest["metadata"]["name"])

    async def _patch_same(
        self, target: Manifest, kind: Kind, changes: list[dict[str, Any]], subresource: str | None = None
    ) -> Manifest:
        """JSON-patch this very object; raise Conflict when it is another one of the name, or a test of ours fails."""
        same = {"op": "test", "path": "/metadata/uid", "value": target["metadata"]["uid"]}
        try:
            return await self._api.patch(
                target, kind, [same, *changes], content_type=JSON_PATCH, subresource=subresource
            )
        except Refused as refused:
            # A failed test is told as an invalid request that complains of no field.
            if refused.status == INVALID and not refused.fields:
                raise Conflict(refused.status, refused.reason, refused.message) from refused
            raise

    async def record(self, notice: Notice) -> None:
        """Write an Event; failing to is logged."""
        try:
            await self._api.create(event_of(notice, self._now()), EVENT)
        except ApiError as error:
            log.warning("event %s could not be written: %s", notice.reason, error)


def is_ours(secret: Manifest) -> bool:
    """Tell whether a Secret of our name is ours; somebody may have had the name first."""
    labels = secret["metadata"].get("labels") or {}
    return bool(labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY)


def event_of(notice: Notice, now: str) -> Manifest:
    """Return the Event that says a notice (pure). Its name is left to the API server."""
    about = notice.about
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    identity = {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion") if key in metadata}
    return {
        "apiVersion": "v1",
        "kind": EVENT.name,
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], **identity},
        "reason": str(notice.reason),
        "message": notice.message,
        "type": "Warning" if notice.alarming else "Normal",
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
