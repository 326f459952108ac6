"""The auditor: whatever made history and vectors differ, they agree afterwards."""

import asyncio

import pytest
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.model.search import Candidate, Point, Removals
from memory_service.worker.auditor import Audit, Auditor
from memory_service.worker.keeper import Keeper
from memory_service.worker.lease import UPKEEP, LeaseLost

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig


@pytest.fixture
def auditor(rig: Rig) -> Auditor:
    return Auditor(rig.subject, Keeper(rig.subject), pace=0)


def index(rig: Rig) -> QdrantIndex:
    return QdrantIndex(rig.vector_store, TENANT, rig.subject.id)


def orphan(thread: str, g: int, seq: int) -> Point:
    return Point(Candidate(thread, g, seq), None, "user", 1, {}, [1.0] + [0.0] * 383, None)


async def test_where_all_agrees_nothing_is_done(rig: Rig, auditor: Auditor) -> None:
    async with rig.working():
        await rig.say("t", "one", "two")
        await rig.indexed()
    assert await auditor.audit() == Audit(threads=1, points=2)


async def test_points_without_a_living_message_are_deleted_and_counted(rig: Rig, auditor: Auditor) -> None:
    async with rig.working():
        outcome = await rig.say("t", "one", "two")
        await rig.indexed()
    await index(rig).upsert([orphan("t", outcome.incarnation, 9), orphan("never", 999_999, 1)])
    found = await auditor.audit()
    assert (found.points, found.orphans) == (4, 2)
    assert await index(rig).count() == 2
    assert b"memory_orphan_vectors{" in rig.subject.metrics.render("")[0]
    assert (await auditor.audit()).orphans == 0


async def test_messages_without_a_point_go_on_the_outbox_again(rig: Rig, auditor: Auditor) -> None:
    async with rig.working():
        outcome = await rig.say("hurt", "one", "two", "three")
        await rig.say("fine", "four")
        await rig.indexed()
        await index(rig).remove(Removals(candidates=(Candidate("hurt", outcome.incarnation, 2),)))
        found = await auditor.audit()
        assert (found.threads, found.missing) == (2, 3)
        assert b"memory_missing_vectors{memory=" in rig.subject.metrics.render("")[0]
        await rig.indexed()
    assert await index(rig).count() == 4


async def test_messages_on_their_way_are_not_missing(rig: Rig, auditor: Auditor) -> None:
    await Keeper(rig.subject).targets()
    await rig.say("t", "one", "two")
    audit = asyncio.create_task(auditor.audit())
    await asyncio.sleep(0.3)
    async with rig.working():
        assert (await audit).missing == 0


async def test_points_on_their_way_out_are_no_orphans(rig: Rig, auditor: Auditor) -> None:
    async with rig.working():
        await rig.say("t", "one", "two")
        await rig.indexed()
    await rig.forget("t")
    audit = asyncio.create_task(auditor.audit())
    await asyncio.sleep(0.3)
    async with rig.working():
        assert await audit == Audit(points=2)
    assert await index(rig).count() == 0


async def test_one_worker_audits_at_a_time(rig: Rig, auditor: Auditor) -> None:
    await Keeper(rig.subject).targets()
    await rig.subject.outbox.lease(UPKEEP, "somebody else", ttl_ms=5_000)
    with pytest.raises(LeaseLost):
        await auditor.audit()
