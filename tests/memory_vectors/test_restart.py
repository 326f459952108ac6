"""What was acknowledged is there after every kind of restart."""

import signal
from pathlib import Path

import pytest

COLLECTION = {"vectors": {"dense": {"size": 4, "distance": "Cosine"}}, "sparse_vectors": {"text": {"modifier": "idf"}}}


def point(number, *, thread):
    return {
        "id": number,
        "vector": {"dense": [1.0, number, 0.0, 0.0], "text": {"indices": [number, 1000], "values": [1.0, 0.5]}},
        "payload": {"thread": thread, "seq": number},
    }


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_points_collections_and_aliases_survive_a_restart(launch, tmp_path: Path, sign):
    """create -> upsert -> query -> delete by filter -> restart -> still there."""
    server = launch(tmp_path)
    assert server.result("PUT", "/collections/notes.v1", COLLECTION) is True
    alias = {"create_alias": {"collection_name": "notes.v1", "alias_name": "notes"}}
    assert server.result("POST", "/collections/aliases", {"actions": [alias]}) is True
    points = [point(number, thread="a" if number < 5 else "b") for number in range(1, 9)]
    assert server.result("PUT", "/collections/notes/points?wait=true", {"points": points})["status"] == "completed"

    found = server.result("POST", "/collections/notes/points/query", {"query": [1, 6, 0, 0], "using": "dense"})
    assert found["points"][0]["id"] == 6

    gone = {"filter": {"must": [{"key": "thread", "match": {"value": "a"}}]}}
    server.result("POST", "/collections/notes/points/delete?wait=true", gone)
    server.stop(sign)

    server = launch(tmp_path)
    kept = server.result("POST", "/collections/notes/points/scroll", {"with_vector": True})["points"]
    assert [found["id"] for found in kept] == [5, 6, 7, 8]
    assert kept[0]["payload"] == {"thread": "b", "seq": 5}
    assert kept[0]["vector"]["text"] == {"indices": [5, 1000], "values": [1.0, 0.5]}
    assert server.result("GET", "/collections/notes/aliases")["aliases"] == [
        {"alias_name": "notes", "collection_name": "notes.v1"}
    ]
    assert server.stop() == 0
