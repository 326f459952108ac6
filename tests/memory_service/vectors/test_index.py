"""The vector adapter on a real memory-vectors process."""

import itertools
from dataclasses import replace

import pytest
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.points import condition, field, point_id
from memory_service.adapters.vectors.rest import NotThere, VectorStore, _fault
from memory_service.adapters.vectors.versions import Shape, Versions
from memory_service.errors import VectorUnavailable
from memory_service.model.search import (
    Audience,
    Candidate,
    FieldFilter,
    Point,
    Proposals,
    Removals,
    Search,
    SparseVector,
)

from tests.memory_service.parts import VectorsServer

SHAPE = Shape(3, "test", "bm25", (("topic", "keyword"), ("due.at", "datetime"), ("price", "float"), ("done", "bool")))
EVERYONE = Audience(any_owner=True)
_numbers = itertools.count()


def point(
    thread: str, g: int, seq: int, *, dense: tuple[float, ...] | None = (1, 0, 0), words: int = 7, **rest: object
):
    made = Point(Candidate(thread, g, seq), None, "user", 1000 + seq, {}, dense, SparseVector((words,), (1.0,)))
    return replace(made, **rest)


@pytest.fixture
async def index(store: VectorStore) -> QdrantIndex:
    memory = f"m{next(_numbers)}"
    await Versions(store, "local", memory).create(1, SHAPE, serve=True)
    return QdrantIndex(store, "local", memory)


async def found(index: QdrantIndex, audience: Audience = EVERYONE, **asked: object) -> set[tuple[str, int]]:
    search = Search(audience=audience, dense=(1.0, 0.0, 0.0), **asked)
    return {(candidate.thread, candidate.seq) for candidate, _ in (await index.search(search)).dense}


async def test_the_nearest_points_are_proposed_with_their_cosine(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, 1), point("a", 1, 2, dense=(0.6, 0.8, 0)), point("b", 2, 1, dense=(0, 0, 1))])
    proposals = await index.search(Search(EVERYONE, dense=(1.0, 0.0, 0.0), limit=2))
    assert [candidate for candidate, _ in proposals.dense] == [Candidate("a", 1, 1), Candidate("a", 1, 2)]
    assert [score for _, score in proposals.dense] == pytest.approx([1.0, 0.6], abs=1e-4)
    assert proposals.keyword == ()


async def test_what_only_words_find_has_a_cosine_too(index: QdrantIndex) -> None:
    await index.upsert(
        [point("a", 1, seq, words=1) for seq in range(1, 4)] + [point("w", 2, 1, dense=(0, 1, 0), words=9)]
    )
    proposals = await index.search(Search(EVERYONE, dense=(1.0, 0.0, 0.0), sparse=SparseVector((9,), (1.0,)), limit=2))
    assert [candidate.thread for candidate, _ in proposals.keyword] == ["w"]
    assert dict(proposals.dense)[Candidate("w", 2, 1)] == pytest.approx(0.0, abs=1e-4)


async def test_a_search_by_words_alone_needs_no_dense_vectors(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, 1, dense=None, words=4)])
    proposals = await index.search(Search(EVERYONE, sparse=SparseVector((4,), (1.0,))))
    assert [candidate for candidate, _ in proposals.keyword] == [Candidate("a", 1, 1)]
    assert proposals.dense == ()


async def test_a_question_without_vectors_asks_nothing(index: QdrantIndex) -> None:
    assert await index.search(Search(EVERYONE, sparse=SparseVector())) == Proposals()


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        pytest.param(EVERYONE, {"free", "ann", "bob"}, id="everybody's"),
        pytest.param(Audience(), {"free"}, id="the ownerless"),
        pytest.param(Audience(owner="ann", ownerless=False), {"ann"}, id="one owner's"),
        pytest.param(Audience(owner="ann", ownerless=True), {"ann", "free"}, id="one owner's and the ownerless"),
        pytest.param(Audience(thread="bob", any_owner=True), {"bob"}, id="one thread"),
        pytest.param(Audience(thread="bob", owner="ann"), set(), id="a thread of somebody else"),
    ],
)
async def test_only_threads_of_the_audience_are_proposed(index: QdrantIndex, audience: Audience, expected: set) -> None:
    await index.upsert([point("free", 1, 1), point("ann", 2, 1, owner="ann"), point("bob", 3, 1, owner="bob")])
    assert {thread for thread, _ in await found(index, audience)} == expected


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        (FieldFilter("role", any_of=("assistant",)), {2}),
        (FieldFilter("role", any_of=("assistant", "user")), {1, 2, 3}),
        (FieldFilter("timestamp", gte=1002), {2, 3}),
        (FieldFilter("timestamp", gt=1001, lt=1003), {2}),
        (FieldFilter("topic", True, ("refund",)), {1}),
        (FieldFilter("topic", True, ("refund", "order")), {1, 2}),
        (FieldFilter("due.at", True, lte=5), {1}),
        (FieldFilter("due.at", True, (9,)), {3}),
        (FieldFilter("price", True, (1.5,)), {1}),
        (FieldFilter("price", True, (1.5, 2.5)), {1, 2}),
        (FieldFilter("done", True, (True,)), {1}),
        (FieldFilter("done", True, (True, False)), {1, 2}),
    ],
    ids=str,
)
async def test_filters_choose_by_role_time_and_declared_metadata(
    index: QdrantIndex, wanted: FieldFilter, seqs: set[int]
) -> None:
    await index.upsert(
        [
            point("a", 1, 1, metadata={"topic": "refund", "due.at": 5, "price": 1.5, "done": True}),
            point("a", 1, 2, role="assistant", metadata={"topic": ["order", "x"], "price": 2.5, "done": False}),
            point("a", 1, 3, metadata={"due.at": 9}),
        ]
    )
    assert {seq for _, seq in await found(index, filters=(wanted,))} == seqs


