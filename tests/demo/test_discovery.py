"""What the demo's Prometheus is told to scrape."""

from __future__ import annotations

from typing import Any

from memory_crd import names

from e2e.demo.discovery import groups


def pod(component: str, managed_by: str, *ports: tuple[str, int], phase: str = "Running") -> dict[str, Any]:
    labels = {names.LABEL_COMPONENT: component, names.LABEL_MANAGED_BY: managed_by}
    listed = [{"name": name, "containerPort": number} for name, number in ports]
    return {
        "metadata": {"name": "one", "namespace": "team", "labels": labels},
        "spec": {"containers": [{"ports": listed[:1]}, {"ports": listed[1:]}]},
        "status": {"phase": phase},
    }


def test_service_and_worker_of_a_pod_are_two_jobs_behind_the_api_servers_proxy() -> None:
    service = pod("service", names.MANAGED_BY, ("management", 9464), ("worker-metrics", 9465))

    first, second = groups([service], "127.0.0.1:8001")

    assert first == {
        "targets": ["127.0.0.1:8001"],
        "labels": {
            "job": "memory-service",
            "namespace": "team",
            "pod": "one",
            "instance": "one:9464",
            "__metrics_path__": "/api/v1/namespaces/team/pods/one:9464/proxy/metrics",
        },
    }
    assert second["labels"]["job"] == "memory-worker"


def test_stores_and_strangers_and_pods_that_do_not_run_are_left_out() -> None:
    others = [
        pod("redis", names.MANAGED_BY, ("redis", 6379)),
        pod("operator", names.MANAGED_BY, ("metrics", 9464)),
        pod("service", "Helm", ("management", 9464)),
        pod("service", names.MANAGED_BY, ("management", 9464), phase="Pending"),
    ]

    assert list(groups(others, "127.0.0.1:8001")) == []


def test_the_operator_is_the_one_that_helm_installed() -> None:
    (found,) = groups([pod("operator", "Helm", ("metrics", 9464))], "127.0.0.1:8001")

    assert found["labels"]["job"] == "memory-operator"
