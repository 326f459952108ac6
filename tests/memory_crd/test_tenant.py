"""A tenant is its MemoryTenant over the chart's defaults over the product's, and nothing in it is absent."""

from __future__ import annotations

from typing import Any

import pytest
from memory_crd.errors import InvalidTenant
from memory_crd.tenant import Amounts, MemoryTenant, Peer, Resources, Tenant, TenantSpec, Volume, resolve


def tenant(**spec: Any) -> MemoryTenant:
    return MemoryTenant.parse(
        {"metadata": {"name": "default", "namespace": "shop", "uid": "u", "generation": 2}, "spec": spec}
    )


def resolved(defaults: dict[str, Any] | None = None, **spec: Any) -> TenantSpec:
    return resolve("shop", tenant(**spec), defaults).spec


def faults_of(name: str = "default", **spec: Any) -> dict[str, str]:
    with pytest.raises(InvalidTenant) as refused:
        MemoryTenant.parse({"metadata": {"name": name}, "spec": spec})
    return {fault.path: fault.message for fault in refused.value.faults}


def test_without_a_resource_and_defaults_the_product_s_apply() -> None:
    assert resolve("shop") == Tenant("shop", TenantSpec())


def test_the_resource_s_identity_is_kept() -> None:
    found = resolve("shop", tenant())

    assert (found.uid, found.generation) == ("u", 2)


def test_the_resource_wins_over_the_chart_and_the_chart_over_the_product() -> None:
    spec = resolved(
        {"redis": {"storage": {"size": "3Gi"}, "durability": "always"}, "service": {"replicas": 2}},
        redis={"storage": {"size": "5Gi"}},
    )

    assert spec.redis.storage == Volume("5Gi")
    assert spec.redis.durability == "always"
    assert spec.service.replicas == 2
    assert spec.qdrant == TenantSpec().qdrant


def test_lists_and_free_maps_are_replaced_not_merged() -> None:
    chart = {"scheduling": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]}}

    spec = resolved(chart, scheduling={"nodeSelector": {"pool": "memory"}, "tolerations": []})

    assert spec.scheduling.node_selector == {"pool": "memory"}
    assert spec.scheduling.tolerations == ()


def test_a_limit_below_an_inherited_request_lowers_the_request() -> None:
    resources = resolved(redis={"resources": {"limits": {"memory": "32Mi"}}}).redis.resources

    assert resources == Resources(Amounts("25m", "32Mi"), Amounts("1", "32Mi"))


def test_a_request_above_an_inherited_limit_raises_the_limit() -> None:
    resources = resolved(worker={"resources": {"requests": {"memory": "2Gi"}}}).worker.resources

    assert resources.limits.memory == "2Gi"


def test_whole_numbers_are_amounts() -> None:
    assert resolved(service={"resources": {"limits": {"cpu": 2}}}).service.resources.limits.cpu == "2"


def test_every_container_has_requests_and_limits() -> None:
    spec = TenantSpec()

    for part in (spec.redis, spec.qdrant, spec.service, spec.worker):
        manifest = part.resources.manifest()
        assert set(manifest["requests"]) == set(manifest["limits"]) == {"cpu", "memory"}
        assert manifest["requests"]["cpu"] == "25m"


def test_a_peer_is_written_as_a_network_policy_writes_it() -> None:
    spec = resolved(network={"allowFrom": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]})

    assert [peer.manifest() for peer in spec.network.allow_from] == [
        {"namespaceSelector": {}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
    ]
    assert isinstance(spec.network.allow_from[0], Peer)


def test_scheduling_is_written_as_a_pod_writes_it() -> None:
    written = {
        "nodeSelector": {"pool": "memory"},
        "tolerations": [{"key": "memory", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "priorityClassName": "high",
    }

    assert resolved(scheduling=written).scheduling.manifest() == written
    assert resolved().scheduling.manifest() == {}


def test_a_namespace_has_one_resource_named_default() -> None:
    assert "must be default" in faults_of("other")["/metadata/name"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"redis": {"durability": "never"}}, "/spec/redis/durability"),
        ({"redis": {"maxMemoryPercent": 95}}, "/spec/redis/maxMemoryPercent"),
        ({"redis": {"storage": {"size": "big"}}}, "/spec/redis/storage/size"),
        ({"redis": {"storage": {"size": 1}}}, "/spec/redis/storage/size"),
        ({"qdrant": {"storage": {"className": "Fast"}}}, "/spec/qdrant/storage/className"),
        ({"qdrant": {"durability": "always"}}, "/spec/qdrant/durability"),
        ({"service": {"replicas": 0}}, "/spec/service/replicas"),
        ({"service": {"replicas": 21}}, "/spec/service/replicas"),
        ({"service": {"image": "a b"}}, "/spec/service/image"),
        ({"worker": {"resources": {"requests": {"gpu": 1}}}}, "/spec/worker/resources/requests/gpu"),
        ({"worker": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1"}}}}, "/spec/worker/resources"),
        ({"network": {"policies": "On"}}, "/spec/network/policies"),
        ({"network": {"allowFrom": [{}]}}, "/spec/network/allowFrom/0"),
        (
            {"network": {"allowFrom": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}},
            "/spec/network/allowFrom/0",
        ),
        ({"network": {"allowFrom": [{"ipBlock": {"cidr": "everyone"}}]}}, "/spec/network/allowFrom/0/ipBlock/cidr"),
        ({"imagePullSecrets": [{"name": "a"}, {"name": "a"}]}, "/spec/imagePullSecrets/1"),
        ({"scheduling": {"nodeSelector": {"a": "b c"}}}, "/spec/scheduling/nodeSelector/a"),
        ({"scheduling": {"affinity": {"nodes": {}}}}, "/spec/scheduling/affinity/nodes"),
        ({"deletionPolicy": "Keep"}, "/spec/deletionPolicy"),
        ({"hibernated": True}, "/spec/hibernated"),
        ({"tls": {"mode": "Off"}}, "/spec/tls"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_value_is_refused_at_its_own_path(spec: dict[str, Any], path: str) -> None:
    assert list(faults_of(**spec)) == [path]


def test_bad_defaults_are_refused_by_name() -> None:
    with pytest.raises(InvalidTenant, match=r"the chart's defaults for tenants: /service/replicas"):
        resolve("shop", None, {"service": {"replicas": 0}})
