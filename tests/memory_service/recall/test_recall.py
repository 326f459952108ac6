"""Recall on real parts: Valkey, memory-vectors, the local model, the worker's loops."""

import asyncio
import time

import pytest
from memory_service.errors import EmbedderUnavailable, Refused, StorageUnavailable, Timeout, VectorUnavailable
from memory_service.model.facts import Slice
from memory_service.model.mutations import Configure, Delete, DeleteMessage, Replace
from memory_service.model.search import FieldFilter
from memory_service.model.values import Settings

from tests.contracts.store.servers import binaries, running
from tests.memory_service.conftest import MakeRig
from tests.memory_service.parts import vectors_server
from tests.memory_service.rig import Rig, build, contents, draft, eventually, said

LISBON = "My flight to Lisbon leaves on the ninth of March."


async def own(rig: Rig, thread: str, owner: str) -> None:
    await rig.memory.store.mutate(Configure(thread, Settings(owner=owner), "merge"))


# --- what is found ----------------------------------------------------------------------------------------------------


async def test_a_question_finds_the_message_that_answers_it_in_another_thread(rig: Rig) -> None:
    async with rig.working():
        await rig.say("monday", LISBON, "The weather is nice.")
        await rig.say("tuesday", "I would like a coffee.")
        answer = await rig.ask("When do I travel to Portugal?", max_results=1)
    (hit,) = answer.hits
    assert said(answer) == [LISBON]
    assert hit.thread == "monday"
    assert 0 < hit.score <= 1
    assert hit.similarity is not None and hit.similarity > 0.3
    assert hit.dense is not None and hit.dense.rank == 1
    assert (answer.consistent, answer.degraded, answer.mode, answer.lag_positions) == (True, False, "hybrid", 0)


