"""Context: what a prompt needs, in one round trip, within a budget."""

from dataclasses import replace

import pytest
from memory_service.errors import Timeout
from memory_service.operations.context import ContextAnswer, ContextRequest, context
from memory_service.operations.stored import decode

from tests.memory_service.conftest import MakeRig
from tests.memory_service.rig import Rig, contents

LISBON = "My flight to Lisbon leaves on the ninth of March."


async def gather(rig: Rig, thread: str, **asked) -> ContextAnswer:
    return await context(rig.memory, ContextRequest(thread, **({"strong": True, "timeout_ms": 25_000} | asked)))


def recalled(answer: ContextAnswer) -> list[str]:
    return [decode(hit.message).content for hit in answer.recalled]


async def test_history_comes_with_what_other_threads_know_about_the_latest_question(make_rig: MakeRig) -> None:
    rig = make_rig(maxResults=1)
    async with rig.working():
        await rig.say("monday", LISBON)
        await rig.say("tuesday", "Good morning!")
        await rig.say("tuesday", "Hello, how can I help?", role="assistant")
        await rig.say("tuesday", "When do I travel to Portugal?")
        answer = await gather(rig, "tuesday")
    assert contents(answer.last) == ["Good morning!", "Hello, how can I help?", "When do I travel to Portugal?"]
    assert answer.current == answer.last
    assert recalled(answer) == [LISBON]
    assert (answer.facts.messages, answer.semantic_reason, answer.consistent) == (3, None, True)
    assert answer.spent == sum(decode(message).tokens for message in (*answer.last, answer.recalled[0].message))


async def test_what_is_in_the_history_is_not_recalled_again(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", LISBON, "Lisbon?")
        answer = await gather(rig, "t", query="Lisbon")
    assert recalled(answer) == []


async def test_messages_older_than_the_history_shown_are_recalled(make_rig: MakeRig) -> None:
    rig = make_rig(maxResults=1, messageRange=0)
    async with rig.working():
        await rig.say("t", LISBON, *(f"Small talk {number}." for number in range(12)))
        answer = await gather(rig, "t", query="When do I travel to Portugal?", limit=5)
    assert len(answer.current) == 5
    assert len(answer.last) == 10
    assert recalled(answer) == [LISBON]


async def test_an_absent_thread_has_an_empty_context(rig: Rig) -> None:
    async with rig.working():
        answer = await gather(rig, "nobody")
    assert (answer.facts.exists, answer.current, answer.last, answer.recalled) == (False, [], [], [])
    assert answer.semantic_reason is not None and answer.semantic_reason.startswith("there is no question")


async def test_a_budget_pays_for_the_newest_messages_and_then_for_hits(make_rig: MakeRig) -> None:
    rig = make_rig(maxResults=3, messageRange=0)
    async with rig.working():
        await rig.say("other", LISBON)
        await rig.say("t", "x" * 400, "y" * 40, "z" * 40)
        answer = await gather(rig, "t", query="flight to Lisbon", budget=40)
    assert contents(answer.last) == ["y" * 40, "z" * 40]
    assert answer.current == answer.last
    assert recalled(answer)[0] == LISBON
    assert answer.spent <= 40


async def test_what_a_budget_leaves_out_of_the_history_may_still_be_found(make_rig: MakeRig) -> None:
    rig = make_rig(maxResults=1, messageRange=0)
    async with rig.working():
        await rig.say("t", LISBON, "y" * 400)
        answer = await gather(rig, "t", query="flight to Lisbon", budget=40)
    assert (contents(answer.last), recalled(answer)) == ([], [LISBON])


async def test_a_limit_caps_the_current_thread_within_a_budget_too(rig: Rig) -> None:
    await rig.say("t", "a", "b", "c")
    answer = await gather(rig, "t", strong=False, limit=1, budget=1_000)
    assert (contents(answer.last), contents(answer.current)) == (["a", "b", "c"], ["c"])


async def test_without_recall_the_context_says_so_and_has_the_rest(make_rig: MakeRig) -> None:
    rig = make_rig(enabled=False)
    await rig.say("t", "hello")
    answer = await gather(rig, "t")
    assert (contents(answer.last), answer.recalled, answer.recall) == (["hello"], [], None)
    assert answer.semantic_reason is not None and "semantic recall is off" in answer.semantic_reason


async def test_history_does_not_depend_on_worker_or_vector_store(rig: Rig) -> None:
    await rig.say("t", LISBON)
    rig.embedder.away = True
    rig.subject.vectors.url = "http://127.0.0.1:9"
    answer = await gather(rig, "t", query="Lisbon", strong=False)
    assert contents(answer.last) == [LISBON]
    assert answer.recalled == []
    assert answer.semantic_reason is not None and answer.semantic_reason.startswith("Unreachable: ")


async def test_strong_is_not_answered_before_the_index_has_caught_up(rig: Rig) -> None:
    await rig.say("t", LISBON)
    with pytest.raises(Timeout):
        await gather(rig, "t", timeout_ms=50)
    late = await gather(rig, "t", timeout_ms=50, strong=False, position=("?", 1))
    assert not late.consistent


@pytest.mark.parametrize("scope", ["thread", "owner"])
async def test_working_memory_is_part_of_it_and_costs_tokens(rig: Rig, scope: str) -> None:
    spec = rig.memory.definition.spec
    options = replace(spec.options, working_memory=replace(spec.options.working_memory, enabled=True, scope=scope))
    rig.memory = replace(rig.memory, definition=replace(rig.memory.definition, spec=replace(spec, options=options)))
    place = {"thread": "t", "owner": None} if scope == "thread" else {"thread": None, "owner": "ann"}
    await rig.say("t", "hello")
    await rig.memory.store.set_working(b"<name>Ann</name>", **place, if_match=None, ttl_ms=None)
    answer = await gather(rig, "t", strong=False, owner="ann")
    assert answer.working is not None and answer.working.content == b"<name>Ann</name>"
    poor = await gather(rig, "t", strong=False, owner="ann", budget=3)
    assert (poor.working, contents(poor.last)) == (None, ["hello"])
