"""A steady state writes nothing, drift is repaired, and nothing is left when the last Memory goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.kube import (
    Client,
    Manifest,
    append,
    apply,
    condition,
    forwarded,
    get,
    history,
    items,
    kubectl,
    memory,
    secret,
    until,
    wait_ready,
)

KINDS = "statefulsets,deployments,services,configmaps,secrets,serviceaccounts,networkpolicies,memories,memorytenants"
WRITES = {"POST", "PUT", "PATCH", "DELETE", "create", "update", "patch", "apply", "delete", "patch_status"}


def versions(namespace: str) -> dict[str, str]:
    """resourceVersion of everything the operator could have written in a namespace (its own status writes included)."""
    found: list[Manifest] = json.loads(kubectl("get", KINDS, "-n", namespace, "-o", "json"))["items"]
    # Controllers write the status of workloads by themselves; a generation moves only with what is asked for.
    return {
        f"{one['kind']}/{one['metadata']['name']}": str(
            one["metadata"].get("generation")
            if one["kind"] in ("StatefulSet", "Deployment")
            else one["metadata"]["resourceVersion"]
        )
        for one in found
    }


def operator_writes(platform: str) -> float:
    """How many API calls that write the operator has made since it started, by its own counter."""
    with forwarded("deployment/" + operator_deployment(platform), 9464, platform) as url:
        text = httpx2.get(url + "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "memory_operator_api_calls_total" and sample.labels["verb"] in WRITES
    )


def operator_deployment(platform: str) -> str:
    """The operator's Deployment, whatever the release was called."""
    found: str = items("deployments", platform)[0]["metadata"]["name"]
    return found


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_twenty_memories_under_traffic_cost_the_api_server_no_write(tenants: Callable[[], str], platform: str) -> None:
    namespaces = tenants(), tenants()
    for namespace in namespaces:
        apply(*(memory(f"memory-{number}") for number in range(10)), namespace=namespace)
    for namespace in namespaces:
        for number in range(10):
            wait_ready(f"memory-{number}", namespace, within=120)
    time.sleep(5)
    before = [versions(namespace) for namespace in namespaces]
    written = operator_writes(platform)

    with Client(namespaces[0]).open() as first, Client(namespaces[1]).open() as second:
        deadline = time.monotonic() + 60
        turn = 0
        while time.monotonic() < deadline:
            for client in (first, second):
                append(client, f"memory-{turn % 10}", f"thread-{turn}", "a message among many")
            turn += 1
            time.sleep(0.1)

    assert operator_writes(platform) - written == 0
    assert [versions(namespace) for namespace in namespaces] == before


@pytest.mark.alone
def test_a_restarted_operator_writes_nothing_to_unchanged_objects(tenant: str, platform: str) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    time.sleep(3)
    before = versions(tenant)

    kubectl("rollout", "restart", "deployment", "-n", platform)
    kubectl("rollout", "status", "deployment", "-n", platform, "--timeout=120s")
    time.sleep(10)

    assert versions(tenant) == before


def test_a_drifted_child_is_repaired(tenant: str) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)

    kubectl(
        "patch",
        "service",
        "memory",
        "-n",
        tenant,
        "--type=merge",
        "-p",
        '{"spec":{"ports":[{"port":1,"protocol":"TCP"}]}}',
    )

    until(
        "the Service's port is back",
        lambda: 8080 in [port["port"] for port in get("service", "memory", tenant)["spec"]["ports"]],
        within=30,
    )


@pytest.mark.parametrize("child", ["deployment/memory", "configmap/memory-redis-config", "networkpolicy/memory-redis"])
def test_a_deleted_child_is_repaired(tenant: str, child: str) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    kind, name = child.split("/")
    gone = get(kind, name, tenant)["metadata"]["uid"]

    kubectl("delete", child, "-n", tenant)

    until(f"{child} is back", lambda: get(kind, name, tenant)["metadata"]["uid"] != gone, within=30)
    wait_ready("support", tenant)