async def test_a_rare_word_finds_its_message_in_every_mode_that_reads_words(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", *(f"We talked about the order number {number}." for number in range(4400, 4480)))
        assert said(await rig.ask("4471", mode="keyword", max_results=1)) == ["We talked about the order number 4471."]
        answer = await rig.ask("What about order 4471?", mode="hybrid", max_results=1)
    assert said(answer) == ["We talked about the order number 4471."]
    assert answer.hits[0].keyword is not None and answer.hits[0].keyword.rank == 1


async def test_neighbours_come_with_a_hit_in_their_order(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "one", "two", LISBON, "four", "five")
        answer = await rig.ask("Lisbon flight", max_results=1, before=2, after=1)
    assert contents(answer.hits[0].before) == ["one", "two"]
    assert contents(answer.hits[0].after) == ["four"]


async def test_hits_under_the_threshold_are_left_out(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", LISBON, "Bananas are yellow.")
        assert said(await rig.ask("When do I travel to Portugal?", threshold=0.3, mode="dense")) == [LISBON]
        assert said(await rig.ask("When do I travel to Portugal?", threshold=0.99, mode="dense")) == []


async def test_excluded_messages_make_room_for_others(rig: Rig) -> None:
    async with rig.working():
        outcome = await rig.say("t", *(f"Lisbon is lovely, part {number}." for number in range(60)))
        answer = await rig.ask("Lisbon", exclude=tuple(outcome.ids[:58]), max_results=5)
    assert sorted(said(answer)) == ["Lisbon is lovely, part 58.", "Lisbon is lovely, part 59."]


async def test_filters_choose_by_role_time_and_declared_metadata(make_rig: MakeRig) -> None:
    rig = make_rig(filterable=[{"key": "channel", "type": "keyword"}])
    async with rig.working():
        await rig.say("t", "Refund by mail", at=1_000, metadata={"channel": "mail"})
        await rig.say("t", "Refund by phone", at=2_000, metadata={"channel": "phone"}, role="assistant")
        assert said(await rig.ask("refund", filters=(FieldFilter("channel", True, ("mail",)),))) == ["Refund by mail"]
        assert said(await rig.ask("refund", filters=(FieldFilter("role", any_of=("assistant",)),))) == [
            "Refund by phone"
        ]
        assert said(await rig.ask("refund", filters=(FieldFilter("timestamp", lt=2_000),))) == ["Refund by mail"]


# --- who may see what -------------------------------------------------------------------------------------------------


async def test_threads_with_an_owner_come_back_only_for_that_owner(rig: Rig) -> None:
    async with rig.working():
        await rig.say("free", "Tea is free.")
        await rig.say("ann", "Tea is for Ann.")
        await rig.say("bob", "Tea is for Bob.")
        await own(rig, "ann", "ann")
        await own(rig, "bob", "bob")
        for asked, expected in (
            ({"owner": None}, {"Tea is free."}),
            ({"owner": "ann"}, {"Tea is free.", "Tea is for Ann."}),
            ({"owner": "*"}, {"Tea is free.", "Tea is for Ann.", "Tea is for Bob."}),
            ({"scope": "owner", "owner": "ann"}, {"Tea is for Ann."}),
            ({"scope": "owner", "owner": None, "thread": "bob"}, {"Tea is for Bob."}),
            ({"scope": "owner", "owner": None, "thread": "free"}, {"Tea is free."}),
            ({"scope": "owner", "owner": None}, {"Tea is free."}),
            ({"scope": "thread", "owner": None, "thread": "ann"}, {"Tea is for Ann."}),
            ({"scope": "thread", "owner": "bob", "thread": "ann"}, set()),
        ):
            assert set(said(await rig.ask("tea", **asked))) == expected, asked


async def test_an_owner_set_after_the_messages_were_indexed_hides_them_at_once(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "The vault code is 7351.")
        assert said(await rig.ask("vault code", owner=None)) == ["The vault code is 7351."]
    await own(rig, "t", "ann")
    assert said(await rig.ask("vault code", owner=None, strong=False)) == []
    async with rig.working():
        assert said(await rig.ask("vault code", owner="ann", scope="owner")) == ["The vault code is 7351."]


async def test_deleted_replaced_and_removed_messages_are_not_recalled_from_that_instant(rig: Rig) -> None:
    async with rig.working():
        await rig.say("deleted", "The vault code is 1.")
        await rig.say("replaced", "The vault code is 2.")
        outcome = await rig.say("removed", "The vault code is 3.", "The vault is blue.")
        assert len(said(await rig.ask("vault code"))) == 4
    await rig.memory.store.mutate(Delete("deleted"))
    await rig.memory.store.mutate(Replace("replaced", (draft("Nothing to see"),)))
    await rig.memory.store.mutate(DeleteMessage("removed", outcome.ids[0]))
    assert said(await rig.ask("vault code", strong=False)) == ["The vault is blue."]
    assert await rig.memory.index.count() == 4
    async with rig.working():
        await rig.indexed()
        assert await rig.memory.index.count() == 2


async def test_an_expired_message_is_not_recalled_from_that_instant(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "The vault code is 7351.", ttl_ms=1_500)
        await rig.say("t", "The vault is blue.")
        await rig.indexed()
    while "The vault code is 7351." in contents(await read_all(rig)):
        assert "The vault code is 7351." in said(await rig.ask("vault code", strong=False)) or not await still(rig)
        await asyncio.sleep(0.05)
    assert said(await rig.ask("vault code", strong=False)) == ["The vault is blue."]
    async with rig.working():
        await eventually(lambda: points(rig, 1))


async def read_all(rig: Rig) -> list[bytes]:
    return (await rig.memory.store.read("t", Slice(last=10))).messages


async def still(rig: Rig) -> bool:
    return "The vault code is 7351." in contents(await read_all(rig))


async def points(rig: Rig, wanted: int) -> bool:
    return await rig.memory.index.count() == wanted


async def test_dead_candidates_are_replaced_by_living_ones(rig: Rig) -> None:
    """More candidates die between indexing and recall than one round proposes; refills find what lives."""
    async with rig.working():
        for number in range(60):
            await rig.say(f"dead{number}", f"Lisbon trip {number}.")
        await rig.say("alive", "A journey somewhere in Portugal, perhaps.")
        await rig.indexed()
    for number in range(60):
        await rig.memory.store.mutate(Delete(f"dead{number}"))
    answer = await rig.ask("Lisbon trip", strong=False, max_results=3)
    assert said(answer) == ["A journey somewhere in Portugal, perhaps."]


# --- when it is found -------------------------------------------------------------------------------------------------


async def test_an_append_is_found_soon_by_those_who_do_not_wait_for_it(rig: Rig) -> None:
    async with rig.working():
        await rig.say("warm", "something to warm up")
        await rig.indexed()
        started = time.monotonic()
        await rig.say("t", "The dishwasher's warranty expired last summer.")

        async def found() -> bool:
            return bool(said(await rig.ask("dishwasher warranty", strong=False, threshold=0.4)))

        await eventually(found)
        assert time.monotonic() - started < 5.0


async def test_strong_waits_for_everything_written_and_gives_up_in_time(rig: Rig) -> None:
    await rig.say("t", LISBON)
    with pytest.raises(Timeout, match="within 100 ms; the memory's health route says"):
        await rig.ask("Lisbon", timeout_ms=100)
    async with rig.working():
        assert said(await rig.ask("Lisbon")) == [LISBON]


async def test_a_position_is_waited_for_and_its_miss_is_said(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "first")
        await rig.indexed()
    outcome = await rig.say("t", LISBON)
    late = await rig.ask("Lisbon", strong=False, position=(outcome.epoch, outcome.pos), timeout_ms=50)
    assert (late.consistent, late.lag_positions) == (False, 1)
    async with rig.working():
        answer = await rig.ask("Lisbon", strong=False, position=(outcome.epoch, outcome.pos))
    assert answer.consistent
    assert said(answer)[0] == LISBON


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_recall_that_is_switched_off_is_refused_and_nothing_waits(make_rig: MakeRig) -> None:
    rig = make_rig(enabled=False)
    async with rig.working():
        await rig.say("t", LISBON)
        await rig.indexed()
        with pytest.raises(Refused) as refused:
            await rig.ask("Lisbon")
    assert refused.value.code == "recall_disabled"


@pytest.mark.parametrize(
    ("asked", "path"), [({"query": " "}, "/query"), ({"query": "x", "scope": "thread"}, "/thread")]
)
async def test_questions_that_cannot_be_asked_name_the_field(rig: Rig, asked: dict, path: str) -> None:
    with pytest.raises(Refused) as refused:
        await rig.ask(**asked)
    assert (refused.value.code, refused.value.faults[0].path) == ("invalid_query", path)


class Gone:
    """An embedder whose key is missing."""

    name = "gone"

    async def embed(self, texts, *, urgent=False):
        raise EmbedderUnavailable("the key is missing", reason="SecretMissing")


# --- parts that are away ----------------------------------------------------------------------------------------------


async def test_without_an_embedder_words_are_searched_and_the_answer_says_so(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", LISBON)
        await rig.indexed()

    rig = rig.redefined(embedder=Gone())
    answer = await rig.ask("flight to Lisbon", strong=False)
    assert said(answer) == [LISBON]
    assert (answer.mode, answer.degraded, answer.reason) == ("keyword", True, "SecretMissing")
    assert answer.hits[0].similarity is None


async def test_without_a_worker_the_newest_messages_of_a_thread_or_owner_are_scanned(rig: Rig) -> None:
    await rig.say("t", "Bananas are yellow.", LISBON)
    rig.embedder.away = True
    answer = await rig.ask("Lisbon flight", strong=False, scope="thread", thread="t", owner=None, before=1)
    assert said(answer) == [LISBON]
    assert contents(answer.hits[0].before) == ["Bananas are yellow."]
    assert (answer.mode, answer.degraded, answer.reason, answer.searched) == ("scan", True, "Unreachable", 2)
    with pytest.raises(EmbedderUnavailable):
        await rig.ask("Lisbon flight", strong=False)


async def test_while_the_vector_store_is_away_history_works_and_is_indexed_afterwards(valkey, stores, tmp_path) -> None:
    with vectors_server(tmp_path / "vectors") as server:
        rig = build(valkey, server, stores, filterable=[{"key": "channel", "type": "keyword"}])
        async with rig.working():
            await rig.say("t", "Before the outage.")
            await rig.indexed()
            server.stop()
            await rig.say("t", LISBON, metadata={"channel": "mail"})
            await own(rig, "t", "ann")
            asked = {"strong": False, "scope": "owner", "owner": "ann"}
            wanted = (FieldFilter("channel", True, ("mail",)),)
            answer = await rig.ask("Lisbon", filters=wanted, **asked)
            assert said(answer) == [LISBON]
            assert (answer.mode, answer.degraded, answer.reason) == ("scan", True, "Unreachable")
            assert answer.lag_positions > 0
            with pytest.raises(VectorUnavailable):
                await rig.ask("Lisbon", strong=False)
            server.start()
            await rig.indexed(30)
            answer = await rig.ask("When do I travel to Portugal?", max_results=1, **asked)
        assert said(answer) == [LISBON]
        assert not answer.degraded
        await rig.vector_store.close()


async def test_a_vector_store_that_comes_back_empty_is_filled_again_from_the_log(valkey, stores, tmp_path) -> None:
    with vectors_server(tmp_path / "one") as server:
        rig = build(valkey, server, stores)
        async with rig.working():
            await rig.say("t", LISBON, "Bananas are yellow.")
            await rig.indexed()
            server.stop()
            server.folder = tmp_path / "two"
            server.start()

            async def everything_is_back() -> bool:
                try:
                    return await rig.memory.index.count() == 2
                except VectorUnavailable:
                    return False

            await eventually(everything_is_back, 30)
            assert said(await rig.ask("When do I travel to Portugal?", max_results=1)) == [LISBON]
        await rig.vector_store.close()


async def test_without_redis_there_is_no_recall(tmp_path, vectors) -> None:
    with running(str(binaries()["valkey"]), tmp_path / "redis") as server:
        stores = server.stores()
        rig = build(server, vectors, stores)
        async with rig.working():
            await rig.say("t", LISBON)
            await rig.indexed()
        server.stop()
        with pytest.raises(StorageUnavailable):
            await rig.ask("Lisbon", strong=False)
        await rig.vector_store.close()
        await stores.close()


async def test_a_search_by_words_needs_no_embedder_and_is_not_degraded(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", LISBON)
        await rig.indexed()
    answer = await rig.redefined(embedder=Gone()).ask("flight to Lisbon", strong=False, mode="keyword")
    assert said(answer) == [LISBON]
    assert not answer.degraded
