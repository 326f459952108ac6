"""Names of objects, keys and addresses are formed in one place, and cannot collide."""

from __future__ import annotations

import re

import pytest
from memory_crd import names


def test_every_child_says_whose_it_is() -> None:
    labels = names.labels("shop", names.COMPONENT_REDIS)

    assert labels == {
        "app.kubernetes.io/name": "memory-platform",
        "app.kubernetes.io/component": "redis",
        "app.kubernetes.io/instance": "shop",
        "app.kubernetes.io/managed-by": "memory-operator",
        "memoryplatform.dev/tenant": "shop",
    }


def test_a_selector_is_part_of_the_labels() -> None:
    assert names.selector("shop", "redis").items() <= names.labels("shop", "redis").items()


def test_there_are_sixteen_definition_config_maps() -> None:
    assert len(set(names.DEFINITION_CONFIG_MAPS)) == 16
    assert names.DEFINITION_CONFIG_MAPS[0] == "memory-definitions-00"
    assert names.DEFINITION_CONFIG_MAPS[-1] == "memory-definitions-15"


def test_a_shard_outside_the_sixteen_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"0\.\.15"):
        names.definitions_config_map(16)


def test_the_endpoint_is_the_service_in_its_namespace() -> None:
    assert names.endpoint("shop") == "http://memory.shop.svc:8080"
    assert names.memory_url("shop", "support") == "http://memory.shop.svc:8080/v1/memories/support"
    assert names.host("shop", names.REDIS) == "memory-redis.shop.svc"


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b-c"), ("a-b", "c")), (("a", "b_c"), ("a", "b-c")), (("a-b", "c"), ("a", "b"))],
    ids=["dash moves", "underscore is no dash", "prefix"],
)
def test_two_memories_never_share_a_key_or_a_collection(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert names.redis_tag(*one) != names.redis_tag(*other)
    assert names.collection_alias(*one) != names.collection_alias(*other)


def test_the_acl_pattern_covers_the_tenant_s_keys_and_no_others() -> None:
    glob = re.escape(names.redis_key_pattern("shop")).replace(r"\*", ".*")

    assert re.fullmatch(glob, names.redis_tag("shop", "support") + ":t:thread")
    assert not re.fullmatch(glob, names.redis_tag("shop2", "support") + ":t:thread")


def test_a_collection_has_a_version_behind_its_alias() -> None:
    assert names.collection_alias("shop", "support") == "shop.support"
    assert names.collection("shop", "support", 2) == "shop.support.v2"
