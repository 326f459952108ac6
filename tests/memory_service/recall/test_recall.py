"""Recall on real parts: Valkey, memory-vectors, the local model, the worker's loops."""

import asyncio
import time

from memory_service.model import Delete

from tests.memory_service.rig import Rig, said


async def test_a_question_finds_the_message_that_answers_it_in_another_thread(rig: Rig) -> None:
    async with rig.working():
        await rig.say("monday", "My flight to Lisbon leaves on the ninth of March.", "The weather is nice.")
        await rig.say("tuesday", "I would like a coffee.")
        answer = await rig.ask("When do I travel to Portugal?", max_results=1)
    assert said(answer) == ["My flight to Lisbon leaves on the ninth of March."]
    (hit,) = answer.hits
    assert hit.thread == "monday"
    assert 0 < hit.score <= 1
    assert hit.similarity is not None and hit.similarity > 0.3
    assert hit.dense is not None and hit.dense.rank == 1
    assert (answer.consistent, answer.degraded, answer.mode) == (True, False, "hybrid")


async def test_an_append_is_found_within_a_second(rig: Rig) -> None:
    async with rig.working():
        await rig.say("warm", "something to warm up")
        await rig.indexed()
        started = time.monotonic()
        await rig.say("t", "The dishwasher's warranty expired last summer.")
        while not said(await rig.ask("dishwasher warranty", strong=False, max_results=1)):
            await asyncio.sleep(0.01)
        answer = await rig.ask("dishwasher warranty", strong=False, max_results=1)
        while said(answer) != ["The dishwasher's warranty expired last summer."]:
            await asyncio.sleep(0.01)
            answer = await rig.ask("dishwasher warranty", strong=False, max_results=1)
    assert time.monotonic() - started < 1.0


async def test_a_deleted_message_is_not_recalled_from_that_instant(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "The vault code is 7351.")
        assert said(await rig.ask("vault code")) == ["The vault code is 7351."]
    await rig.memory.store.mutate(Delete("t"))
    assert said(await rig.ask("vault code", strong=False)) == []
    assert await rig.memory.index.count() == 1
