"""One pass over one tenant: observe, render, plan, apply, judge, one status patch where it differs.

Level-triggered: what happened does not matter, only what is. Safe to run twice and after a crash at any line. A pass
over a tenant in its steady state writes nothing.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import random
from typing import Final

from memory_crd import names
from memory_crd.errors import InvalidTenant
from memory_crd.status import Condition, Reason
from memory_crd.tenant import MemoryTenant, Tenant, resolve

from memory_operator import credentials, erasure, nudges, plan, readiness, statuses
from memory_operator.cluster import Cluster, Notice, ServicePods
from memory_operator.credentials import Credentials
from memory_operator.erasure import Release
from memory_operator.errors import NamespaceEnds, Refused
from memory_operator.kinds import SECRET, Manifest, made_last_first
from memory_operator.metrics import Metrics
from memory_operator.nudges import Nudges
from memory_operator.observed import Inventory, Observed, Refusal, ready_service_pods
from memory_operator.pace import Pace
from memory_operator.plan import Change, Growth, Plan
from memory_operator.readiness import Case
from memory_operator.render import render
from memory_operator.retirement import Retirement
from memory_operator.roster import Member, Roster, enrol
from memory_operator.settings import Settings

HURRY_SECONDS: Final = 1.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What a pass takes from outside besides the cluster: time, randomness, settings, metrics."""

    settings: Settings
    metrics: Metrics
    now: Callable[[], str]
    """The time in RFC 3339, UTC, for status documents."""
    clock: Callable[[], float]
    """Seconds that only go forward."""
    generate: Callable[[], str]
    """A fresh secret value."""
    chance: Callable[[], float] = random


