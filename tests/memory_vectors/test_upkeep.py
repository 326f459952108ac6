"""When a collection is flushed and compacted, and that it happens in a running server."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from memory_vectors.upkeep import Policy, compaction_is_due, flush_is_due

POLICY = Policy(idle=2, age=30, unflushed_bytes=1000, dead_points=100, dead_share=0.5, calm=1, pressing_share=2)


@dataclass
class Unflushed:
    unflushed_since: float | None
    unflushed_bytes: int = 0


@pytest.mark.parametrize(
    ("state", "now", "last_request", "due"),
    [
        (Unflushed(None), 100, 0, False),
        (Unflushed(99), 100, 99, False),
        (Unflushed(97), 100, 98, True),
        (Unflushed(70), 100, 100, True),
        (Unflushed(99, 1000), 100, 100, True),
    ],
    ids=["nothing to flush", "in the middle of traffic", "idle", "old", "much"],
)
def test_a_flush_waits_for_a_pause_but_not_for_ever(state, now, last_request, due):
    assert flush_is_due(state, now=now, last_request=last_request, policy=POLICY) is due


@pytest.mark.parametrize(
    ("dead", "living", "due"),
    [(0, 0, False), (99, 10, False), (100, 10, True), (100, 200, True), (100, 201, False)],
)
def test_a_compaction_starts_when_enough_room_is_lost(dead, living, due):
    assert compaction_is_due(dead=dead, living=living, since_deletion=1, policy=POLICY) is due


@pytest.mark.parametrize(("living", "due"), [(150, False), (51, False), (50, True), (0, True)])
def test_while_deletions_go_on_a_compaction_waits_unless_it_presses(living, due):
    assert compaction_is_due(dead=100, living=living, since_deletion=0.9, policy=POLICY) is due


def measured(server, metric: str) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(metric))


def wait_for(server, counter: str) -> None:
    deadline = time.monotonic() + 20
    while measured(server, counter) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_running_server_flushes_and_compacts_by_itself(launch, tmp_path: Path):
    server = launch(tmp_path, hurried=True)
    server.result("PUT", "/collections/notes", {"vectors": {"dense": {"size": 2, "distance": "Dot"}}})
    for first in range(1, 1001, 100):
        points = [{"id": id_, "vector": {"dense": [id_, 1]}} for id_ in range(first, first + 100)]
        server.result("PUT", "/collections/notes/points?wait=true", {"points": points})
    server.result("POST", "/collections/notes/points/delete?wait=true", {"points": list(range(1, 401))})

    wait_for(server, "compactions_total")
    server.result("PUT", "/collections/notes/points?wait=true", {"points": [{"id": 1000, "vector": {"dense": [1, 1]}}]})
    wait_for(server, "flushes_total")
    assert measured(server, "collection_dead_points") == 0
    assert server.result("POST", "/collections/notes/points/count", {})["count"] == 600
    assert server.result("POST", "/collections/notes/points/query", {"query": [1, 0], "using": "dense", "limit": 1})[
        "points"
    ][0]["score"] == pytest.approx(999)
