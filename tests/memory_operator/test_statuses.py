"""Status documents: what people and tools read, and equal findings giving equal documents."""

from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema
import pytest
import yaml
from memory_crd import names
from memory_operator import statuses
from memory_operator.observed import Inventory, Observed, Refusal
from memory_operator.plan import key_of
from memory_operator.readiness import Case, judge
from memory_operator.roster import enrol

from tests.memory_operator.builders import (
    EXAMPLES,
    NAMESPACE,
    NOW,
    SETTINGS,
    inventory,
    live,
    memory,
    observed,
    pod,
    report,
    serving,
    tenant,
    tenant_manifest,
)
from tests.memory_operator.rendering import rendered

LATER = "2026-01-02T04:00:00Z"


def whole(*memories: Any, **spec: Any) -> Inventory:
    what = inventory(*memories, tenant=tenant_manifest(**spec), pods=(pod(),))
    return dataclasses.replace(what, children={key_of(one): live(one) for one in rendered(what)})


def status_of(what: Inventory, now: str = NOW, **told: Any) -> dict[str, Any]:
    reports = (report(**told),) if told else ()
    [member] = enrol(what, reports).members
    case = Case(member, observed(what, *reports))
    return statuses.memory_status(case, judge(case), tenant(), now)


def of_tenant(what: Inventory, *refusals: Refusal) -> dict[str, Any]:
    seen: Observed = dataclasses.replace(observed(what), refusals=refusals)
    assert what.tenant is not None
    return statuses.tenant_status(what.tenant, tenant(), seen, [], SETTINGS, NOW)


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    [found] = [one for one in status["conditions"] if one["type"] == kind]
    return found["status"], found["reason"]


@pytest.mark.parametrize("file", ["memories.yaml", "memorytenants.yaml"])
def test_every_status_fits_its_schema(file: str) -> None:
    crd = yaml.safe_load((EXAMPLES.parent / "crds" / file).read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    bad = memory(vector={"use": "no", "dimensions": 1})
    if file == "memories.yaml":
        shown = [status_of(whole(memory()), support=serving()), status_of(whole(memory())), status_of(inventory(bad))]
    else:
        shown = [of_tenant(whole(memory())), statuses.invalid_tenant_status(tenant_manifest(), "no", NOW)]

    for status in shown:
        jsonschema.validate(status, schema)
        assert set(status) <= set(schema["properties"])


def test_the_status_of_a_served_memory_says_how_to_reach_it() -> None:
    status = status_of(whole(memory()), support=serving())

    assert status["endpoint"] == names.memory_url(NAMESPACE, "support")
    assert status["binding"] == {"name": names.CONNECTION}
    assert status["collection"] == "acme.support"
    assert status["servedGeneration"] == 1


@pytest.mark.parametrize(
    ("changes", "resolved"),
    [
        (
            {},
            {
                "storage": "redis", "vector": "qdrant", "durability": "everysecond",
                "embedder": "local/all-MiniLM-L6-v2",
            },
        ),
        (
            {"storage": None, "vector": {"use": "compozy/vector:in-memory", "dimensions": 3}},
            {"storage": "in-memory", "vector": "in-memory", "durability": "ephemeral"},
        ),
    ],
    ids=["durable", "ephemeral without an embedder"],
)  # fmt: skip
def test_what_was_resolved_is_shown(changes: dict[str, Any], resolved: dict[str, str]) -> None:
    assert status_of(whole(memory(**changes)))["resolved"] == {"id": "support", **resolved}


def test_a_memory_that_was_never_served_promises_no_endpoint() -> None:
    status = status_of(inventory(memory(vector={"use": "no", "dimensions": 1})))

    assert not status.keys() & {"endpoint", "binding", "resolved", "servedGeneration"}
    assert status["observedGeneration"] == 1


def test_a_transition_time_moves_only_when_the_status_does() -> None:
    first = status_of(whole(memory()))
    what = whole({**memory(), "status": first})

    again = status_of(what, LATER)
    ready = status_of(what, LATER, support=serving())

    assert again == first
    times = {one["type"]: one["lastTransitionTime"] for one in ready["conditions"]}
    assert times["Ready"] == LATER
    assert times["Stalled"] == NOW


def test_a_warning_that_passed_is_not_kept() -> None:
    degraded = {"type": "Warning", "status": "True", "reason": "Slow", "message": "", "lastTransitionTime": NOW}
    what = whole({**memory(), "status": {"conditions": [degraded]}})

    assert "Warning" not in {one["type"] for one in status_of(what, support=serving())["conditions"]}


def test_a_tenant_is_ready_when_all_that_it_runs_is_up() -> None:
    up = of_tenant(whole(memory()))
    what = whole(memory())
    store = what.children["StatefulSet", "memory-redis"]
    down = dataclasses.replace(what, children={**what.children, ("StatefulSet", "memory-redis"): live(store, up=False)})

    assert condition(up, "Ready") == ("True", "Ok")
    assert condition(of_tenant(down), "Ready") == ("False", "Provisioning")
    assert condition(of_tenant(down), "Reconciling") == ("True", "Provisioning")
    assert condition(of_tenant(what, Refusal("Service", "memory", "no")), "Stalled") == ("True", "ApplyFailed")


def test_a_tenant_shows_what_is_in_force() -> None:
    status = of_tenant(whole(memory()))

    assert status["resolved"]["images"] == {
        "redis": SETTINGS.redis_image, "qdrant": SETTINGS.qdrant_image, "service": SETTINGS.image,
    }  # fmt: skip
    assert status["resolved"]["sizes"] == {"redis": "1Gi", "qdrant": "2Gi"}
