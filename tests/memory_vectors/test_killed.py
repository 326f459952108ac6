"""kill -9 at random moments, for real: what was answered is there, and every collection opens again."""

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

ROUNDS = int(os.environ.get("MEMORY_VECTORS_KILLS", "3"))
CONFIG = {"vectors": {"dense": {"size": 8, "distance": "Cosine"}}, "sparse_vectors": {"text": {"modifier": "idf"}}}


@dataclass
class Ledger:
    """What the server has answered, and the one call that was under way when it died."""

    alive: set[int] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    aliased: str = ""
    alias_unsure: set[str] = field(default_factory=set)
    next_id: int = 1
    answers: int = 0


@pytest.mark.parametrize("hurried", [False, True], ids=["while it writes", "while it flushes and compacts too"])
def test_nothing_answered_is_lost_when_the_process_is_killed(launch, tmp_path: Path, hurried):
    chance, ledger = random.Random(20250101), Ledger()
    server = launch(tmp_path, hurried=hurried)
    server.result("PUT", "/collections/stable", CONFIG)
    server.result("PUT", "/collections/stable/index?wait=true", {"field_name": "group", "field_schema": "integer"})
    for _ in range(ROUNDS):
        writer = threading.Thread(target=write_until_dead, args=(server, chance.random(), ledger))
        writer.start()
        await_answers(ledger, ledger.answers + chance.randrange(15, 60))
        time.sleep(chance.random() / 50)
        server.process.send_signal(signal.SIGKILL)
        writer.join(timeout=20)
        assert not writer.is_alive()
        server.stop(signal.SIGKILL)
        server = launch(tmp_path, hurried=hurried)
        check(server, ledger)
    assert server.stop() == 0
    check(launch(tmp_path), ledger)


def await_answers(ledger: Ledger, target: int) -> None:
    """A round is so many answers, not so many seconds, so that a busy machine does no less of it."""
    deadline = time.monotonic() + 60
    while ledger.answers < target:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def write_until_dead(server, seed: float, ledger: Ledger) -> None:
    chance = random.Random(seed)
    steps = [*[upsert] * 6, *[delete_ids] * 2, *[delete_group] * 2, switch_alias]
    with contextlib.suppress(httpx2.TransportError):
        while True:
            chance.choice(steps)(server, chance, ledger)
            ledger.answers += 1


def upsert(server, chance: random.Random, ledger: Ledger) -> None:
    ids = set(range(ledger.next_id, ledger.next_id + chance.choice([1, 5, 100])))
    ledger.next_id = max(ids) + 1
    ledger.unsure = ids
    points = [
        {
            "id": id_,
            "vector": {
                "dense": [chance.gauss(0, 1) for _ in range(8)],
                "text": {"indices": [id_ % 50, 1000 + id_], "values": [1, 2]},
            },
            "payload": {"group": id_ // 20},
        }
        for id_ in ids
    ]
    server.result("PUT", "/collections/stable/points?wait=true", {"points": points})
    ledger.alive |= ids
    ledger.unsure = set()


def delete_ids(server, chance: random.Random, ledger: Ledger) -> None:
    ledger.unsure = set(chance.sample(sorted(ledger.alive), min(7, len(ledger.alive))))
    server.result("POST", "/collections/stable/points/delete?wait=true", {"points": sorted(ledger.unsure)})
    ledger.alive -= ledger.unsure
    ledger.unsure = set()


def delete_group(server, chance: random.Random, ledger: Ledger) -> None:
    group = chance.randrange(ledger.next_id // 20 + 1)
    ledger.unsure = {id_ for id_ in ledger.alive if id_ // 20 == group}
    by_group = {"filter": {"must": [{"key": "group", "match": {"value": group}}]}}
    server.result("POST", "/collections/stable/points/delete?wait=true", by_group)
    ledger.alive -= ledger.unsure
    ledger.unsure = set()


def switch_alias(server, chance: random.Random, ledger: Ledger) -> None:
    """Make a collection, move the alias to it, drop the one before."""
    old, new = ledger.aliased, f"version-{chance.getrandbits(48)}"
    ledger.alias_unsure = {old, new}
    server.result("PUT", f"/collections/{new}", CONFIG)
    create = {"create_alias": {"collection_name": new, "alias_name": "current"}}
    server.result("POST", "/collections/aliases", {"actions": [create]})
    ledger.aliased, ledger.alias_unsure = new, set()
    if old:
        assert server.result("DELETE", f"/collections/{old}") is True


def every_point(server):
    page = {"points": [], "next_page_offset": 0}
    while page["next_page_offset"] is not None:
        body = {"limit": 10_000, "with_payload": ["group"], "offset": page["next_page_offset"]}
        page = server.result("POST", "/collections/stable/points/scroll", body)
        yield from page["points"]


def check(server, ledger: Ledger) -> None:
    names = [collection["name"] for collection in server.result("GET", "/collections")["collections"]]
    assert {server.result("GET", f"/collections/{name}")["status"] for name in names} == {"green"}
    points = list(every_point(server))
    there = {point["id"] for point in points}
    assert there - ledger.unsure == ledger.alive - ledger.unsure
    assert all(point["payload"]["group"] == point["id"] // 20 for point in points)
    targets = {pair["collection_name"] for pair in server.result("GET", "/aliases")["aliases"]}
    assert targets <= {*ledger.alias_unsure, ledger.aliased} - {""}
    if not ledger.alias_unsure and ledger.aliased:
        assert targets == {ledger.aliased}
    ledger.alive = there
    ledger.aliased, ledger.unsure, ledger.alias_unsure = next(iter(targets), ""), set(), set()
