"""One pass over a tenant, against a cluster that can refuse, fail and be behind."""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any

import pytest
from memory_crd import names
from memory_operator.errors import Conflict, NamespaceEnds, Refused, Unavailable
from memory_operator.metrics import Metrics
from memory_operator.observed import Inventory
from memory_operator.plan import key_of
from memory_operator.reconcile import HURRY_SECONDS, Reconciler, Surroundings
from memory_operator.settings import Settings
from prometheus_client import CollectorRegistry

from tests.memory_operator.builders import (
    CREDENTIALS,
    NAMESPACE,
    NOW,
    SETTINGS,
    config_maps,
    entry,
    inventory,
    live,
    memory,
    pod,
    report,
    serving,
    tenant_manifest,
)
from tests.memory_operator.fakes import FakeCluster, FakePods
from tests.memory_operator.rendering import rendered, roster

READY = report(support=serving())


class World:
    """A reconciler over a fake cluster."""

    def __init__(self, what: Inventory, *reports: Any, settings: Settings = SETTINGS) -> None:
        self.cluster = FakeCluster(what)
        self.pods = FakePods(*reports)
        self.metrics = Metrics(CollectorRegistry())
        fresh = count()
        around = Surroundings(
            settings, self.metrics, lambda: NOW, lambda: 0.0, lambda: f"fresh-{next(fresh)}", lambda: 0.5
        )
        self.reconciler = Reconciler(self.cluster, self.pods, around)

    async def turn(self) -> float | None:
        return await self.reconciler.reconcile(NAMESPACE)

    def wrote(self, verb: str) -> list[str]:
        return [write.removeprefix(f"{verb} ") for write in self.cluster.writes if write.startswith(f"{verb} ")]

    def condition(self, kind: str, name: str = "support") -> tuple[str, str]:
        [found] = [one for one in self.cluster.statuses[name]["conditions"] if one["type"] == kind]
        return found["status"], found["reason"]


def settled(*memories: Any, **tenant: Any) -> Inventory:
    """A tenant that has everything it should, with one pod that was told."""
    what = inventory(*(memories or (memory(),)), tenant=tenant_manifest(**tenant) if tenant else None)
    told = {names.ANNOTATION_DEFINITIONS_HASH: roster(what).digest}
    children = [live(one) for one in rendered(what)]
    return dataclasses.replace(what, children={key_of(one): one for one in children}, pods=(pod(annotations=told),))


async def test_a_new_tenant_gets_its_credentials_first_and_everything_else_after() -> None:
    world = World(inventory(memory()))

    again = await world.turn()

    assert world.cluster.writes[:2] == ["apply ServiceAccount/memory", "create Secret/memory-credentials"]
    assert "apply Deployment/memory" in world.cluster.writes
    assert world.cluster.writes[-1] == "status Memory/support"
    assert again == 0.25


async def test_a_steady_state_writes_nothing_and_is_looked_at_rarely() -> None:
    world = World(settled(), READY)
    await world.turn()
    world.cluster.writes.clear()

    assert await world.turn() == 30.0
    assert world.cluster.writes == []


async def test_existing_credentials_are_kept_word_for_word() -> None:
    world = World(settled(), READY)

    await world.turn()

    assert not world.wrote("create")
    assert "Secret/memory-credentials" not in world.wrote("apply")
    [secret] = [c for k, c in world.cluster.now.children.items() if k == ("Secret", names.CREDENTIALS)]
    assert secret["data"].keys() >= CREDENTIALS.values.keys()


async def test_a_cache_that_is_behind_costs_no_credential() -> None:
    world = World(settled(), READY)
    world.cluster.behind = inventory(memory())

    await world.turn()

    assert not world.wrote("create")
    assert not world.wrote("apply")


async def test_without_credentials_nothing_is_applied_that_would_carry_others() -> None:
    world = World(inventory(memory()))
    world.cluster.faults["create memory-credentials"] = Refused(403, "Forbidden", "exceeded quota")

    await world.turn()

    assert world.cluster.writes == ["apply ServiceAccount/memory", "status Memory/support"]
    assert world.condition("Stalled") == ("True", "ApplyFailed")


async def test_credentials_that_somebody_made_meanwhile_end_the_pass() -> None:
    world = World(inventory(memory()))
    world.cluster.faults["create memory-credentials"] = Conflict(409, "AlreadyExists", "exists")

    with pytest.raises(Conflict):
        await world.turn()


async def test_one_refused_object_is_told_and_the_others_are_applied() -> None:
    world = World(inventory(memory()))
    world.cluster.faults["apply memory-redis"] = Refused(422, "Invalid", "no")

    again = await world.turn()

    assert "Deployment/memory" in world.wrote("apply")
    assert world.condition("StorageReady") == ("False", "ApplyFailed")
    assert again is not None
    assert again < 60


async def test_an_api_server_that_is_away_ends_the_pass() -> None:
    world = World(inventory(memory()))
    world.cluster.faults["apply memory"] = Unavailable(0, "Timeout", "no answer")

    with pytest.raises(Unavailable):
        await world.turn()


