"""What dies comes back, what was acknowledged stays, and whoever looks is told which part is away."""

from __future__ import annotations

import httpx2
import pytest

from e2e.kube import (
    Client,
    append,
    apply,
    condition,
    forwarded,
    get,
    history,
    items,
    kubectl,
    memory,
    recalled,
    until,
    wait_ready,
)


@pytest.fixture
def stored(tenant: str, service: Client) -> str:
    """A tenant whose Memory `support` holds one thread of two messages, indexed."""
    apply(memory("support"), namespace=tenant)
    wait_ready("support", tenant)
    with service.open() as client:
        append(client, "support", "billing", "The invoice of March was charged twice", "A refund was promised")
        assert recalled(client, "support", "charged two times")
    return tenant


def pods(component: str, namespace: str) -> list[str]:
    """Names of the running pods of a component that are not on their way out."""
    found = items("pods", namespace, f"app.kubernetes.io/component={component}")
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


@pytest.mark.parametrize("component", ["redis", "qdrant", "service"])
def test_a_deleted_pod_comes_back_with_the_data_still_there(stored: str, service: Client, component: str) -> None:
    before = pods(component, stored)
    assert before
    kubectl("delete", "pod", "-n", stored, *before, "--wait=true")

    wait_ready("support", stored, within=90)

    def same() -> bool:
        with service.open() as client:
            assert history(client, "support", "billing") == [
                "The invoice of March was charged twice",
                "A refund was promised",
            ]
            assert recalled(client, "support", "charged two times")[0] == "The invoice of March was charged twice"
        return True

    until("history and recall after the pod came back", same, within=60)


def test_history_survives_the_vector_store_and_appends_during_its_absence_are_indexed_afterwards(
    stored: str, service: Client
) -> None:
    cordon(stored, True)
    try:
        kubectl("delete", "pod", "-n", stored, *pods("qdrant", stored), "--ignore-not-found", "--wait=true")
        with service.open() as client:
            append(client, "support", "later", "The courier left the parcel with a neighbour")
            assert history(client, "support", "later") == ["The courier left the parcel with a neighbour"]
            health = until(
                "health names the vector store",
                lambda: (
                    (told := client.get("/memories/support/health").json())["components"]["vector"]["status"] != "ok"
                    and told
                ),
                within=30,
            )
            assert health["components"]["storage"]["status"] == "ok"
        until(
            "condition VectorReady False",
            lambda: condition(get("memory", "support", stored), "VectorReady").get("status") == "False",
            within=60,
        )
    finally:
        cordon(stored, False)

    wait_ready("support", stored, within=90)

    def indexed() -> bool:
        with service.open() as client:
            assert (
                recalled(client, "support", "Where is my package?")[0] == "The courier left the parcel with a neighbour"
            )
        return True

    until("what was appended meanwhile is recalled", indexed, within=60)


def test_without_redis_the_service_says_so_and_stays_reachable(stored: str, service: Client) -> None:
    cordon(stored, True)
    try:
        kubectl("delete", "pod", "-n", stored, *pods("redis", stored), "--wait=true")
        with service.open() as client:
            answer = client.get("/memories/support/threads/billing/messages")
            assert answer.status_code == 503
            assert answer.json()["code"] == "storage_unavailable"
            assert answer.json()["retryable"] is True
            assert "retry-after" in answer.headers
        with forwarded("deployment/memory", 9464, stored) as url:
            ready = httpx2.get(url + "/readyz")
            assert ready.status_code == 200
            assert "storage" in ready.text
        until(
            "condition StorageReady False",
            lambda: condition(get("memory", "support", stored), "StorageReady").get("status") == "False",
            within=60,
        )
    finally:
        cordon(stored, False)
    wait_ready("support", stored, within=90)


def cordon(namespace: str, closed: bool) -> None:
    """Let no new pod start in the namespace while `closed` (a quota of zero pods), so that an absence lasts."""
    if closed:
        kubectl("create", "quota", "no-new-pods", "-n", namespace, "--hard=pods=0")
    else:
        kubectl("delete", "quota", "no-new-pods", "-n", namespace, "--ignore-not-found")
