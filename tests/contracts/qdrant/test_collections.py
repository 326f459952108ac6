"""Collections: made, described, listed, removed."""

import pytest

CONFIG = {
    "vectors": {"dense": {"size": 4, "distance": "Dot", "on_disk": True}},
    "sparse_vectors": {"text": {"modifier": "idf"}},
    "on_disk_payload": True,
}


def test_a_collection_describes_itself(store, name):
    assert store.result("PUT", f"/collections/{name}", CONFIG) is True

    info = store.result("GET", f"/collections/{name}")
    assert info["status"] == "green"
    assert info["optimizer_status"] == "ok"
    assert info["points_count"] == 0
    assert info["segments_count"] >= 1
    params = info["config"]["params"]
    assert params["vectors"]["dense"] == {"size": 4, "distance": "Dot", "on_disk": True}
    assert params["sparse_vectors"]["text"]["modifier"] == "idf"
    assert params["shard_number"] == 1
    assert params["on_disk_payload"] is True


def test_a_collection_is_listed_and_exists_until_it_is_deleted(store, name):
    assert store.result("GET", f"/collections/{name}/exists") == {"exists": False}
    store.result("PUT", f"/collections/{name}", CONFIG)
    assert {"name": name} in store.result("GET", "/collections")["collections"]
    assert store.result("GET", f"/collections/{name}/exists") == {"exists": True}

    assert store.result("DELETE", f"/collections/{name}") is True
    assert {"name": name} not in store.result("GET", "/collections")["collections"]
    assert store.result("GET", f"/collections/{name}/exists") == {"exists": False}


def test_deleting_what_is_not_there_says_so_without_an_error(store, name):
    assert store.result("DELETE", f"/collections/{name}") is False


def test_a_collection_cannot_be_made_twice(store, name):
    store.result("PUT", f"/collections/{name}", CONFIG)
    status, error = store.error("PUT", f"/collections/{name}", CONFIG)
    assert (status, error) == (409, f"Wrong input: Collection `{name}` already exists!")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/aliases", None),
        ("PUT", "/points", {"points": [{"id": 1, "vector": {"dense": [1, 2, 3, 4]}}]}),
        ("POST", "/points", {"ids": [1]}),
        ("GET", "/points/1", None),
        ("POST", "/points/delete?wait=true", {"points": [1]}),
        ("POST", "/points/payload?wait=true", {"points": [1], "payload": {"a": 1}}),
        ("POST", "/points/scroll", {}),
        ("POST", "/points/count", {}),
        ("POST", "/points/query", {"query": [1, 2, 3, 4], "using": "dense"}),
        ("POST", "/points/query/batch", {"searches": [{"query": [1, 2, 3, 4], "using": "dense"}]}),
        ("PUT", "/index?wait=true", {"field_name": "a", "field_schema": "keyword"}),
    ],
)
def test_calls_on_a_missing_collection_are_not_found(store, name, method, path, body):
    status, error = store.error(method, f"/collections/{name}{path}", body)
    assert status == 404
    assert f"`{name}` doesn't exist" in error


@pytest.mark.parametrize(
    "bad", ["a*b", "a%3Fb", "a%2Fb", "a:b", "a" * 256], ids=["star", "query", "slash", "colon", "long"]
)
def test_a_name_outside_the_grammar_is_refused(store, bad):
    status, error = store.error("PUT", f"/collections/{bad}", CONFIG)
    assert status == 422
    assert error.startswith("Validation error in path parameters")


@pytest.mark.parametrize(
    ("config", "status", "part"),
    [
        ({"vectors": {"dense": {"size": 0, "distance": "Dot"}}}, 422, "size"),
        ({"vectors": {"dense": {"size": 70000, "distance": "Dot"}}}, 422, "size"),
        ({"vectors": {"dense": {"size": 4, "distance": "Angular"}}}, 400, "Format error in JSON body"),
        ({"vectors": {"dense": {"distance": "Dot"}}}, 400, "Format error in JSON body"),
        ({"sparse_vectors": {"text": {"modifier": "tfidf"}}}, 400, "modifier"),
    ],
)
def test_a_wrong_configuration_is_refused_by_field(store, name, config, status, part):
    refused, error = store.error("PUT", f"/collections/{name}", config)
    assert refused == status
    assert part in error
    assert store.result("GET", f"/collections/{name}/exists") == {"exists": False}


def test_field_indexes_are_listed_and_removed(store, notes):
    schema = store.result("GET", f"/collections/{notes}")["payload_schema"]
    assert {field: index["data_type"] for field, index in schema.items()} == {
        "thread": "keyword",
        "n": "integer",
        "at": "datetime",
    }
    assert schema["n"]["points"] == 10

    store.result("DELETE", f"/collections/{notes}/index/n?wait=true")
    assert "n" not in store.result("GET", f"/collections/{notes}")["payload_schema"]


def test_an_unknown_kind_of_index_is_refused(store, notes):
    status, error = store.error("PUT", f"/collections/{notes}/index", {"field_name": "x", "field_schema": "fancy"})
    assert status == 400
    assert error.startswith("Format error in JSON body")
