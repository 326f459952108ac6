"""The pure parts of the adapter to the API server."""

from __future__ import annotations

from memory_operator.cluster import Notice
from memory_operator.kinds import BY_NAME, CHILD_KINDS, DEPLOYMENT, MEMORY, NAMESPACE, SERVICE, made_last_first
from memory_operator.kube import event_of, is_ours

from tests.memory_operator.builders import NOW, memory


def test_a_path_names_group_tenant_object_and_part() -> None:
    assert MEMORY.path() == "/apis/memoryplatform.dev/v1alpha1/memories"
    assert MEMORY.path("acme", "a", "status") == "/apis/memoryplatform.dev/v1alpha1/namespaces/acme/memories/a/status"
    assert SERVICE.path("acme") == "/api/v1/namespaces/acme/services"
    assert NAMESPACE.path(None, "acme") == "/api/v1/namespaces/acme"
    assert DEPLOYMENT.api_version == "apps/v1"


def test_an_event_is_about_its_object_in_its_namespace() -> None:
    event = event_of(Notice(memory(), "NotErased", "why", alarming=True), NOW)

    assert event["metadata"]["namespace"] == event["involvedObject"]["namespace"] == "acme"
    assert event["involvedObject"]["uid"] == "uid-support"
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "NotErased", "why")


def test_an_event_about_a_namespace_is_written_to_default() -> None:
    about = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "acme"}}

    event = event_of(Notice(about, "NotErased", "why"), NOW)

    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


def test_a_secret_that_somebody_else_made_under_our_name_is_not_ours() -> None:
    assert not is_ours({"metadata": {"name": "memory-credentials"}})
    assert is_ours({"metadata": {"labels": {"app.kubernetes.io/managed-by": "memory-operator"}}})


def test_children_go_in_the_opposite_order_of_their_making() -> None:
    kinds = [{"kind": kind.name} for kind in CHILD_KINDS]

    assert sorted(kinds, key=made_last_first) == kinds[::-1]
    assert set(BY_NAME) >= {kind.name for kind in CHILD_KINDS}
