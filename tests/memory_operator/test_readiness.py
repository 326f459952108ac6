"""The judge: one condition a question, the first complaint decides."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from memory_crd import names
from memory_crd.status import Reason, Status, Type
from memory_operator.observed import Inventory, Refusal
from memory_operator.readiness import Case, judge, served_generation
from memory_operator.reports import Check, MemoryReport, PodReport
from memory_operator.roster import enrol

from tests.memory_operator.builders import config_maps, entry, inventory, live, memory, observed, pod, report, serving
from tests.memory_operator.rendering import rendered

UP = ("StatefulSet/memory-redis", "StatefulSet/memory-qdrant", "Deployment/memory")


def tenant(*memories: Any, down: tuple[str, ...] = (), pods: tuple[Any, ...] | None = None, **more: Any) -> Inventory:
    """A tenant whose workloads are up but those in `down`, with one Ready service pod."""
    wanted = inventory(*memories)
    children = [live(one, up=f"{one['kind']}/{one['metadata']['name']}" not in down) for one in rendered(wanted)]
    return inventory(
        *memories, children=[*children, *more.get("children", [])], pods=(pod(),) if pods is None else pods
    )


def conditions(
    what: Inventory, *reports: PodReport, name: str = "support", refusals: tuple[Refusal, ...] = ()
) -> dict[str, Any]:
    [member] = [one for one in enrol(what, reports).members if one.name == name]
    seen = dataclasses.replace(observed(what, *reports), refusals=refusals)
    return {one.type: one for one in judge(Case(member, seen))}


def shown(found: dict[str, Any], *types: Type) -> list[tuple[str, str]]:
    return [(str(found[kind].status), str(found[kind].reason)) for kind in types]


def test_a_memory_that_every_pod_serves_is_ready() -> None:
    found = conditions(tenant(memory()), report(support=serving()))

    assert shown(found, Type.READY) == [("True", "Ok")]
    assert shown(found, Type.RECONCILING, Type.STALLED) == [("False", "Ok")] * 2
    parts = (Type.STORAGE_READY, Type.VECTOR_READY, Type.EMBEDDER_READY, Type.SERVICE_READY)
    assert shown(found, *parts) == [("True", "Ok")] * 4
    assert Type.WARNING not in found
    assert {one.observed_generation for one in found.values()} == {1}


@pytest.mark.parametrize(
    ("down", "part", "message"),
    [
        ("StatefulSet/memory-redis", Type.STORAGE_READY, "memory-redis is starting"),
        ("StatefulSet/memory-qdrant", Type.VECTOR_READY, "memory-qdrant is starting"),
    ],
)
def test_a_store_that_is_not_up_is_provisioning(down: str, part: Type, message: str) -> None:
    found = conditions(tenant(memory(), down=(down,)), report(support=serving()))

    assert shown(found, part, Type.READY) == [("False", "Provisioning")] * 2
    assert shown(found, Type.RECONCILING) == [("True", "Provisioning")]
    assert found[part].message == found[Type.READY].message == message


@pytest.mark.parametrize(
    ("trouble", "reason", "word"),
    [
        ({"waiting": "ImagePullBackOff"}, Reason.IMAGE_PULL_FAILED, "cannot pull image image:1"),
        ({"waiting": "CrashLoopBackOff"}, Reason.PROVISIONING, "CrashLoopBackOff"),
        ({"unscheduled": "0/1 nodes: no volume"}, Reason.PROVISIONING, "0/1 nodes: no volume"),
        ({"waiting": "ContainerCreating"}, Reason.PROVISIONING, "is starting"),
    ],
    ids=["image", "crash", "no node", "nothing yet"],
)
def test_the_pods_own_words_say_why_a_store_is_not_up(trouble: dict[str, str], reason: Reason, word: str) -> None:
    pods = (pod(), pod("memory-redis-0", names.COMPONENT_REDIS, ready=False, **trouble))
    found = conditions(tenant(memory(), down=UP[:1], pods=pods), report(support=serving()))

    assert found[Type.STORAGE_READY].reason == reason
    assert word in found[Type.STORAGE_READY].message


@pytest.mark.parametrize(
    ("part", "kind", "reason"),
    [
        ("storage", Type.STORAGE_READY, Reason.UNREACHABLE),
        ("vector", Type.VECTOR_READY, Reason.UNAUTHORIZED),
        ("embedder", Type.EMBEDDER_READY, Reason.SECRET_MISSING),
    ],
)
def test_one_pod_that_cannot_use_a_part_is_enough(part: str, kind: Type, reason: Reason) -> None:
    failing = serving(**{part: Check("failed", reason, "what the pod saw")})
    pods = (pod("a"), pod("b"))

    found = conditions(tenant(memory(), pods=pods), report("a", support=serving()), report("b", support=failing))

    assert shown(found, kind, Type.READY) == [("False", reason)] * 2
    assert found[kind].message == "pod b: what the pod saw"
    assert shown(found, Type.RECONCILING, Type.STALLED) == [("True", reason), ("False", "Ok")]


def test_a_degraded_part_works_and_deserves_a_look() -> None:
    slow = serving(vector=Check("degraded", "Slow", "takes long"))

    found = conditions(tenant(memory()), report(support=slow))

    assert shown(found, Type.READY, Type.VECTOR_READY, Type.WARNING) == [
        ("True", "Ok"),
        ("True", "Slow"),
        ("True", "Slow"),
    ]


def test_a_part_that_was_not_tried_yet_is_neither_good_nor_bad() -> None:
    fresh = serving(embedder=Check("degraded", "Loading", "not tried yet"))
    pods = (pod("a"), pod("b"))

    found = conditions(tenant(memory(), pods=pods), report("a", support=serving()), report("b", support=fresh))

    assert shown(found, Type.EMBEDDER_READY, Type.READY) == [("Unknown", "Loading")] * 2
    assert shown(found, Type.RECONCILING) == [("True", "Loading")]
    assert Type.WARNING not in found


def test_a_new_generation_is_ready_only_when_every_pod_serves_it() -> None:
    what = tenant(memory(generation=2), pods=(pod("a"), pod("b")))

    found = conditions(what, report("a", support=serving(2)), report("b", support=serving(1)))
    assert shown(found, Type.SERVICE_READY, Type.READY) == [("False", "Loading")] * 2
    assert found[Type.SERVICE_READY].message == "generation 2 is not served yet by b"

    found = conditions(what, report("a", support=serving(2)), report("b", support=serving(2)))
    assert shown(found, Type.READY) == [("True", "Ok")]


def test_a_pod_that_knows_nothing_of_the_memory_is_loading() -> None:
    found = conditions(tenant(memory()), report())

    assert shown(found, Type.SERVICE_READY, Type.STORAGE_READY) == [("False", "Loading"), ("Unknown", "Loading")]


def test_a_pod_that_does_not_answer_is_named() -> None:
    found = conditions(tenant(memory()), PodReport("memory-1", error="TimeoutError on port 9464"))

    assert shown(found, Type.SERVICE_READY) == [("False", "Loading")]
    assert "memory-1" in found[Type.SERVICE_READY].message


def test_without_a_ready_pod_the_service_is_not_available() -> None:
    assert shown(conditions(tenant(memory(), pods=())), Type.SERVICE_READY) == [("False", "ServiceUnavailable")]
    assert shown(conditions(inventory(memory())), Type.SERVICE_READY) == [("False", "Provisioning")]


def test_without_recall_neither_vectors_nor_an_embedder_matter() -> None:
    quiet = memory(options={"semanticRecall": {"enabled": False}})
    report_of = report(support=MemoryReport(1, "active", {"storage": Check("ok")}))

    found = conditions(tenant(quiet), report_of)

    assert shown(found, Type.READY, Type.VECTOR_READY, Type.EMBEDDER_READY) == [
        ("True", "Ok"), ("True", "RecallDisabled"), ("True", "RecallDisabled"),
    ]  # fmt: skip
    assert Type.WARNING not in found


def test_without_an_embedder_for_its_dimensions_a_memory_is_ready_with_a_warning() -> None:
    plain = memory(vector={"use": "qdrant", "dimensions": 8})
    told = report(support=MemoryReport(1, "active", {"storage": Check("ok"), "vector": Check("ok")}))

    found = conditions(tenant(plain), told)

    assert shown(found, Type.READY, Type.EMBEDDER_READY, Type.WARNING) == [
        ("True", "Ok"), ("False", "NoEmbedder"), ("True", "NoEmbedder"),
    ]  # fmt: skip


@pytest.mark.parametrize("reason", [Reason.DIMENSIONS_MISMATCH, Reason.STORAGE_UNSUPPORTED])
def test_what_only_an_edit_can_change_is_stalled(reason: Reason) -> None:
    part = "embedder" if reason is Reason.DIMENSIONS_MISMATCH else "storage"
    found = conditions(tenant(memory()), report(support=serving(**{part: Check("failed", reason, "no")})))

    assert shown(found, Type.STALLED, Type.RECONCILING, Type.READY) == [
        ("True", reason), ("False", "Ok"), ("False", reason),
    ]  # fmt: skip


def test_a_bad_edit_is_stalled_and_says_what_still_serves() -> None:
    bad = memory(generation=2, vector={"use": "qdrant", "dimensions": -1})
    what = tenant(memory())
    what = dataclasses.replace(what, memories=(bad,))

    found = conditions(what, report(support=serving(1)))

    assert shown(found, Type.READY, Type.STALLED, Type.RECONCILING) == [
        ("False", "Invalid"), ("True", "Invalid"), ("False", "Ok"),
    ]  # fmt: skip
    assert "/spec/vector/dimensions" in found[Type.READY].message
    assert found[Type.READY].message.endswith("(generation 1 is still being served)")


def test_a_memory_that_is_not_served_says_nothing_about_its_parts() -> None:
    found = conditions(inventory(memory(vector={"use": "no", "dimensions": 1})))

    assert shown(found, Type.STORAGE_READY, Type.SERVICE_READY) == [("Unknown", "Invalid")] * 2


def test_a_refused_object_is_stalled_with_the_words_of_the_api_server() -> None:
    refusal = Refusal("StatefulSet", "memory-redis", "exceeded quota")

    found = conditions(tenant(memory(), down=UP), refusals=(refusal,))

    assert shown(found, Type.STORAGE_READY, Type.READY, Type.STALLED) == [
        ("False", "ApplyFailed"), ("False", "ApplyFailed"), ("True", "ApplyFailed"),
    ]  # fmt: skip
    assert found[Type.READY].message == "StatefulSet memory-redis was refused: exceeded quota"


def test_a_claim_that_cannot_grow_is_a_warning() -> None:
    refusal = Refusal("PersistentVolumeClaim", "data-memory-redis-0", "class cannot expand")

    found = conditions(tenant(memory()), report(support=serving()), refusals=(refusal,))

    assert shown(found, Type.READY, Type.WARNING) == [("True", "Ok"), ("True", "ApplyFailed")]


def test_an_erasure_says_so_and_says_what_it_waits_for() -> None:
    going = memory(going=True, finalizers=[names.FINALIZER], deletionPolicy="Delete")
    live_entry = config_maps([entry(memory(deletionPolicy="Delete"), "erase")])
    what = dataclasses.replace(tenant(memory()), memories=(going,))
    what = dataclasses.replace(what, children={**what.children, **inventory(children=live_entry).children})

    found = conditions(what, report(support=serving()))
    assert shown(found, Type.READY) == [("False", "Erasing")]

    away = serving(storage=Check("failed", "Unreachable", "no answer"))
    found = conditions(what, report(support=away))
    assert shown(found, Type.READY) == [("False", "ErasureBlocked")]
    assert "kubectl annotate memory support memoryplatform.dev/abandon-data=true" in found[Type.READY].message


def test_the_served_generation_is_what_the_slowest_pod_serves() -> None:
    what = tenant(memory(generation=3))
    [member] = enrol(what, ()).members

    def served(*reports: PodReport) -> int | None:
        return served_generation(Case(member, observed(what, *reports)))

    assert served(report("a", support=serving(3)), report("b", support=serving(2))) == 2
    assert served(report("a", support=serving(3)), report("b")) is None
    assert served() is None


def test_reconciling_and_stalled_are_never_both_true() -> None:
    for reports in ((), (report(),), (report(support=serving()),)):
        found = conditions(tenant(memory()), *reports)
        assert not found[Type.RECONCILING].status == found[Type.STALLED].status == Status.TRUE
