"""What has to be written: nothing in a steady state."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from memory_crd import names
from memory_operator.observed import Inventory
from memory_operator.plan import Plan, diff, key_of

from tests.memory_operator.builders import live, memory, observed, pod, report, serving, tenant_manifest
from tests.memory_operator.rendering import declared, rendered, roster

KEY = ("Service", "memory")


def settled(**tenant: Any) -> Inventory:
    """A tenant that has everything it should."""
    wanted = declared(memory(), **tenant)
    return dataclasses.replace(wanted, children={key_of(one): live(one) for one in rendered(wanted)})


def planned(what: Inventory, *reports: Any) -> Plan:
    return diff(rendered(what), observed(what, *reports), roster(what).digest)


def changed(what: Inventory, key: tuple[str, str], **changes: Any) -> Inventory:
    return dataclasses.replace(what, children={**what.children, key: {**what.children[key], **changes}})


def applied(plan: Plan) -> dict[tuple[str, str], bool]:
    return {key_of(change.manifest): change.drift for change in plan.apply}


def test_a_steady_state_needs_nothing() -> None:
    assert not planned(settled())


def test_a_new_tenant_needs_everything_and_nothing_of_it_is_drift() -> None:
    what = declared(memory())

    plan = planned(what)

    assert applied(plan) == {key_of(one): False for one in rendered(what)}


def test_a_lost_child_is_drift() -> None:
    what = settled()
    children = {key: child for key, child in what.children.items() if key != KEY}

    plan = planned(dataclasses.replace(what, children=children, lost=frozenset({KEY})))

    assert applied(plan) == {KEY: True}


def test_a_child_that_somebody_changed_is_drift() -> None:
    spec = {**settled().children[KEY]["spec"], "ports": [{"port": 1}]}

    assert applied(planned(changed(settled(), KEY, spec=spec))) == {KEY: True}


def test_a_child_that_we_want_otherwise_is_no_drift() -> None:
    what = dataclasses.replace(settled(), tenant=tenant_manifest(service={"replicas": 2}))

    assert applied(planned(what)) == {("Deployment", "memory"): False}


def test_a_child_on_its_way_out_is_left_alone() -> None:
    metadata = {**settled().children[KEY]["metadata"], "deletionTimestamp": "now"}

    plan = planned(changed(settled(), KEY, metadata=metadata, spec={}))

    assert not plan


def test_what_is_ours_and_not_desired_is_pruned() -> None:
    left = settled(network={"policies": "Enabled"})
    what = dataclasses.replace(left, tenant=tenant_manifest(network={"policies": "Disabled"}))

    plan = planned(what)

    assert {key_of(one) for one in plan.prune} == {
        ("NetworkPolicy", name) for name in ("memory", "memory-redis", "memory-qdrant")
    }


def test_a_larger_volume_is_grown_before_anything_else_is_told_to_its_workload() -> None:
    wanted = tenant_manifest(redis={"storage": {"size": "3Gi"}, "durability": "always"})

    plan = planned(dataclasses.replace(settled(redis={"storage": {"size": "1Gi"}}), tenant=wanted))

    [growth] = plan.grow
    assert (growth.claim, growth.size) == ("data-memory-redis-0", "3Gi")
    assert ("StatefulSet", "memory-redis") not in applied(plan)


@pytest.mark.parametrize(
    ("loaded", "annotation", "prompted"),
    [("", "", True), ("older", "older", True), ("this", "", False), ("older", "this", False)],
    ids=["a new pod", "new definitions", "loaded already", "told already"],
)
def test_a_pod_is_prompted_once_unless_it_knows_already(loaded: str, annotation: str, prompted: bool) -> None:
    what = settled()
    digest = roster(what).digest
    said = {"this": digest}.get(annotation, annotation)
    asked = pod(annotations={names.ANNOTATION_DEFINITIONS_HASH: said} if said else {})
    told = report(digest={"this": digest}.get(loaded, loaded), support=serving())

    plan = planned(dataclasses.replace(what, pods=(asked,)), told)

    assert bool(plan.prompt) is prompted


def test_a_pod_that_is_not_ready_is_not_prompted() -> None:
    what = dataclasses.replace(settled(), pods=(pod(ready=False), pod("leaving", going=True)))

    assert not planned(what).prompt
