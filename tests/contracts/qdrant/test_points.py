"""Points: written, read, changed, deleted, paged and counted."""

import uuid

import pytest


def ids(store, collection, body=None):
    body = {"limit": 100, "with_payload": False, **(body or {})}
    return [point["id"] for point in store.result("POST", f"/collections/{collection}/points/scroll", body)["points"]]


def write(store, collection, *points):
    return store.result("PUT", f"/collections/{collection}/points?wait=true", {"points": list(points)})


def test_an_update_says_what_became_of_it(store, notes):
    point = {"id": 11, "vector": {"dense": [1, 0, 0]}}
    assert write(store, notes, point)["status"] == "completed"
    later = store.result("PUT", f"/collections/{notes}/points?wait=false", {"points": [point]})
    assert later["status"] == "acknowledged"


def test_a_point_comes_back_as_it_was_written(store, notes):
    id_ = str(uuid.uuid4())
    payload = {"text": "zwölf ☃", "list": [1, 2.5, None, True], "object": {"a": {"b": "c"}}, "number": -7}
    vectors = {"dense": [0, 0, 2], "text": {"indices": [3, 9], "values": [0.5, 1.5]}}
    write(store, notes, {"id": id_, "vector": vectors, "payload": payload})

    body = {"ids": [id_], "with_vector": True}
    (point,) = store.result("POST", f"/collections/{notes}/points", body)
    assert point["id"] == id_
    assert point["payload"] == payload
    assert point["vector"] == {"dense": [0, 0, 1], "text": {"indices": [3, 9], "values": [0.5, 1.5]}}


def test_a_point_is_replaced_as_a_whole(store, notes):
    write(store, notes, {"id": 1, "vector": {"text": {"indices": [5], "values": [1]}}, "payload": {"new": 1}})
    point = store.result("GET", f"/collections/{notes}/points/1")
    assert point["payload"] == {"new": 1}
    assert set(point["vector"]) == {"text"}
    assert store.result("POST", f"/collections/{notes}/points/count", {})["count"] == 10


def test_a_batch_is_written_column_by_column(store, notes):
    batch = {
        "ids": [21, 22],
        "vectors": {"dense": [[1, 0, 0], [0, 1, 0]], "text": [{"indices": [1], "values": [1]}] * 2},
        "payloads": [{"n": 21}, None],
    }
    store.result("PUT", f"/collections/{notes}/points?wait=true", {"batch": batch})
    (first, second) = store.result("POST", f"/collections/{notes}/points", {"ids": [21, 22], "with_vector": ["dense"]})
    assert first == {"id": 21, "payload": {"n": 21}, "vector": {"dense": [1, 0, 0]}}
    assert not second.get("payload")


def test_only_what_is_asked_for_is_answered(store, notes):
    path = f"/collections/{notes}/points"
    asked = {"ids": [3, 77], "with_payload": ["n", "nested.deep"], "with_vector": False}
    assert [point["payload"] for point in store.result("POST", path, asked)] == [{"n": 3, "nested": {"deep": 3}}]
    asked = {"ids": [3], "with_payload": {"exclude": ["n", "at", "tags", "nested", "score", "even"]}}
    assert store.result("POST", path, asked)[0]["payload"] == {"thread": "a"}
    asked = {"ids": [3], "with_payload": False}
    assert "vector" not in store.result("POST", path, asked)[0]


def test_a_missing_point_is_not_found(store, notes):
    status, error = store.error("GET", f"/collections/{notes}/points/404")
    assert (status, error) == (404, "Not found: Point with id 404 does not exists!")


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({"points": [1, 2, 3, 999]}, [4, 5, 6, 7, 8, 9, 10]),
        ({"filter": {"must": [{"key": "thread", "match": {"value": "b"}}]}}, [1, 2, 3, 4]),
        (
            {
                "filter": {
                    "must": [{"key": "thread", "match": {"value": "b"}}, {"key": "n", "range": {"lte": 8}}],
                    "must_not": [{"has_id": [6]}],
                }
            },
            [1, 2, 3, 4, 6, 9, 10],
        ),
        ({"filter": {"must": [{"key": "n", "match": {"any": [1, 10]}}]}}, [2, 3, 4, 5, 6, 7, 8, 9]),
    ],
    ids=["ids", "filter", "filter with range and ids", "any of a list"],
)
def test_points_are_deleted_by_ids_or_by_filter(store, notes, selection, left):
    store.result("POST", f"/collections/{notes}/points/delete?wait=true", selection)
    assert ids(store, notes) == left


def test_payload_is_merged_into_points(store, notes):
    path = f"/collections/{notes}/points/payload?wait=true"
    store.result("POST", path, {"points": [1], "payload": {"n": 100, "extra": [1]}})
    payload = store.result("GET", f"/collections/{notes}/points/1")["payload"]
    assert (payload["n"], payload["extra"], payload["thread"]) == (100, [1], "a")

    by_filter = {"filter": {"must": [{"key": "thread", "match": {"value": "b"}}]}, "payload": {"seen": True}}
    store.result("POST", path, by_filter)
    assert ids(store, notes, {"filter": {"must": [{"key": "seen", "match": {"value": True}}]}}) == [5, 6, 7, 8, 9, 10]


def test_payload_of_a_missing_point_is_not_found(store, notes):
    path = f"/collections/{notes}/points/payload?wait=true"
    status, error = store.error("POST", path, {"points": [777], "payload": {"a": 1}})
    assert status == 404
    assert "No point with id 777" in error


def test_pages_follow_one_another(store, notes):
    path = f"/collections/{notes}/points/scroll"
    first = store.result("POST", path, {"limit": 4, "with_payload": ["n"], "with_vector": False})
    assert [point["id"] for point in first["points"]] == [1, 2, 3, 4]
    second = store.result("POST", path, {"limit": 6, "offset": first["next_page_offset"]})
    assert [point["id"] for point in second["points"]] == [5, 6, 7, 8, 9, 10]
    assert second["next_page_offset"] is None


def test_points_are_ordered_by_an_indexed_field(store, notes):
    body = {"limit": 3, "order_by": {"key": "n", "direction": "desc", "start_from": 8}}
    assert ids(store, notes, body) == [8, 7, 6]
    assert ids(store, notes, {"limit": 2, "order_by": "at"}) == [1, 2]


def test_ordering_needs_an_index(store, notes):
    status, error = store.error("POST", f"/collections/{notes}/points/scroll", {"order_by": "score"})
    assert status == 400
    assert "No range index for `order_by` key" in error


def test_points_are_counted(store, notes):
    path = f"/collections/{notes}/points/count"
    assert store.result("POST", path, {"exact": True})["count"] == 10
    a = {"must": [{"key": "thread", "match": {"value": "a"}}]}
    assert store.result("POST", path, {"exact": True, "filter": a})["count"] == 4
