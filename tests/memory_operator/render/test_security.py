"""The restricted Pod Security Standard and the network, checked as data for every pod that is ever rendered."""

from __future__ import annotations

from typing import Any

import pytest
from memory_crd import names, quantities

from tests.memory_operator.builders import memory
from tests.memory_operator.render.test_render import OPENAI
from tests.memory_operator.rendering import EXAMPLES, containers, declared, keys, of_example, rendered, templates, the

OWN = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "memory-platform"}}}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_pod_meets_the_restricted_profile(name: str) -> None:
    for template in templates(rendered(of_example(name))).values():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec["automountServiceAccountToken"]
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
        assert all(set(volume) - {"name"} <= {"emptyDir", "projected", "secret"} for volume in spec["volumes"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_container_is_unprivileged_read_only_and_bounded(name: str) -> None:
    for container in containers(rendered(of_example(name))).values():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"]
        assert set(container["resources"]) == {"requests", "limits"}
        for part in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][part])


def test_several_tenants_fit_two_cores_by_default() -> None:
    for container in containers(rendered(declared())).values():
        assert quantities.parse(container["resources"]["requests"]["cpu"]) <= quantities.parse("25m")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_container_is_probed(name: str) -> None:
    for workload, container in containers(rendered(of_example(name))).items():
        assert "livenessProbe" in container
        for probe in ("startupProbe", "readinessProbe"):  # the service is ready while its worker still loads
            assert (probe in container) is (workload != "memory/worker")


def test_redis_is_probed_as_a_user_that_may_do_nothing_else() -> None:
    container = containers(rendered(declared()))["memory-redis/redis"]

    assert container["readinessProbe"]["exec"]["command"] == ["redis-cli", "-e", "--user", "probe", "ping"]
    [auth] = container["env"]
    assert auth["name"] == "REDISCLI_AUTH"
    assert auth["valueFrom"]["secretKeyRef"]["key"] == names.KEY_REDIS_PROBE_PASSWORD


# --- network ----------------------------------------------------------------------------------------------------------


def policy(name: str, *memories: Any, **tenant: Any) -> Any:
    return the("NetworkPolicy", name, rendered(declared(*memories, **tenant)))["spec"]


def test_every_pod_is_selected_by_a_policy_of_both_directions() -> None:
    manifests = rendered(of_example("all"))
    selectors = [one["spec"]["podSelector"] for one in manifests if one["kind"] == "NetworkPolicy"]

    for name, template in templates(manifests).items():
        assert [one for one in selectors if _matches(one, template["metadata"]["labels"])], name
    for manifest in manifests:
        if manifest["kind"] == "NetworkPolicy":
            assert manifest["spec"]["policyTypes"] == ["Ingress", "Egress"]


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    within = all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))
    return equal and within


def test_the_service_is_called_from_its_namespace_and_from_whom_the_tenant_allows() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"team": "agents"}}}

    calls, metrics = policy("memory", network={"allowFrom": [peer]})["ingress"]

    assert calls == {"from": [{"podSelector": {}}, peer], "ports": [{"port": 8080, "protocol": "TCP"}]}
    assert metrics["from"] == [OWN]
    assert [port["port"] for port in metrics["ports"]] == [9464, 9465]


@pytest.mark.parametrize(("name", "port"), [("memory-redis", 6379), ("memory-qdrant", 6333)])
def test_a_store_is_reached_only_by_the_service_and_reaches_nobody(name: str, port: int) -> None:
    spec = policy(name)

    caller = {"podSelector": {"matchLabels": names.selector("acme", names.COMPONENT_SERVICE)}}
    assert spec["ingress"] == [{"from": [caller], "ports": [{"port": port, "protocol": "TCP"}]}]
    assert spec["egress"] == []


def test_the_service_reaches_names_its_stores_and_the_ports_of_declared_urls() -> None:
    dns, redis, qdrant, declared_urls = policy("memory", memory(**OPENAI))["egress"]

    assert [port["port"] for port in dns["ports"]] == [53, 53]
    assert [redis["ports"][0]["port"], qdrant["ports"][0]["port"]] == [6379, 6333]
    assert declared_urls == {"ports": [{"port": 8000, "protocol": "TCP"}]}


def test_the_service_reaches_nothing_outside_when_nothing_is_declared() -> None:
    assert len(policy("memory")["egress"]) == 3


def test_policies_can_be_switched_off() -> None:
    assert not [key for key in keys(rendered(declared(network={"policies": "Disabled"}))) if "NetworkPolicy" in key]