async def test_excluded_messages_are_not_proposed(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, seq) for seq in range(1, 4)])
    assert await found(index, exclude=("1-1", "1-3")) == {("a", 2)}


async def test_the_same_message_twice_is_one_point(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, 1), point("a", 1, 2)])
    await index.upsert([point("a", 1, 1)])
    assert (await index.count(), await index.count_thread(1), await index.count_thread(2)) == (2, 2, 0)


async def test_removal_by_incarnation_by_position_and_by_id_leaves_the_rest(index: QdrantIndex) -> None:
    await index.upsert([point(thread, g, seq) for g, thread in ((1, "a"), (2, "b"), (3, "c")) for seq in range(1, 5)])
    await index.remove(Removals(gone=(1,), cuts=((2, 3),), candidates=(Candidate("c", 3, 2),)))
    assert await found(index) == {("b", 4), ("c", 1), ("c", 3), ("c", 4)}


async def test_an_owner_that_was_set_later_reaches_all_points_of_the_thread(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, 1), point("a", 1, 2), point("b", 2, 1)])
    await index.remove(Removals(owners=((1, "ann"),)))
    assert await found(index, Audience(owner="ann", ownerless=False)) == {("a", 1), ("a", 2)}
    assert await found(index, Audience()) == {("b", 1)}


async def test_scrolling_meets_every_point_once(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, seq) for seq in range(1, 26)])
    seen, cursor = [], None
    while True:
        page, cursor = await index.scroll(cursor=cursor, most=10)
        seen += [candidate.seq for candidate in page]
        if cursor is None:
            break
    assert sorted(seen) == list(range(1, 26))


async def test_what_is_present_is_told_of_any_number(index: QdrantIndex) -> None:
    await index.upsert([point("a", 1, seq) for seq in range(1, 301)])
    asked = [Candidate("a", 1, seq) for seq in range(300, 600)]
    assert await index.present(asked) == [Candidate("a", 1, 300)]
    assert await index.present([]) == []


async def test_a_memory_without_collection_says_so(store: VectorStore) -> None:
    with pytest.raises(NotThere):
        await QdrantIndex(store, "local", "nobody").ping()


async def test_a_wrong_key_is_told_from_a_store_that_is_away(server: VectorsServer) -> None:
    wrong, away = VectorStore(server.url, lambda: "wrong"), VectorStore("http://127.0.0.1:9", lambda: None)
    with pytest.raises(VectorUnavailable) as refused:
        await QdrantIndex(wrong, "local", "m").ping()
    with pytest.raises(VectorUnavailable) as silent:
        await QdrantIndex(away, "local", "m").ping()
    assert (refused.value.reason, silent.value.reason) == ("Unauthorized", "Unreachable")
    await wrong.close()
    await away.close()


def test_a_key_that_reads_as_a_path_gets_a_field_of_its_own() -> None:
    assert field("topic") == "m_topic"
    assert field("due.at") == "mx_6475652e6174"
    assert condition(FieldFilter("a-b", True, ("x",))) == {"key": "m_a-b", "match": {"value": "x"}}


def test_point_ids_tell_tenants_memories_incarnations_and_messages_apart() -> None:
    ids = {
        point_id(*each)
        for each in (("t", "m", 1, 1), ("t", "m", 1, 2), ("t", "m", 2, 1), ("t", "n", 1, 1), ("u", "m", 1, 1))
    }
    assert len(ids) == 5
    assert point_id("t", "m", 1, 1) == point_id("t", "m", 1, 1)


def test_a_complaint_is_the_same_words_at_every_look() -> None:
    answers = [b'{"status":{"error":"Not found: Collection `x`"},"time":%d.5e-06}' % number for number in (1, 2)]

    told = {str(_fault(404, "GET /collections/x", answer)) for answer in answers}

    assert told == {
        "GET /collections/x answered 404: Not found: Collection `x`; the worker makes it, try again in a moment"
    }
