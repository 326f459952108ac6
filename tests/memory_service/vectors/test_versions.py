"""Collections behind an alias: built, switched and dropped, whatever a crash left behind."""

import itertools
from dataclasses import replace

import pytest
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.adapters.vectors.versions import Shape, Versions
from memory_service.model.search import Candidate, Point

SHAPE = Shape(3, "test", "bm25")
OTHER = replace(SHAPE, dimensions=4)
_numbers = itertools.count()


@pytest.fixture
def versions(store: VectorStore) -> Versions:
    return Versions(store, "local", f"v{next(_numbers)}")


async def test_a_memory_without_collection_has_nothing(versions: Versions) -> None:
    survey = await versions.survey()
    assert (survey.serving, survey.filling, survey.leftovers, survey.next_version) == (None, (), (), 1)


async def test_the_first_collection_serves_at_once_and_remembers_its_shape(versions: Versions) -> None:
    built = await versions.create(1, SHAPE, serve=True)
    survey = await versions.survey()
    assert survey.serving == built
    assert built.digest == SHAPE.digest != OTHER.digest


async def test_a_new_version_fills_beside_the_serving_one_and_takes_over_in_one_step(versions: Versions) -> None:
    first = await versions.create(1, SHAPE, serve=True)
    second = await versions.create((await versions.survey()).next_version, OTHER, serve=False)
    survey = await versions.survey()
    assert (survey.serving, survey.filling) == (first, (second,))
    await versions.serve(second, first)
    survey = await versions.survey()
    assert (survey.serving, survey.filling, survey.leftovers) == (second, (), ())
    assert second.version == 2


async def test_a_collection_that_was_never_finished_is_a_leftover(versions: Versions, store: VectorStore) -> None:
    await versions.create(1, SHAPE, serve=True)
    await store.call(
        "PUT", f"/collections/{versions.alias}.v2", {"vectors": {"dense": {"size": 4, "distance": "Cosine"}}}
    )
    survey = await versions.survey()
    assert survey.leftovers == (f"{versions.alias}.v2",)
    assert survey.next_version == 3
    await versions.remove(survey.leftovers[0])
    assert (await versions.survey()).leftovers == ()


async def test_memories_do_not_see_each_others_collections(versions: Versions, store: VectorStore) -> None:
    other = Versions(store, "local", versions.alias.partition(".")[2] + "x")
    await other.create(1, SHAPE, serve=True)
    assert (await versions.survey()).serving is None


async def test_dropping_leaves_no_collection_and_no_alias(versions: Versions, store: VectorStore) -> None:
    first = await versions.create(1, SHAPE, serve=True)
    await versions.create(2, OTHER, serve=False)
    memory = versions.alias.partition(".")[2]
    await QdrantIndex(store, "local", memory, collection=first.collection).upsert(
        [Point(Candidate("a", 1, 1), None, "user", 1, {}, (1.0, 0.0, 0.0), None)]
    )
    assert await versions.drop() == 0
    names = [each["alias_name"] for each in (await store.call("GET", "/aliases"))["aliases"]]
    assert not [name for name in names if name.startswith(versions.alias)]
    assert await versions.drop() == 0


def test_the_order_of_declared_fields_does_not_change_a_shape() -> None:
    assert Shape(3, "m", "w", (("a", "bool"), ("b", "keyword"))).digest == (
        Shape(3, "m", "w", (("b", "keyword"), ("a", "bool"))).digest
    )
