"""Which children a tenant has, and what is in them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_crd import definitions, names

from tests.memory_operator.builders import NAMESPACE, SETTINGS, config_maps, entry, inventory, live, memory
from tests.memory_operator.rendering import containers, declared, keys, rendered, templates, the

IN_MEMORY = {"storage": {"use": "in-memory"}, "vector": {"use": "in-memory", "dimensions": 384}}
OPENAI = {
    "vector": {"use": "qdrant", "dimensions": 8},
    "embedder": {
        "use": "openai",
        "config": {"url": "http://embeddings:8000/v1", "secretRef": {"name": "openai", "key": "token"}},
    },
}


def environment(container: Any) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_a_tenant_without_a_definition_in_force_has_nothing() -> None:
    assert rendered(declared(memory(vector={"use": "nothing"}))) == []


def test_every_child_says_whose_it_is_and_has_no_owner() -> None:
    for manifest in rendered(declared(memory(), memory("b", **IN_MEMORY))):
        metadata = manifest["metadata"]
        assert metadata["namespace"] == NAMESPACE
        assert (
            metadata["labels"].items()
            >= {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_TENANT: NAMESPACE,
                names.LABEL_INSTANCE: NAMESPACE,
            }.items()
        )
        assert len(metadata["annotations"][names.ANNOTATION_APPLIED_HASH]) == 64
        assert "ownerReferences" not in metadata


def test_a_store_is_there_only_if_a_memory_uses_it() -> None:
    durable, ephemeral = keys(rendered(declared(memory()))), keys(rendered(declared(memory(**IN_MEMORY))))

    assert {"StatefulSet/memory-redis", "StatefulSet/memory-qdrant"} <= durable
    assert {"StatefulSet/memory-redis-ephemeral", "StatefulSet/memory-qdrant-ephemeral"} <= ephemeral
    assert not durable & {key for key in ephemeral if key.startswith("StatefulSet")}


def test_a_durable_store_stays_until_the_last_memory_goes() -> None:
    store = live(the("StatefulSet", "memory-redis", rendered(declared(memory()))))

    assert "StatefulSet/memory-redis" in keys(rendered(inventory(memory(**IN_MEMORY), children=[store])))


def test_retained_data_keeps_its_store() -> None:
    past = config_maps([entry(memory("past", **IN_MEMORY), "retained")])

    assert "StatefulSet/memory-redis-ephemeral" in keys(rendered(inventory(memory(), children=past)))


def test_an_ephemeral_store_has_no_claim_and_no_log() -> None:
    manifests = rendered(declared(memory(**IN_MEMORY)))

    redis = the("StatefulSet", "memory-redis-ephemeral", manifests)["spec"]
    assert "volumeClaimTemplates" not in redis
    assert {"name": "data", "emptyDir": {}} in redis["template"]["spec"]["volumes"]
    config = the("ConfigMap", "memory-redis-config", manifests)["data"]["redis-ephemeral.conf"]
    assert "appendonly no" in config.splitlines()


@pytest.mark.parametrize(("durability", "fsync"), [("everysecond", "everysec"), ("always", "always")])
def test_redis_keeps_what_it_acknowledged_as_the_tenant_says(durability: str, fsync: str) -> None:
    manifests = rendered(declared(redis={"durability": durability, "maxMemoryPercent": 50}))

    lines = the("ConfigMap", "memory-redis-config", manifests)["data"]["redis.conf"].splitlines()
    assert {"appendonly yes", f"appendfsync {fsync}", "maxmemory-policy noeviction"} <= set(lines)
    assert f"maxmemory {256 * 2**20 // 2}" in lines


def test_a_change_of_configuration_rolls_redis_and_nothing_else() -> None:
    before, after = templates(rendered(declared())), templates(rendered(declared(redis={"durability": "always"})))

    assert {name for name in before if before[name] != after[name]} == {"memory-redis"}


def test_definitions_never_roll_a_pod() -> None:
    before = templates(rendered(declared(memory())))
    after = templates(rendered(declared(memory(generation=2, options={"lastMessages": 3}), memory("second"))))

    assert before == after


def test_a_new_secret_rolls_the_service_which_mounts_it_if_it_exists() -> None:
    manifests = rendered(declared(memory(**OPENAI)))

    volumes = templates(manifests)["memory"]["spec"]["volumes"]
    wanted = [volume["secret"] for volume in volumes if volume.get("secret", {}).get("optional")]
    assert wanted == [{"secretName": names.USER_ENV, "optional": True}, {"secretName": "openai", "optional": True}]
    paths = [mount["mountPath"] for mount in containers(manifests)["memory/worker"]["volumeMounts"]]
    assert {"/etc/memory/secrets/env", "/etc/memory/secrets/openai"} <= set(paths)


def test_a_summarizer_has_its_secret_mounted_and_its_port_open_to_the_service() -> None:
    summarizer = {"url": "https://chat:8443/v1", "model": "m", "secretRef": {"name": "chat"}}
    flushing = {"type": "hybrid_summary", "maxMessages": 10, "summaryTokens": 100, "summarizer": summarizer}
    manifests = rendered(declared(memory(options={"flushing": flushing})))

    volumes = templates(manifests)["memory"]["spec"]["volumes"]
    assert {"secretName": "chat", "optional": True} in [volume.get("secret") for volume in volumes]
    paths = [mount["mountPath"] for mount in containers(manifests)["memory/service"]["volumeMounts"]]
    assert "/etc/memory/secrets/chat" in paths
    assert {"ports": [{"port": 8443, "protocol": "TCP"}]} in the("NetworkPolicy", "memory", manifests)["spec"]["egress"]


def test_the_service_pod_is_given_only_the_credentials_it_needs() -> None:
    manifests = rendered(declared())

    [volume] = [one for one in templates(manifests)["memory"]["spec"]["volumes"] if one["name"] == "credentials"]
    assert {item["key"]: item["path"] for item in volume["secret"]["items"]} == {
        names.KEY_REDIS_SERVICE_PASSWORD: "redis-password",
        names.KEY_QDRANT_API_KEY: "qdrant-api-key",
        names.KEY_SERVICE_API_KEY_SHA256: "api-key-sha256",
    }


def test_the_connection_secret_holds_no_credential_of_a_store() -> None:
    data = the("Secret", names.CONNECTION, rendered(declared()))["data"]

    assert sorted(data) == ["api-key", "host", "port", "type", "uri"]


def test_service_and_worker_know_where_all_stores_are_or_would_be() -> None:
    found = containers(rendered(declared(memory())))

    for container in ("memory/service", "memory/worker"):
        assert (
            environment(found[container]).items()
            >= {
                "MEMORY_REDIS": "redis://memory-redis:6379",
                "MEMORY_REDIS_EPHEMERAL": "redis://memory-redis-ephemeral:6379",
                "MEMORY_QDRANT": "http://memory-qdrant:6333",
                "MEMORY_QDRANT_EPHEMERAL": "http://memory-qdrant-ephemeral:6333",
                "MEMORY_TENANT": NAMESPACE,
                "MEMORY_SOCKET": "/run/memory/worker.sock",
            }.items()
        )
    assert environment(found["memory/service"])["MEMORY_MANAGEMENT"] == "0.0.0.0:9464"
    assert environment(found["memory/worker"])["MEMORY_MANAGEMENT"] == "0.0.0.0:9465"


def test_a_first_memory_of_another_kind_rolls_no_pod() -> None:
    before, after = (
        templates(rendered(declared(memory()))),
        templates(rendered(declared(memory(), memory("b", **IN_MEMORY)))),
    )

    assert {name: after[name] for name in before} == before


def test_all_sixteen_definitions_are_optional_sources_of_one_volume() -> None:
    [volume] = [
        one for one in templates(rendered(declared()))["memory"]["spec"]["volumes"] if one["name"] == "definitions"
    ]

    sources = [source["configMap"] for source in volume["projected"]["sources"]]
    assert [source["name"] for source in sources] == list(names.DEFINITION_CONFIG_MAPS)
    assert all(source["optional"] for source in sources)


def test_the_volumes_follow_the_deletion_policy_of_the_tenant() -> None:
    for policy in ("Retain", "Delete"):
        for store in ("memory-redis", "memory-qdrant"):
            spec = the("StatefulSet", store, rendered(declared(deletionPolicy=policy)))["spec"]
            assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": policy, "whenScaled": "Retain"}


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [("1Gi", "2Gi", "2Gi"), ("2Gi", "1Gi", "2Gi"), ("1024Mi", "1Gi", "1Gi")],
    ids=["grows", "does not shrink", "the same size"],
)
def test_a_volume_never_shrinks_and_keeps_its_class(held: str, wanted: str, expected: str) -> None:
    first = rendered(declared(memory(), redis={"storage": {"size": held, "className": "fast"}}))
    store = live(the("StatefulSet", "memory-redis", first))

    again = rendered(
        dataclasses.replace(declared(memory(), redis={"storage": {"size": wanted, "className": "slow"}}),
                            children={("StatefulSet", "memory-redis"): store})
    )  # fmt: skip

    [claim] = the("StatefulSet", "memory-redis", again)["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == expected


def test_images_and_pull_policy_come_from_the_tenant_before_the_settings() -> None:
    settings = dataclasses.replace(SETTINGS, image_pull_policy="Never", qdrant_image="vectors:1")
    found = containers(
        rendered(declared(redis={"image": "valkey:9"}, imagePullSecrets=[{"name": "pull"}]), settings=settings)
    )

    assert {name: container["image"] for name, container in found.items()} == {
        "memory-redis/redis": "valkey:9",
        "memory-qdrant/qdrant": "vectors:1",
        "memory/service": SETTINGS.image,
        "memory/worker": SETTINGS.image,
    }
    assert {container["imagePullPolicy"] for container in found.values()} == {"Never"}


def test_scheduling_and_pull_secrets_reach_every_pod() -> None:
    scheduling = {"nodeSelector": {"pool": "memory"}, "tolerations": [{"key": "dedicated", "operator": "Exists"}]}

    for template in templates(rendered(declared(scheduling=scheduling, imagePullSecrets=[{"name": "pull"}]))).values():
        assert template["spec"]["nodeSelector"] == {"pool": "memory"}
        assert template["spec"]["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
        assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_replicas_and_resources_are_the_tenants() -> None:
    amounts = {"requests": {"cpu": "10m", "memory": "100Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    manifests = rendered(declared(service={"replicas": 3, "resources": amounts}))

    assert the("Deployment", "memory", manifests)["spec"]["replicas"] == 3
    assert containers(manifests)["memory/service"]["resources"] == amounts


@given(st.permutations([memory(name) for name in "abcd"]))
def test_the_order_in_which_memories_are_known_changes_nothing(memories: list[Any]) -> None:
    assert rendered(declared(*memories)) == rendered(declared(*(memory(name) for name in "abcd")))


def test_each_definition_is_in_the_config_map_of_its_id() -> None:
    manifests = rendered(declared(memory("a"), memory("b")))

    for name in ("a", "b"):
        shard = names.definitions_config_map(definitions.shard(name))
        assert f"{name}.json" in the("ConfigMap", shard, manifests)["data"]
