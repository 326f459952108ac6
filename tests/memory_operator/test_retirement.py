"""The end of a tenant: two proofs, the service before its stores, the volumes told first."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from memory_operator.errors import NotFound
from memory_operator.retirement import RECHECK_SECONDS, Retirement

from tests.memory_operator.builders import NAMESPACE, SETTINGS, inventory, live, memory, tenant_manifest
from tests.memory_operator.fakes import FakeCluster
from tests.memory_operator.rendering import declared, rendered

INTERVAL = SETTINGS.proof_interval_seconds


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def left(**tenant: Any) -> FakeCluster:
    """A tenant whose last Memory went."""
    children = [live(one) for one in rendered(declared(memory()))]
    return FakeCluster(inventory(children=children, tenant=tenant_manifest(**tenant) if tenant else None))


def end(cluster: FakeCluster, clock: Clock) -> Retirement:
    return Retirement(cluster, SETTINGS, clock)


async def step(retirement: Retirement, cluster: FakeCluster) -> float | None:
    return await retirement.step(NAMESPACE, cluster.known(NAMESPACE))


async def test_a_stack_goes_after_two_proofs_that_are_an_interval_apart(clock: Clock) -> None:
    cluster = left()
    retirement = end(cluster, clock)

    assert await step(retirement, cluster) == INTERVAL
    clock.now += INTERVAL - 1
    assert await step(retirement, cluster) == 1.0
    assert cluster.writes == []

    clock.now += 1
    await step(retirement, cluster)
    assert cluster.now.children == {}
    assert await step(retirement, cluster) is None


async def test_the_service_goes_first_and_credentials_after_the_stores(clock: Clock) -> None:
    cluster = left()
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL
    await step(retirement, cluster)

    kinds = [write.split(" ")[1].split("/")[0] for write in cluster.writes]
    assert kinds[0] == "Deployment"
    assert kinds.index("StatefulSet") < kinds.index("Secret")


async def test_a_memory_in_between_starts_over(clock: Clock) -> None:
    cluster = left()
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL
    retirement.forget(NAMESPACE)

    assert await step(retirement, cluster) == INTERVAL
    assert cluster.writes == []


async def test_a_memory_that_the_cache_does_not_know_yet_keeps_the_stack(clock: Clock) -> None:
    cluster = left()
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL
    cluster.behind = cluster.now
    cluster.now = dataclasses.replace(cluster.now, memories=(memory(),))

    assert await step(retirement, cluster) == 0.0
    assert cluster.writes == []


async def test_a_list_that_does_not_answer_proves_nothing(clock: Clock) -> None:
    cluster = left()
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL
    cluster.faults[f"read {NAMESPACE}"] = NotFound(404, "NotFound", "no such kind")

    with pytest.raises(NotFound):
        await step(retirement, cluster)
    assert cluster.writes == []


async def test_volumes_are_told_what_becomes_of_them_before_their_store_goes(clock: Clock) -> None:
    cluster = left(deletionPolicy="Delete")
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL

    assert await step(retirement, cluster) == RECHECK_SECONDS
    assert cluster.writes == ["keep:Delete StatefulSet/memory-redis", "keep:Delete StatefulSet/memory-qdrant"]

    assert await step(retirement, cluster) == RECHECK_SECONDS, "the controller has not noticed yet"
    cluster.noticed()
    await step(retirement, cluster)
    assert "delete StatefulSet/memory-redis" in cluster.writes


async def test_volumes_stay_when_what_becomes_of_them_cannot_be_read(clock: Clock) -> None:
    cluster = left(deletionPolicy="Burn")
    retirement = end(cluster, clock)
    await step(retirement, cluster)
    clock.now += INTERVAL
    await step(retirement, cluster)

    assert not [write for write in cluster.writes if write.startswith("keep")]


async def test_a_namespace_on_its_way_out_is_left_to_itself(clock: Clock) -> None:
    cluster = left()
    cluster.ends = True

    assert await step(end(cluster, clock), cluster) is None
    assert cluster.writes == []
