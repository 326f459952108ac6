"""The product's main job: a Memory is applied, and a tenant has a working memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import pytest

from e2e.kube import Client, append, apply, get, history, items, kubectl, memory, recalled, secret, until, wait_ready


def test_an_applied_memory_is_ready_then_written_read_and_recalled(tenant: str, service: Client) -> None:
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant, within=90)

    with service.open() as client:
        append(client, "support", "billing", "My account number is ACC-12345", "The invoice of March was charged twice")
        append(client, "support", "weather", "It is raining in Lisbon today")

        assert history(client, "support", "billing") == [
            "My account number is ACC-12345",
            "The invoice of March was charged twice",
        ]
        assert (
            recalled(client, "support", "Which payment was taken two times?")[0]
            == "The invoice of March was charged twice"
        )


@pytest.mark.alone
def test_a_memory_is_ready_soon_after_it_is_applied(
    tenants: Callable[[], str], record_property: Callable[..., None]
) -> None:
    """The figure `apply -> Ready`: the median of three fresh tenants, images present."""
    seconds = []
    for _ in range(3):
        namespace = tenants()
        apply(memory("timed"), namespace=namespace)
        seconds.append(wait_ready("timed", namespace, within=60))

    median = statistics.median(seconds)
    record_property("apply_to_ready_seconds", [round(value, 1) for value in seconds])
    print(f"\napply -> Ready, seconds: {[round(value, 1) for value in seconds]}, median {median:.1f} (must 30, aim 10)")
    assert median <= 30


def test_status_says_where_the_service_is_and_which_secret_opens_it(standing: str) -> None:
    status = get("memory", "support", standing)["status"]
    connection = secret(status["binding"]["name"], standing)

    assert connection["uri"] == f"http://memory.{standing}.svc:8080"
    assert status["endpoint"] == f"{connection['uri']}/v1/memories/support"
    assert set(connection) == {"type", "host", "port", "uri", "api-key"}
    assert status["resolved"]["embedder"]


def test_kubectl_get_mem_reads_well(standing: str) -> None:
    header, row = kubectl("get", "mem", "-n", standing).splitlines()

    assert header.split() == ["NAME", "READY", "REASON", "STORAGE", "VECTOR", "AGE"]
    assert row.split()[:2] == ["support", "True"]


def test_two_tenants_with_the_same_memory_id_share_nothing(tenants: Callable[[], str]) -> None:
    first, second = tenants(), tenants()
    for namespace in (first, second):
        apply(memory("support"), namespace=namespace)
    for namespace in (first, second):
        wait_ready("support", namespace)

    with Client(first).open() as client:
        append(client, "support", "shared-name", "the first tenant's secret plan")
    with Client(second).open() as client:
        assert history(client, "support", "shared-name") == []
        assert recalled(client, "support", "secret plan") == []

    for name in ("memory-credentials", "memory-connection"):
        ours, theirs = secret(name, first), secret(name, second)
        differing = {key for key in ours if ours[key] != theirs[key]}
        assert {key for key in ours if "password" in key or "api-key" in key} <= differing

    first_key = secret("memory-connection", first)["api-key"]
    with Client(second).open() as client:
        answer = client.get("/memories", headers={"Authorization": f"Bearer {first_key}"})
    assert answer.status_code == 401


def test_memory_and_tenant_in_one_file_work_in_either_order(tenants: Callable[[], str]) -> None:
    for swap in (False, True):
        namespace = tenants()
        wish = {
            "apiVersion": "memoryplatform.dev/v1alpha1",
            "kind": "MemoryTenant",
            "metadata": {"name": "default"},
            "spec": {"service": {"replicas": 2}},
        }
        both = (wish, memory("support")) if swap else (memory("support"), wish)

        apply(*both, namespace=namespace)

        wait_ready("support", namespace)
        until("two service pods", partial(has_ready_replicas, namespace, 2), within=60)
        assert get("memorytenant", "default", namespace)["spec"] == {"service": {"replicas": 2}}


def has_ready_replicas(namespace: str, wanted: int) -> bool:
    """Whether so many service pods are Ready."""
    return bool(get("deployment", "memory", namespace)["status"].get("readyReplicas") == wanted)


def test_every_pod_meets_the_restricted_profile_and_has_requests_and_limits(standing: str) -> None:
    for pod in items("pods", standing):
        for container in pod["spec"]["containers"]:
            assert set(container["resources"]) >= {"requests", "limits"}, container["name"]
            assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]
