"""The HTTP side: keys, health, metrics, and everything that is refused before it is looked at twice."""

import socket

import httpx2
import pytest

CONFIG = {"vectors": {"dense": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"text": {}}}


@pytest.fixture(scope="module")
def notes(server):
    server.result("PUT", "/collections/notes", CONFIG)
    return "/collections/notes"


def refused(server, method, path, body=None) -> tuple[int, str]:
    status, answer = server.call(method, path, body)
    assert answer.keys() == {"status", "time"}
    return status, answer["status"]["error"]


@pytest.mark.parametrize(
    "headers",
    [{"api-key": "test-key"}, {"authorization": "Bearer test-key"}],
    ids=["api-key", "bearer"],
)
def test_the_key_opens_the_api(server, headers):
    assert httpx2.get(f"{server.url}/collections", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Must provide an API key or an Authorization bearer token"),
        ({"api-key": "wrong"}, "Invalid API key or JWT"),
        ({"api-key": ""}, "Invalid API key or JWT"),
        ({"authorization": "Bearer wrong"}, "Invalid API key or JWT"),
        ({"authorization": "Basic test-key"}, "Must provide an API key or an Authorization bearer token"),
    ],
)
@pytest.mark.parametrize("path", ["/collections", "/metrics", "/nowhere"])
def test_without_the_key_everything_but_health_is_closed(server, path, headers, message):
    answer = httpx2.get(f"{server.url}{path}", headers=headers, trust_env=False)
    assert (answer.status_code, answer.text) == (401, message)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/healthz"])
def test_health_needs_no_key(server, path):
    assert httpx2.get(f"{server.url}{path}", trust_env=False).status_code == 200


def test_without_a_configured_key_the_server_is_open(launch, tmp_path):
    server = launch(tmp_path, key=None)
    assert server.result("GET", "/collections") == {"collections": []}


def test_it_says_that_it_is_not_qdrant(server):
    about = server.client.get("/").json()
    assert about["title"].startswith("memory-vectors - not Qdrant")
    assert about["version"]


def test_metrics_tell_requests_and_collections(server, notes):
    server.result("GET", notes)
    text = server.client.get("/metrics").text
    assert 'app_info{name="memory-vectors"' in text
    assert 'collection_points{id="notes"} 0' in text
    assert 'rest_responses_total{method="GET",endpoint="/collections/{name}",status="200"}' in text
    assert "\nprocess_resident_memory_bytes " in text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("PATCH", "/collections/notes"),
        ("POST", "/collections/notes/points/search"),
        ("PUT", "/collections/notes/snapshots"),
        ("GET", "/collections/notes/points/1/2"),
    ],
)
def test_a_call_that_is_not_served_is_named(server, method, path):
    status, error = refused(server, method, path)
    assert (status, error) == (404, f"Not found: memory-vectors does not serve {method} {path}")


