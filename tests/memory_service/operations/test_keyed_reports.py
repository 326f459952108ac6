"""Health and statistics of a key with real vectors behind it."""

from __future__ import annotations

from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.model.search import Candidate, Removals
from memory_service.model.values import Guard
from memory_service.operations.flushing import flush
from memory_service.operations.keyed import reports
from memory_service.operations.keyed.task import HealthConfig, StatsConfig
from memory_service.policies.flushing import Wish

from tests.memory_service.rig import Rig, said

ASKED = HealthConfig(check_connectivity=True)


async def test_a_key_whose_vectors_are_in_step_is_well_and_one_with_a_hole_is_not(rig: Rig) -> None:
    async with rig.working():
        done = await rig.say("t", "the sky is blue", "grass is green")
        await rig.indexed()
    well = await reports.health(rig.memory, "t", ASKED)
    numbers, _ = await reports.stats(rig.memory, "t", StatsConfig())
    index = rig.memory.index
    assert isinstance(index, QdrantIndex)
    await index.remove(Removals(candidates=(Candidate("t", done.incarnation, 1),)))
    holed = await reports.health(rig.memory, "t", HealthConfig())

    assert (well["healthy"], well["reasons"], numbers["vector_count"]) == (True, [], 2)
    assert (holed["healthy"], holed["reasons"]) == (False, ["1 vectors stand for 2 messages"])


async def test_what_a_flush_took_is_not_recalled_and_its_summary_is(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "hello", "the parcel went to Lisbon", "thanks", "bye")
        flushed = await flush(rig.memory, "t", Wish("hybrid_summary", target=0.25), Guard())
        found = said(await rig.ask("which city did the parcel go to?"))
        numbers, _ = await reports.stats(rig.memory, "t", StatsConfig())

    assert flushed.removed == 2
    assert "the parcel went to Lisbon" not in found
    assert flushed.summary is not None and flushed.summary.content in found
    assert numbers["vector_count"] == numbers["message_count"] == 3
