"""The cache of objects: news by resourceVersion, ghosts gone by LIST."""

from __future__ import annotations

from typing import Any

from memory_operator.cache import Cache
from memory_operator.kinds import CONFIG_MAP, POD


def thing(name: str = "one", version: int = 1, tenant: str = "acme", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": tenant, "resourceVersion": str(version), "managedFields": [{}]}
    return {"metadata": metadata, **more}


def names(cache: Cache, tenant: str = "acme") -> list[str]:
    return [one["metadata"]["name"] for one in cache.of(CONFIG_MAP, tenant)]


def test_a_late_event_does_not_undo_a_newer_answer() -> None:
    cache = Cache()

    assert cache.store(CONFIG_MAP, thing(version=5, data={"a": "new"}))
    assert not cache.store(CONFIG_MAP, thing(version=4, data={"a": "old"}))
    assert not cache.store(CONFIG_MAP, thing(version=5))

    assert cache.of(CONFIG_MAP, "acme")[0]["data"] == {"a": "new"}


def test_an_answer_that_arrives_after_the_deletion_does_not_raise_the_dead() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing(version=1))
    cache.remove(CONFIG_MAP, thing(version=7))

    assert not cache.store(CONFIG_MAP, thing(version=6))
    assert names(cache) == []
    assert cache.buried(CONFIG_MAP, "acme") == {"one"}

    assert cache.store(CONFIG_MAP, thing(version=8))
    assert names(cache) == ["one"]


def test_a_deletion_that_arrives_after_the_object_was_made_again_is_old_news() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing(version=9))

    cache.remove(CONFIG_MAP, thing(version=7))

    assert names(cache) == ["one"]


def test_a_list_drops_ghosts_and_tells_where() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing("ghost", 1))
    cache.store(CONFIG_MAP, thing("known", 2))
    cache.store(CONFIG_MAP, thing("ghost", 3, tenant="other"))

    changed = cache.replace(CONFIG_MAP, [thing("known", 2), thing("missed", 4, tenant="third")], 10)

    assert changed == {"acme", "other", "third"}
    assert names(cache) == ["known"]
    assert names(cache, "other") == []
    assert cache.replace(CONFIG_MAP, [thing("known", 2), thing("missed", 4, tenant="third")], 11) == set()


def test_a_list_keeps_what_is_newer_than_itself() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing("fresh", 12))

    assert cache.replace(CONFIG_MAP, [], 10) == set()

    assert names(cache) == ["fresh"]


def test_a_list_of_one_tenant_or_one_name_says_nothing_about_the_rest() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing("one", 1))
    cache.store(CONFIG_MAP, thing("two", 1))
    cache.store(CONFIG_MAP, thing("one", 1, tenant="other"))

    cache.replace(CONFIG_MAP, [], 10, tenant="acme", name="one")

    assert names(cache) == ["two"]
    assert names(cache, "other") == ["one"]


def test_what_nobody_reads_is_not_kept() -> None:
    cache = Cache()
    cache.store(POD, thing(spec={"containers": []}, status={"podIP": "10.0.0.1"}))
    cache.store(CONFIG_MAP, thing())

    [pod] = cache.of(POD, "acme")
    assert "spec" not in pod
    assert pod["kind"] == "Pod"
    assert "managedFields" not in cache.of(CONFIG_MAP, "acme")[0]["metadata"]


def test_the_age_of_a_kind_starts_over_when_it_is_known_to_agree() -> None:
    now = 100.0
    cache = Cache(clock=lambda: now)
    cache.replace(CONFIG_MAP, [], 1)
    now = 130.0

    assert cache.ages() == {"ConfigMap": 30.0}

    cache.agree(CONFIG_MAP)
    assert cache.ages() == {"ConfigMap": 0.0}


def test_a_tenant_without_objects_is_forgotten() -> None:
    cache = Cache()
    cache.store(CONFIG_MAP, thing(version=1))
    assert cache.tenants() == {"acme"}

    cache.remove(CONFIG_MAP, thing(version=2))

    assert cache.tenants() == set()