def test_a_name_is_decoded_once(server):
    server.result("PUT", "/collections/a%20b%252F", CONFIG)
    assert {"name": "a b%2F"} in server.result("GET", "/collections")["collections"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/collections/x", CONFIG | {"hnsw_config": {"m": 16}}, "`hnsw_config` is not supported"),
        ("PUT", "/collections/x", CONFIG | {"surprise": 1}, "unknown field `surprise`"),
        ("PUT", "/collections/x", CONFIG | {"shard_number": 2}, "`shard_number` must be 1"),
        ("PUT", "/collections/x", {"vectors": {"size": 2, "distance": "Dot"}}, "an unnamed vector is not supported"),
        (
            "PUT",
            "/collections/x",
            {"vectors": {"d": {"size": 2, "distance": "Dot", "quantization_config": {}}}},
            "vectors.d: `quantization_config` is not supported",
        ),
        ("PUT", "/collections/x", {"vectors": {"d": {"size": 2, "distance": "Dot", "datatype": "uint8"}}}, "datatype"),
        ("PUT", "/collections/x", {"sparse_vectors": {"s": {"index": {"on_disk": True}}}}, "s.index.on_disk"),
        ("PUT", "/collections/x", {"vectors": {"../d": {"size": 2, "distance": "Dot"}}}, "vector name"),
        (
            "PUT",
            "/collections/x",
            {"vectors": {"d": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"d": {}}},
            "`d`",
        ),
        ("PUT", "/collections/x", {}, "at least one"),
        ("PUT", "/notes/index", {"field_name": "a", "field_schema": "text"}, "unknown type `text`"),
        ("PUT", "/notes/index", {"field_name": "a[", "field_schema": "keyword"}, "Invalid json path"),
        (
            "PUT",
            "/notes/index",
            {"field_name": "a", "field_schema": {"type": "keyword", "is_tenant": True}},
            "`field_schema.is_tenant` is not supported",
        ),
        ("PUT", "/notes/index", {"field_name": "a", "field_schema": {"type": "float", "range": True}}, "`integer`"),
        ("POST", "/notes/points/query", {"query": {"fusion": "rrf"}}, "`query.fusion` is not supported"),
        ("POST", "/notes/points/query", {"using": "dense"}, "needs a vector"),
        ("POST", "/notes/points/query", {"query": [1, 2], "params": {"hnsw_ef": 64}}, "`params.hnsw_ef`"),
        ("POST", "/notes/points/query", {"query": [1, 2], "lookup_from": {}}, "`lookup_from` is not supported"),
        ("POST", "/notes/points/query", {"query": [1, 2], "using": "dense", "offset": -1}, "offset"),
        ("POST", "/notes/points/scroll", {"shard_key": "a"}, "`shard_key` is not supported"),
        ("POST", "/notes/points/scroll", {"order_by": "n", "offset": 1}, "Cannot use an `offset`"),
        ("POST", "/notes/points/delete", {}, "Either points or filter"),
        ("POST", "/notes/points/delete", {"points": [1], "filter": {}}, "Only one of points and filter"),
        ("POST", "/notes/points/delete", {"points": [2**64]}, "is not a valid point ID"),
        ("POST", "/notes/points/delete", {"points": [-1]}, "is not a valid point ID"),
        ("PUT", "/notes/points", {"points": []}, "Empty update request"),
        ("PUT", "/notes/points", {}, "either `points` or `batch`"),
        ("PUT", "/notes/points", {"points": [{"id": 1, "vector": {"dense": [1e19, 1e19]}}]}, "points[0].vector.dense"),
        ("PUT", "/notes/points", {"batch": {"ids": [1, 2], "vectors": {"dense": [[1, 2]]}}}, "batch.vectors.dense"),
        ("PUT", "/notes/points?wait=maybe", {"points": []}, "`wait` cannot be `maybe`"),
        ("PUT", "/notes/points?speed=1", {"points": []}, "unknown query parameter `speed`"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(server, notes, method, path, body, field):
    path = path if path.startswith("/collections") else f"/collections{path}"
    status, error = refused(server, method, path, body)
    assert status in (400, 422)
    assert field in error
    assert server.result("GET", "/collections/x/exists") == {"exists": False}
    assert server.result("POST", f"{notes}/points/count", {}) == {"count": 0}


def nested(depth: int):
    return {"a": nested(depth - 1)} if depth else 1


def nested_filter(depth: int):
    return {"must": [nested_filter(depth - 1)]} if depth else {"key": "a", "match": {"value": 1}}


@pytest.mark.parametrize(
    ("method", "path", "body", "part"),
    [
        ("PUT", "points", {"points": [{"id": 1, "vector": {}, "payload": nested(65)}]}, "deeper than 64"),
        ("POST", "points/payload", {"points": [1], "payload": nested(65)}, "deeper than 64"),
        ("POST", "points/delete", {"filter": {"must": [nested_filter(9)]}}, "more than 8 filters"),
        ("POST", "points/delete", {"filter": {"must": [{"has_id": [1]}] * 1001}}, "1001 > 1000"),
        ("POST", "points/delete", {"points": [1] * 10_001}, "10001 > 10000"),
        ("PUT", "points", {"points": [{"id": 1, "vector": {}}] * 10_001}, "10001 > 10000"),
        ("POST", "points/query", {"query": [1, 2], "using": "dense", "limit": 10_001}, "10001 > 10000"),
        ("POST", "points/query", {"query": [1, 2], "using": "dense", "limit": 10, "offset": 10_000}, "> 10000"),
        ("POST", "points/scroll", {"limit": 10_001}, "10001 > 10000"),
        ("POST", "points/query/batch", {"searches": [{"query": [1, 2], "using": "dense"}] * 101}, "101 > 100"),
        (
            "POST",
            "points/query",
            {"query": [1, 2], "using": "dense", "prefetch": [{"query": [1, 2], "using": "dense"}] * 17},
            "17 > 16",
        ),
    ],
)
def test_limits_hold_before_anything_is_written(server, notes, method, path, body, part):
    status, error = refused(server, method, f"{notes}/{path}", body)
    assert status in (400, 422)
    assert part in error
    assert server.result("POST", f"{notes}/points/count", {}) == {"count": 0}


def test_the_deepest_payload_that_is_accepted_survives_a_kill(launch, tmp_path):
    server = launch(tmp_path)
    server.result("PUT", "/collections/notes", CONFIG)
    point = {"id": 1, "vector": {}, "payload": nested(64)}
    server.result("PUT", "/collections/notes/points?wait=true", {"points": [point]})
    server.stop(9)
    server = launch(tmp_path)
    assert server.result("GET", "/collections/notes/points/1")["payload"] == nested(64)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "streamed"])
def test_a_body_over_the_limit_is_refused(server, notes, announced):
    size = 32 * 2**20 + 1
    content = b" " * size if announced else (b" " * 2**20 for _ in range(33))
    answer = server.client.put(f"{notes}/points", content=content)
    assert answer.status_code == 413
    assert "is larger than allowed (limit: 33554432 bytes)" in answer.json()["status"]["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"points": "x"}', b"[" * 100_000, b'{"points": [{"id": true, "vector": {}}]}']
)
def test_a_body_that_is_no_such_body_is_refused(server, notes, body):
    answer = server.client.put(f"{notes}/points", content=body)
    assert answer.status_code == 400
    assert answer.json()["status"]["error"].startswith("Format error in JSON body: ")


def test_a_body_without_the_key_is_not_read(server):
    """Headers that announce a body which never comes are answered at once."""
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"PUT /collections/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_client_that_leaves_in_the_middle_changes_nothing(server, notes):
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = f"PUT {notes}/points HTTP/1.1\r\nhost: x\r\napi-key: test-key\r\ncontent-length: 1000\r\n\r\n"
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(head.encode() + b'{"points": [')
    assert server.result("POST", f"{notes}/points/count", {}) == {"count": 0}


def test_refusals_are_counted_by_route(server, notes):
    server.call("PUT", f"{notes}/points", {"points": []})
    text = server.client.get("/metrics").text
    assert 'rest_responses_total{method="PUT",endpoint="/collections/{name}/points",status="400"}' in text
