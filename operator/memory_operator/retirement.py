"""The end of a tenant: with no Memory left, proven twice, its stack goes, and its volumes follow the policy."""

from collections.abc import Callable
from typing import Final

from memory_crd.errors import InvalidTenant
from memory_crd.tenant import MemoryTenant, resolve

from memory_operator.cluster import Cluster
from memory_operator.kinds import STATEFUL_SET, Manifest, made_last_first
from memory_operator.observed import Inventory, is_leaving
from memory_operator.settings import Settings

RECHECK_SECONDS: Final = 1.0


class Retirement:
    """Remembers when each tenant was first proven to have no Memory. A restart asks for two new proofs."""

    def __init__(self, cluster: Cluster, settings: Settings, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._proofs: dict[str, float] = {}

    def forget(self, namespace: str) -> None:
        """The tenant has a Memory."""
        self._proofs.pop(namespace, None)

    async def step(self, namespace: str, inventory: Inventory) -> float | None:
        """Take the next step towards the end; return the seconds until the one after, None when there is none.

        A proof is a LIST of Memories and one of MemoryTenants that both answered 200, the former empty: a missing
        resource definition (404) raises NotFound and proves nothing.
        """
        if not inventory.children:
            self.forget(namespace)
            return None
        live = await self._cluster.read(namespace)
        if live.memories or not live.children:
            self.forget(namespace)
            return 0.0 if live.memories else None
        if await self._cluster.namespace_ends(namespace):
            self.forget(namespace)
            return None
        first = self._proofs.setdefault(namespace, self._clock())
        remaining = first + self._settings.proof_interval_seconds - self._clock()
        return remaining if remaining > 0 else await self._prune(namespace, live)

    async def _prune(self, namespace: str, live: Inventory) -> float | None:
        """Delete everything, the service before its stores; volumes are told first what becomes of them."""
        policy = self._volume_policy(namespace, live)
        stores = [child for (kind, _), child in live.children.items() if kind == STATEFUL_SET.name]
        untold = [store for store in stores if not is_leaving(store) and not _keeps_to(store, policy)]
        for store in untold:
            await self._cluster.set_volume_policy(store, policy)
        if untold or not all(_is_noticed(store) for store in stores if not is_leaving(store)):
            return RECHECK_SECONDS
        for child in sorted(live.children.values(), key=made_last_first):
            if not is_leaving(child):
                await self._cluster.delete(child)
        return RECHECK_SECONDS * 5

    def _volume_policy(self, namespace: str, live: Inventory) -> str:
        """What becomes of the volumes: as the MemoryTenant says, or the defaults; kept when that cannot be read."""
        try:
            tenant = resolve(
                namespace, MemoryTenant.parse(live.tenant) if live.tenant else None, self._settings.defaults
            )
        except InvalidTenant:
            return "Retain"
        return tenant.spec.deletion_policy


def _keeps_to(store: Manifest, policy: str) -> bool:
    if not store["spec"].get("volumeClaimTemplates"):
        return True
    said = store["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(said.get("whenDeleted", "Retain") == policy)


def _is_noticed(store: Manifest) -> bool:
    """The StatefulSet controller hands claims to their owner, or takes them back, when it notices the change."""
    return int((store.get("status") or {}).get("observedGeneration") or 0) >= int(
        store["metadata"].get("generation") or 1
    )
