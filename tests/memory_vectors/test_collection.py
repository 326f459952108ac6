"""One collection: what is written, what a compaction keeps, and what a panic of the engine costs."""

import random
import shutil
from pathlib import Path

import pytest
import qdrant_edge as edge
from memory_vectors import wire
from memory_vectors.collection import Collection
from memory_vectors.errors import EngineFailure, NotFound
from memory_vectors.limits import Limits
from memory_vectors.requests import filters
from memory_vectors.schema import Dense, Schema, Sparse

SCHEMA = Schema({"dense": Dense(4, "Cosine")}, {"text": Sparse("idf")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Collection.create(tmp_path / "notes", "notes", SCHEMA)
    return tmp_path / "notes"


@pytest.fixture
def collection(folder: Path):
    opened = Collection.open(folder)
    yield opened
    opened.close()


def point(number: int, **payload) -> edge.Point:
    chance = random.Random(number)
    vector = {
        "dense": [chance.gauss(0, 1) for _ in range(4)],
        "text": edge.SparseVector([number % 10, 100 + number], [0.1, chance.random()]),
    }
    return edge.Point(number, vector, {"n": number, "even": number % 2 == 0, **payload})


def contents(collection: Collection) -> list[tuple]:
    records, _ = collection.shard.scroll(edge.ScrollRequest(limit=10_000, with_payload=True, with_vector=True))
    return [(r.id, r.payload, r.vector["dense"], r.vector["text"].indices, r.vector["text"].values) for r in records]


def compact(collection: Collection, step: int = 16) -> None:
    while not collection.compact(step):
        pass


def equal(value: int) -> edge.Filter:
    return edge.Filter(must=[edge.FieldCondition("n", match=edge.MatchValue(value))])


def test_a_compaction_keeps_every_bit_of_every_living_point(collection):
    collection.upsert([point(number) for number in range(1, 301)], 1)
    collection.create_index("n", edge.IntegerIndexParams(lookup=True, range=False))
    collection.delete(list(range(1, 101)), 1)
    before = contents(collection)
    assert (len(before), collection.dead) == (200, 100)

    compact(collection)

    assert contents(collection) == before
    assert collection.dead == 0
    index = collection.shard.info().payload_schema["n"]
    assert (index.points, index.params.range) == (200, False)


def test_what_is_written_during_a_compaction_is_kept(collection):
    """Each kind of write, behind and ahead of the place where the copy is."""
    collection.upsert([point(number) for number in range(1, 201)], 1)
    collection.compact(10)
    for _ in range(10):
        collection.compact(10)  # the points 1 to 100 are copied
    collection.upsert([point(5, text="behind"), point(150, text="ahead"), point(500)], 1)
    collection.delete([6, 160], 1)
    collection.delete(equal(7), 1)
    collection.delete(equal(170), 1)
    collection.set_payload([8, 180], {"seen": True}, None, 1)
    collection.set_payload(equal(190), {"deep": 1}, "inner", 1)
    collection.create_index("even", edge.PayloadSchemaType.Bool)
    expected = contents(collection)

    compact(collection)

    assert contents(collection) == expected
    assert collection.dead == 4
    assert set(collection.shard.info().payload_schema) == {"even"}


def test_a_compacted_collection_opens_again_and_leaves_no_second_shard(folder):
    collection = Collection.open(folder)
    collection.upsert([point(number) for number in range(1, 51)], 1)
    collection.delete([1, 2, 3], 1)
    before = contents(collection)
    compact(collection)
    collection.close()

    collection = Collection.open(folder)
    assert contents(collection) == before
    assert [path.name for path in folder.glob("shard-*")] == ["shard-1"]
    collection.close()


def test_a_compaction_that_was_cut_off_is_forgotten(folder):
    collection = Collection.open(folder)
    collection.upsert([point(number) for number in range(1, 51)], 1)
    collection.compact(10)
    collection.compact(10)
    assert len(list(folder.glob("shard-*"))) == 2
    collection.close()

    collection = Collection.open(folder)
    assert len(contents(collection)) == 50
    assert [path.name for path in folder.glob("shard-*")] == ["shard-0"]
    collection.close()


def test_a_compaction_that_is_given_up_forgets_no_dead_point(folder):
    collection = Collection.open(folder)
    collection.upsert([point(number) for number in range(1, 51)], 1)
    collection.delete([1, 2, 3], 1)
    collection.compact(10)
    collection.delete([4], 1)
    collection.close()
    collection = Collection.open(folder)
    assert collection.dead == 4
    collection.close()


def test_being_killed_again_and_again_forgets_few_dead_points(folder, tmp_path):
    """Else a store that is killed often would never compact. A copy of the folder is what a kill leaves."""
    collection = Collection.open(folder)
    collection.upsert([point(number) for number in range(1, 701)], 1)
    collection.delete(list(range(1, 601)), 1)
    collection.delete([601], 1)
    shutil.copytree(folder, tmp_path / "killed")
    collection.close()
    after = Collection.open(tmp_path / "killed")
    assert (after.dead, after.shard.points()) == (600, 99)
    after.close()


def test_the_number_of_dead_points_survives_a_restart(folder):
    collection = Collection.open(folder)
    collection.upsert([point(number) for number in range(1, 51)], 1)
    collection.delete(list(range(1, 11)), 1)
    collection.close()
    collection = Collection.open(folder)
    assert collection.dead == 10
    collection.close()


def test_true_and_false_are_not_numbers(collection):
    """The engine's bindings would take True for 1."""
    collection.upsert([edge.Point(1, {}, {"flag": True}), edge.Point(2, {}, {"flag": 1})], 1)
    flagged = filters.build(wire.Filter(must=wire.Condition(key="flag", match=wire.Match(value=True))))
    records, _ = collection.shard.scroll(edge.ScrollRequest(limit=10, filter=flagged))
    assert [record.id for record in records] == [1]


@pytest.fixture
def poison() -> edge.UpdateOperation:
    """An update that makes the engine panic, now and at every replay of its log; validation keeps it out."""
    broken = edge.Point(99, {"text": edge.SparseVector([7, 8], [1.0])}, {})
    return edge.UpdateOperation.upsert_points([broken])


def test_a_panic_of_the_engine_costs_one_update_and_not_the_collection(folder, poison):
    collection = Collection.open(folder)
    collection.upsert([point(1)], 1)
    with pytest.raises(EngineFailure, match="could not apply the update"):
        collection.shard.update(poison)

    collection.upsert([point(2)], 1)
    assert [row[0] for row in contents(collection)] == [1, 2]
    collection.close()
    collection = Collection.open(folder)
    assert collection.fault is None
    assert [row[0] for row in contents(collection)] == [1, 2]
    collection.close()


def test_a_collection_that_cannot_be_opened_says_why(folder):
    for file in (folder / "shard-0").rglob("segment.json"):
        file.write_text("{")
    collection = Collection.open(folder)
    assert collection.fault is not None
    with pytest.raises(EngineFailure, match="`notes` could not be opened"):
        collection.upsert([point(1)], 1)
    collection.close()


def test_nothing_is_written_when_the_disk_is_nearly_full(folder):
    collection = Collection.open(folder, Limits(free_bytes=2**62))
    with pytest.raises(EngineFailure, match="No space left on device"):
        collection.upsert([point(1)], 1)
    assert contents(collection) == []
    collection.close()


def test_payload_of_a_missing_point_changes_no_other_point(collection):
    collection.upsert([point(1)], 1)
    with pytest.raises(NotFound, match="No point with id 2 found"):
        collection.set_payload([1, 2], {"new": 1}, None, 1)
    assert "new" not in contents(collection)[0][1]
