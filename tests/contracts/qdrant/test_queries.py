"""Queries: dense, sparse, both, one by one and in batches."""

import math

import pytest


def query(store, collection, **body):
    return store.result("POST", f"/collections/{collection}/points/query", body)["points"]


def ids(points):
    return [point["id"] for point in points]


def test_the_nearest_dense_vectors_come_first_with_their_cosine(store, library):
    found = query(store, library, query=[10, 4, 0], using="dense", limit=3)
    assert ids(found)[0] == 4
    assert set(ids(found)) == {3, 4, 5}
    assert found[0]["score"] == pytest.approx(1.0, abs=1e-6)
    cosine = (100 + 4 * found[1]["id"]) / math.hypot(10, 4) / math.hypot(10, found[1]["id"])
    assert found[1]["score"] == pytest.approx(cosine, abs=1e-6)
    assert "payload" not in found[0] or not found[0]["payload"]


def test_nearest_spelled_out_is_the_same(store, library):
    assert query(store, library, query={"nearest": [10, 4, 0]}, using="dense") == query(
        store, library, query=[10, 4, 0], using="dense"
    )


def test_a_rare_term_outweighs_a_common_one(store, library):
    both = {"indices": [1, 107], "values": [1.0, 1.0]}
    found = query(store, library, query=both, using="text", limit=2)
    assert found[0]["id"] == 7
    # IDF of Qdrant: ln(1 + (N - df + 0.5) / (df + 0.5))
    idf = [math.log(1 + (10 - df + 0.5) / (df + 0.5)) for df in (10, 1)]
    assert found[0]["score"] == pytest.approx(idf[0] * 1.0 + idf[1] * 2.0, rel=1e-5)


def test_a_filter_a_limit_and_an_offset_narrow_the_answer(store, library):
    only_b = {"must": [{"key": "thread", "match": {"value": "b"}}]}
    everything = ids(query(store, library, query=[10, 1, 0], using="dense", filter=only_b, limit=100))
    assert everything == [5, 6, 7, 8, 9, 10]
    assert ids(query(store, library, query=[10, 1, 0], using="dense", filter=only_b, limit=2, offset=3)) == [8, 9]


def test_a_threshold_leaves_out_what_is_less_alike(store, library):
    found = query(store, library, query=[10, 1, 0], using="dense", score_threshold=0.99, limit=100)
    assert 0 < len(found) < 10
    assert all(point["score"] >= 0.99 for point in found)


def test_payload_and_vectors_are_answered_as_far_as_asked_for(store, library):
    (found,) = query(
        store, library, query=[10, 4, 0], using="dense", limit=1, with_payload=["n", "thread"], with_vector=["text"]
    )
    assert found["payload"] == {"n": 4, "thread": "a"}
    assert set(found["vector"]) == {"text"}


def test_candidates_of_both_kinds_are_rescored_by_the_dense_vector(store, library):
    found = query(
        store,
        library,
        prefetch=[
            {"query": [10, 1, 0], "using": "dense", "limit": 2},
            {"query": {"indices": [109], "values": [1.0]}, "using": "text", "limit": 2},
        ],
        query=[10, 1, 0],
        using="dense",
        limit=10,
        params={"exact": True},
    )
    assert ids(found) == [1, 2, 9]
    assert [point["score"] for point in found] == sorted((point["score"] for point in found), reverse=True)


def test_a_batch_answers_in_order(store, library):
    searches = [
        {"query": [10, 4, 0], "using": "dense", "limit": 1},
        {"query": {"indices": [103], "values": [1.0]}, "using": "text", "limit": 5, "with_payload": ["n"]},
        {"query": [10, 4, 0], "using": "dense", "filter": {"must": [{"key": "n", "match": {"value": 99}}]}},
    ]
    answers = store.result("POST", f"/collections/{library}/points/query/batch", {"searches": searches})
    assert [ids(answer["points"]) for answer in answers] == [[4], [3], []]
    assert answers[1]["points"][0]["payload"] == {"n": 3}


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({"query": [1, 2], "using": "dense"}, 400, "Vector dimension error: expected dim: 3, got 2"),
        ({"query": [1, 2, 3], "using": "nope"}, 400, "Not existing vector name error: nope"),
        ({"query": [1, 2, 3]}, 400, "Not existing vector name error"),
        ({"query": {"indices": [1], "values": [1.0]}, "using": "dense"}, 400, "Conversion between sparse and regular"),
        ({"query": [1, 2, 3], "using": "text"}, 400, "Conversion between"),
        ({"query": {"indices": [1, 2], "values": [1.0]}, "using": "text"}, 422, "must be the same length as indices"),
        ({"query": {"indices": [1, 1], "values": [1, 2]}, "using": "text"}, 422, "must be unique"),
        ({"query": [1, 2, 3], "using": "dense", "limit": 0}, 422, "must be 1 or larger"),
        ({"query": [1, 2, "3"], "using": "dense"}, 400, "Format error in JSON body"),
        ({"query": [1, 2, None], "using": "dense"}, 400, "Format error in JSON body"),
    ],
)
def test_a_wrong_query_is_refused(store, library, body, status, part):
    refused, error = store.error("POST", f"/collections/{library}/points/query", body)
    assert refused == status
    assert part in error


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(store, library, literal):
    text = f'{{"query": [1, 2, {literal}], "using": "dense"}}'
    headers = {"content-type": "application/json"}
    response = store.http.post(f"/collections/{library}/points/query", content=text, headers=headers)
    assert response.status_code == 400
    assert response.json()["status"]["error"].startswith("Format error in JSON body")


@pytest.mark.parametrize(
    ("vector", "status", "part"),
    [
        ({"dense": [1, 2]}, 400, "Vector dimension error: expected dim: 3, got 2"),
        ({"nope": [1, 2, 3]}, 400, "Not existing vector name error: nope"),
        ([1, 2, 3], 400, "Not existing vector name error"),
        ({"dense": {"indices": [1], "values": [1]}}, 400, "Conversion between sparse and regular"),
        ({"text": {"indices": [1, 2], "values": [1]}}, 422, "must be the same length as indices"),
        ({"text": {"indices": [2, 2], "values": [1, 1]}}, 422, "must be unique"),
        ({"text": {"indices": [-1], "values": [1]}}, 400, "Format error in JSON body"),
    ],
)
def test_a_wrong_vector_is_not_written(store, library, vector, status, part):
    points = {"points": [{"id": 50, "vector": {"dense": [1, 2, 3]}}, {"id": 51, "vector": vector}]}
    refused, error = store.error("PUT", f"/collections/{library}/points?wait=true", points)
    assert refused == status
    assert part in error
    assert store.result("POST", f"/collections/{library}/points/count", {})["count"] == 10