async def test_nothing_is_created_in_a_namespace_that_ends_and_its_memories_are_released() -> None:
    going = memory(going=True, finalizers=[names.FINALIZER], deletionPolicy="Delete")
    world = World(inventory(going, memory("other")))
    world.cluster.ends = True

    assert await world.turn() is None

    assert world.cluster.writes == ["release Memory/support"]
    assert [notice.about["kind"] for notice in world.cluster.notices] == ["Namespace"]


async def test_a_namespace_that_ends_in_the_middle_of_a_pass_ends_the_pass() -> None:
    world = World(inventory(memory(finalizers=[names.FINALIZER], deletionPolicy="Delete", going=True), memory("b")))
    world.cluster.faults["apply memory"] = NamespaceEnds(403, "Forbidden", "being terminated")

    assert await world.turn() is None
    assert world.wrote("release") == ["Memory/support"]


async def test_a_memory_is_guarded_before_its_definition_is_in_force() -> None:
    world = World(inventory(memory(deletionPolicy="Delete")))

    await world.turn()

    assert world.cluster.writes[0] == "guard Memory/support"


async def test_an_erasure_begins_only_with_what_the_api_server_says_now() -> None:
    """The cache lost a Memory of policy Delete, which still exists: its data must stay."""
    kept = memory(deletionPolicy="Delete", finalizers=[names.FINALIZER])
    world = World(settled(kept, memory("other")), report(support=serving(), other=serving()))
    world.cluster.behind = dataclasses.replace(world.cluster.now, memories=(memory("other"),))

    await world.turn()

    assert not world.wrote("apply")


async def test_prune_decides_over_what_the_api_server_says_now() -> None:
    """The cache has not seen yet that policies were switched on again."""
    world = World(settled(network={"policies": "Enabled"}), READY)
    world.cluster.behind = dataclasses.replace(
        world.cluster.now, tenant=tenant_manifest(network={"policies": "Disabled"})
    )

    await world.turn()

    assert not world.wrote("delete")


async def test_a_memory_is_not_released_while_its_last_definition_could_not_be_written() -> None:
    given_up = memory(
        going=True, finalizers=[names.FINALIZER], deletionPolicy="Delete",
        annotations={names.ANNOTATION_ABANDON_DATA: "true"},
    )  # fmt: skip
    [definitions] = config_maps([entry(memory(deletionPolicy="Delete"))])
    world = World(inventory(given_up, memory("other"), children=[live(definitions)]))
    world.cluster.faults[f"apply {definitions['metadata']['name']}"] = Refused(422, "Invalid", "no")

    await world.turn()

    assert not world.wrote("release")


async def test_a_tenant_that_cannot_be_read_changes_nothing() -> None:
    world = World(dataclasses.replace(settled(), tenant=tenant_manifest(service={"replicas": "many"})), READY)

    await world.turn()

    assert set(world.cluster.writes) == {"status Memory/support", "status MemoryTenant/default"}
    assert world.condition("Stalled", "default") == ("True", "Invalid")


async def test_a_growing_volume_takes_its_workload_away_from_around_its_pod() -> None:
    small = settled(redis={"storage": {"size": "1Gi"}})
    world = World(dataclasses.replace(small, tenant=tenant_manifest(redis={"storage": {"size": "2Gi"}})), READY)

    await world.turn()
    assert world.cluster.writes[:2] == ["grow data-memory-redis-0 2Gi", "orphan StatefulSet/memory-redis"]

    await world.turn()
    assert "StatefulSet/memory-redis" in world.wrote("apply")


async def test_drift_is_counted_and_a_wish_is_not() -> None:
    what = settled()
    key = ("Service", "memory")
    drifted = {**what.children, key: {**what.children[key], "spec": {}}}
    world = World(dataclasses.replace(what, children=drifted, tenant=tenant_manifest(service={"replicas": 2})), READY)

    await world.turn()

    def count_of(kind: str) -> float | None:
        return world.metrics.registry.get_sample_value("memory_operator_drift_repairs_total", {"kind": kind})

    assert (count_of("Service"), count_of("Deployment")) == (1.0, None)


async def test_a_tenant_without_memories_is_at_rest() -> None:
    world = World(inventory(tenant=tenant_manifest()))

    assert await world.turn() is None

    assert world.condition("Ready", "default") == ("True", "Ok")
    assert world.cluster.writes == ["status MemoryTenant/default"]


async def test_the_wait_doubles_while_nothing_moves_and_starts_over_when_something_does() -> None:
    world = World(settled(), report())
    await world.turn()

    waits = [await world.turn() for _ in range(6)]
    world.cluster.now = dataclasses.replace(world.cluster.now, pods=())
    fresh = await world.turn()

    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert fresh == 0.25


async def test_where_rights_go_with_the_namespace_a_guarded_memory_is_looked_at_often_and_let_go_in_time() -> None:
    guarded = memory(deletionPolicy="Delete", finalizers=[names.FINALIZER])
    listed = dataclasses.replace(SETTINGS, namespaces=(NAMESPACE,))
    world = World(settled(guarded), READY, settings=listed)
    await world.turn()

    assert await world.turn() == HURRY_SECONDS
    assert await World(settled(memory()), READY, settings=listed).turn() != HURRY_SECONDS

    world.cluster.ends = True
    assert await world.turn() is None
    assert world.wrote("release") == ["Memory/support"]