class Reconciler:
    """Reconciles tenants; what it remembers between passes is only how often to come back."""

    def __init__(self, cluster: Cluster, pods: ServicePods, around: Surroundings) -> None:
        self._cluster = cluster
        self._pods = pods
        self._around = around
        self._pace = Pace(around.chance)
        self._nudges = Nudges(around.clock)
        self._retirement = Retirement(cluster, around.settings, around.clock)

    async def reconcile(self, namespace: str) -> float | None:
        """Make a pass; return the seconds until the next one without an event, None for none."""
        inventory = self._cluster.known(namespace)
        if not inventory.memories:
            return await self._without_memories(namespace, inventory)
        self._retirement.forget(namespace)
        try:
            return await self._with_memories(namespace, inventory)
        except NamespaceEnds:
            await self._abandon(namespace)
            return None

    async def _without_memories(self, namespace: str, inventory: Inventory) -> float | None:
        again = await self._retirement.step(namespace, inventory)
        if inventory.tenant is not None:
            observed = Observed(namespace, replace(inventory, children={}), Credentials({}))
            await self._report_tenant(inventory.tenant, _tenant(self._around.settings, observed), observed, [])
        return again

    async def _with_memories(self, namespace: str, inventory: Inventory) -> float | None:
        observed, roster = await self._observe(namespace, inventory)
        tenant = _tenant(self._around.settings, observed)
        changes = self._plan(tenant, roster, observed)
        if changes.prune:  # an object must not go because a cache is stale
            observed, roster = await self._observe(namespace, await self._cluster.read(namespace))
            tenant = _tenant(self._around.settings, observed)
            changes = self._plan(tenant, roster, observed)
        guards, releases = erasure.to_guard(roster), erasure.to_release(roster, observed.reports)
        hurry = self._rights_may_go(roster)
        if (changes or guards or releases or hurry) and await self._cluster.namespace_ends(namespace):
            raise NamespaceEnds(403, "NamespaceTerminating", namespace)
        for member in guards:
            await self._cluster.set_finalizer(member.manifest, present=True)
        observed = await self._act(changes, observed)
        for pod in self._nudges.due(observed):
            await self._cluster.prompt(pod, nudges.ANNOTATION, self._around.now())
        for member in roster.adopted:
            message = f"it serves the data that was retained under the id {member.memory_id!r}"
            await self._cluster.record(Notice(member.manifest, Reason.DATA_ADOPTED, message))
        judged = await self._report(roster, tenant, observed)
        if not observed.refusals:  # a definition that was not written is no reason to let a Memory go
            await self._release(releases)
        again = self._pace.next(observed, roster, judged, busy=bool(changes or guards or releases))
        return min(again, HURRY_SECONDS) if hurry else again

    def _rights_may_go(self, roster: Roster) -> bool:
        """Tell whether a finalizer of ours could outlive our right to take it off.

        An operator that serves a list of namespaces has its rights from a RoleBinding in each. When the namespace is
        deleted, that may go before the Memories do, and a guarded Memory would hang the namespace. Kubernetes waits 5 s
        before it deletes what is in a namespace: looking at it more often than that is in time.
        """
        return bool(self._around.settings.namespaces) and any(member.guarded for member in roster.members)

    # --- observe and decide -------------------------------------------------------------------------------------------

    async def _observe(self, namespace: str, inventory: Inventory) -> tuple[Observed, Roster]:
        reports = await self._pods.ask(ready_service_pods(inventory))
        roster = enrol(inventory, reports)
        known = credentials.of_secret(inventory.child(SECRET.name, names.CREDENTIALS))
        if _erases_more(roster) or (roster.entries and not credentials.is_complete(known)):
            # Neither data nor a password may be lost to a cache that is behind.
            inventory = await self._cluster.read(namespace)
            roster = enrol(inventory, reports)
            known = credentials.of_secret(inventory.child(SECRET.name, names.CREDENTIALS))
        return Observed(namespace, inventory, credentials.complete(known, self._around.generate), reports), roster

    def _plan(self, tenant: Tenant | InvalidTenant, roster: Roster, observed: Observed) -> Plan:
        if isinstance(tenant, InvalidTenant) or not roster.entries:
            return Plan()
        return plan.diff(render(tenant, roster, observed, self._around.settings), observed, roster.digest)

    # --- act ----------------------------------------------------------------------------------------------------------

    async def _act(self, changes: Plan, observed: Observed) -> Observed:
        """Write what is planned; return the observation with the answers, refusals among them."""
        if not changes:
            return observed
        refusals = [refusal for growth in changes.grow if (refusal := await self._grow(observed, growth))]
        for change in changes.apply:
            refusal = await self._apply(change, observed)
            refusals += [refusal] if refusal else []
            if refusal and refusal.name == names.CREDENTIALS:
                return replace(observed, refusals=tuple(refusals))  # what follows would carry secrets nobody kept
        for manifest in sorted(changes.prune, key=made_last_first):
            await self._cluster.delete(manifest)
        for pod in changes.prompt:
            await self._cluster.prompt(pod, names.ANNOTATION_DEFINITIONS_HASH, changes.digest)
        known = self._cluster.known(observed.namespace)
        inventory = replace(observed.inventory, children=known.children, pods=known.pods)
        return replace(observed, inventory=inventory, refusals=tuple(refusals))

    async def _apply(self, change: Change, observed: Observed) -> Refusal | None:
        manifest = change.manifest
        kind, name = plan.key_of(manifest)
        try:
            if (kind, name) == (SECRET.name, names.CREDENTIALS) and not observed.inventory.child(kind, name):
                await self._cluster.create(manifest)
            else:
                await self._cluster.apply(manifest)
        except NamespaceEnds:
            raise
        except Refused as error:
            log.warning("%s: %s %s was refused: %s", observed.namespace, kind, name, error.message)
            return Refusal(kind, name, error.message)
        if change.drift:
            log.info("%s: %s %s was changed by somebody and is repaired", observed.namespace, kind, name)
            self._around.metrics.drift_repairs.labels(kind).inc()
        return None

    async def _grow(self, observed: Observed, growth: Growth) -> Refusal | None:
        """Grow a claim, then take the workload away from around its pod: the next pass makes it anew."""
        try:
            await self._cluster.grow_claim(observed.namespace, growth.claim, growth.size)
        except NamespaceEnds:
            raise
        except Refused as error:
            return Refusal("PersistentVolumeClaim", growth.claim, error.message)
        await self._cluster.delete(growth.workload, orphan=True)
        return None

    async def _release(self, releases: Iterable[Release]) -> None:
        for release in releases:
            await self._cluster.set_finalizer(release.member.manifest, present=False)
            if release.notice:
                await self._cluster.record(release.notice)

    async def _abandon(self, namespace: str) -> None:
        """Let the Memories of a namespace go that is going itself; nothing else is written there."""
        members = [Member(manifest, None, None) for manifest in self._cluster.known(namespace).memories]
        await self._release(erasure.to_abandon(namespace, members))

    # --- judge and report ---------------------------------------------------------------------------------------------

    async def _report(
        self, roster: Roster, tenant: Tenant | InvalidTenant, observed: Observed
    ) -> list[tuple[Condition, ...]]:
        judged = []
        for member in roster.members:
            case = Case(member, observed)
            conditions = readiness.judge(case)
            judged.append(conditions)
            resolved = tenant if isinstance(tenant, Tenant) else None
            status = statuses.memory_status(case, conditions, resolved, self._around.now())
            if status != member.manifest.get("status"):
                _tell_change(member, conditions)
                await self._cluster.patch_status(member.manifest, status)
        if observed.inventory.tenant is not None:
            await self._report_tenant(observed.inventory.tenant, tenant, observed, judged)
        return judged

    async def _report_tenant(
        self,
        manifest: Manifest,
        tenant: Tenant | InvalidTenant,
        observed: Observed,
        judged: list[tuple[Condition, ...]],
    ) -> None:
        now = self._around.now()
        if isinstance(tenant, InvalidTenant):
            status = statuses.invalid_tenant_status(manifest, str(tenant), now)
        else:
            status = statuses.tenant_status(manifest, tenant, observed, judged, self._around.settings, now)
        if status != manifest.get("status"):
            await self._cluster.patch_status(manifest, status)


def _tenant(settings: Settings, observed: Observed) -> Tenant | InvalidTenant:
    """Return what the tenant runs on, or why its MemoryTenant cannot be read: then everything stays as it is."""
    manifest = observed.inventory.tenant
    try:
        return resolve(observed.namespace, MemoryTenant.parse(manifest) if manifest else None, settings.defaults)
    except InvalidTenant as error:
        return error


def _tell_change(member: Member, conditions: tuple[Condition, ...]) -> None:
    """Log each condition whose status or reason is another than before."""
    before = {one["type"]: one for one in (member.manifest.get("status") or {}).get("conditions") or ()}
    for new in conditions:
        old = before.get(new.type, {})
        if (old.get("status"), old.get("reason")) != (new.status, new.reason):
            where = f"{member.manifest['metadata']['namespace']}/{member.name}"
            log.info("%s: %s is %s, %s: %s", where, new.type, new.status, new.reason, new.message or "no message")


def _erases_more(roster: Roster) -> bool:
    """Tell whether an erasure would begin that had not begun before."""
    before = {entry.uid for entry in roster.previous if entry.state == "erase"}
    return any(entry.state == "erase" and entry.uid not in before for entry in roster.entries)
