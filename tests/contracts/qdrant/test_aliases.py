"""Aliases: a second name that moves in one step."""

import pytest

CONFIG = {"vectors": {"dense": {"size": 2, "distance": "Dot"}}}


@pytest.fixture
def versions(store, name):
    """Two collections with one point each, 1 in the first and 2 in the second; the alias is `<name>-alias`."""
    made = [f"{name}.v1", f"{name}.v2"]
    for number, collection in enumerate(made, 1):
        store.result("PUT", f"/collections/{collection}", CONFIG)
        point = {"id": number, "vector": {"dense": [1, 1]}}
        store.result("PUT", f"/collections/{collection}/points?wait=true", {"points": [point]})
    yield made
    for collection in made:
        store.call("DELETE", f"/collections/{collection}")


def change(store, *actions):
    return store.result("POST", "/collections/aliases", {"actions": list(actions)})


def create(collection, alias):
    return {"create_alias": {"collection_name": collection, "alias_name": alias}}


def ids(store, collection):
    return [point["id"] for point in store.result("POST", f"/collections/{collection}/points/scroll", {})["points"]]


def test_an_alias_works_wherever_a_name_does(store, name, versions):
    alias = f"{name}-alias"
    assert change(store, create(versions[0], alias)) is True

    assert store.result("GET", f"/collections/{alias}/exists") == {"exists": True}
    assert store.result("GET", f"/collections/{alias}")["points_count"] == 1
    new = {"points": [{"id": 7, "vector": {"dense": [1, 0]}, "payload": {"a": 1}}]}
    store.result("PUT", f"/collections/{alias}/points?wait=true", new)
    assert ids(store, alias) == ids(store, versions[0]) == [1, 7]
    assert store.result("GET", f"/collections/{alias}/points/7")["payload"] == {"a": 1}
    store.result("POST", f"/collections/{alias}/points/delete?wait=true", {"points": [7]})
    assert store.result("POST", f"/collections/{alias}/points/count", {})["count"] == 1


def test_an_alias_moves_to_another_collection_in_one_step(store, name, versions):
    alias = f"{name}-alias"
    change(store, create(versions[0], alias))
    assert ids(store, alias) == [1]

    change(store, {"delete_alias": {"alias_name": alias}}, create(versions[1], alias))

    assert ids(store, alias) == [2]
    listed = store.result("GET", "/aliases")["aliases"]
    assert {"alias_name": alias, "collection_name": versions[1]} in listed


def test_an_alias_is_renamed(store, name, versions):
    change(store, create(versions[0], f"{name}-old"))
    change(store, {"rename_alias": {"old_alias_name": f"{name}-old", "new_alias_name": f"{name}-new"}})

    assert store.result("GET", f"/collections/{versions[0]}/aliases") == {
        "aliases": [{"alias_name": f"{name}-new", "collection_name": versions[0]}]
    }
    assert store.result("GET", f"/collections/{name}-old/exists") == {"exists": False}


def test_a_deleted_collection_takes_its_aliases_along(store, name, versions):
    change(store, create(versions[0], f"{name}-alias"))
    store.result("DELETE", f"/collections/{versions[0]}")

    assert store.result("GET", f"/collections/{name}-alias/exists") == {"exists": False}
    assert all(pair["alias_name"] != f"{name}-alias" for pair in store.result("GET", "/aliases")["aliases"])


def test_deleting_by_alias_deletes_nothing(store, name, versions):
    change(store, create(versions[0], f"{name}-alias"))
    assert store.result("DELETE", f"/collections/{name}-alias") is False
    assert ids(store, versions[0]) == [1]


def test_an_alias_to_nothing_is_refused(store, name):
    status, error = store.error("POST", "/collections/aliases", {"actions": [create(name, f"{name}-alias")]})
    assert (status, error) == (404, f"Not found: Collection `{name}` doesn't exist!")


def test_renaming_a_missing_alias_is_refused(store, name):
    rename = {"rename_alias": {"old_alias_name": f"{name}-x", "new_alias_name": f"{name}-y"}}
    status, error = store.error("POST", "/collections/aliases", {"actions": [rename]})
    assert status == 404
    assert f"Alias {name}-x does not exist" in error


def test_an_alias_cannot_take_the_name_of_a_collection(store, versions):
    status, error = store.error("POST", "/collections/aliases", {"actions": [create(versions[0], versions[1])]})
    assert status == 409
    assert "already exists" in error


def test_a_collection_cannot_take_the_name_of_an_alias(store, name, versions):
    change(store, create(versions[0], f"{name}-alias"))
    status, error = store.error("PUT", f"/collections/{name}-alias", CONFIG)
    assert status in (400, 409)
    assert "already exists" in error