def test_an_edited_memory_reaches_the_service_and_keeps_its_data(tenant: str, service: Client) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    with service.open() as client:
        append(client, "support", "kept", "written before the edit")

    apply(memory("support", options={"ttl": {"after": "7d"}, "lastMessages": 3}), namespace=tenant)
    wait_ready("support", tenant)

    with service.open() as client:
        assert history(client, "support", "kept") == ["written before the edit"]
        assert append(client, "support", "fresh", "hello")["expires_at"]
        definition = client.get("/memories/support").json()
    assert "7d" in json.dumps(definition) or "604800" in json.dumps(definition)


def test_the_operator_never_regenerates_credentials(tenant: str, platform: str) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    before = secret("memory-credentials", tenant)

    apply(memory("second"), namespace=tenant)
    wait_ready("second", tenant)

    assert secret("memory-credentials", tenant) == before
    logs = kubectl("logs", "-n", platform, "deployment/" + operator_deployment(platform), "--tail=-1")
    assert not [value for key, value in before.items() if "password" in key or key.endswith("api-key") if value in logs]


def test_a_deleted_memory_with_policy_delete_erases_its_data_and_then_goes(tenant: str, service: Client) -> None:
    apply(memory("kept"), memory("gone", deletionPolicy="Delete"), namespace=tenant)
    wait_ready("kept", tenant)
    wait_ready("gone", tenant)
    with service.open() as client:
        append(client, "gone", "thread", "erase me")
        append(client, "kept", "thread", "keep me")

    kubectl("delete", "memory", "gone", "-n", tenant, "--timeout=60s")
    apply(memory("gone", deletionPolicy="Delete"), namespace=tenant)
    wait_ready("gone", tenant)

    with service.open() as client:
        assert history(client, "gone", "thread") == []
        assert history(client, "kept", "thread") == ["keep me"]


def test_a_retained_memory_is_adopted_again_by_its_id(tenant: str, service: Client) -> None:
    apply(memory("other"), memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    with service.open() as client:
        append(client, "support", "thread", "still here")

    kubectl("delete", "memory", "support", "-n", tenant, "--timeout=60s")
    with service.open() as client:
        until("the memory is not served", lambda: client.get("/memories/support").status_code == 404, within=30)
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)

    with service.open() as client:
        assert history(client, "support", "thread") == ["still here"]


def test_the_last_memory_and_then_the_namespace_go_and_nothing_hangs(tenant: str) -> None:
    apply(memory("first"), memory("last", deletionPolicy="Delete"), namespace=tenant)
    wait_ready("first", tenant)
    wait_ready("last", tenant)

    kubectl("delete", "memory", "first", "-n", tenant, "--timeout=60s")
    assert get("statefulset", "memory-redis", tenant)
    kubectl("delete", "memory", "last", "-n", tenant, "--timeout=60s")

    ours = "app.kubernetes.io/managed-by=memory-operator"
    until(
        "the stack is gone",
        lambda: (
            not items(
                "statefulsets,deployments,services,configmaps,secrets,networkpolicies,serviceaccounts", tenant, ours
            )
        ),
        within=60,
    )
    kubectl("delete", "namespace", tenant, "--timeout=90s")


def test_a_namespace_deleted_with_its_memories_in_it_does_not_hang(tenant: str) -> None:
    apply(memory("support", deletionPolicy="Delete"), namespace=tenant)
    wait_ready("support", tenant)

    kubectl("delete", "namespace", tenant, "--timeout=90s")


def test_a_second_memory_with_the_same_id_is_told_who_holds_it(tenant: str) -> None:
    apply(memory("holder", id="shared"), namespace=tenant)
    wait_ready("holder", tenant)
    apply(memory("latecomer", id="shared"), namespace=tenant)

    def stalled() -> bool:
        state = condition(get("memory", "latecomer", tenant), "Stalled")
        assert state.get("reason") == "IdTaken", state
        return "holder" in state["message"]

    until("the latecomer is Stalled IdTaken", stalled, within=30)
    wait_ready("holder", tenant)
