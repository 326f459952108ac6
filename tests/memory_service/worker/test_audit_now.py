"""An audit that is asked for over the worker's socket, as the service asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.errors import EmbedderUnavailable, Refused, VectorUnavailable
from memory_service.model.outbox import Audit
from memory_service.model.search import Candidate, Point
from memory_service.worker.lease import UPKEEP

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig, eventually
from tests.memory_service.worker.conftest import MakeWorker


@pytest.fixture
async def socket(rig: Rig, make_worker: MakeWorker) -> AsyncIterator[WorkerSocket]:
    """The way to a worker that is at work on the rig's memory."""
    worker = make_worker(rig)
    worker.start()
    socket = WorkerSocket(worker.socket)

    async def well() -> bool:
        try:
            checks = (await socket.checks()).get(rig.subject.id, {})
        except EmbedderUnavailable:
            return False
        return {check.status for check in checks.values()} == {"ok"}

    await eventually(well)
    yield socket
    await socket.close()


async def test_it_deletes_orphans_and_says_how_many_threads_were_compared(rig: Rig, socket: WorkerSocket) -> None:
    await rig.say("a", "one", "two")
    await rig.say("b", "three")
    await rig.indexed()
    index = QdrantIndex(rig.vector_store, TENANT, rig.subject.id)
    await index.upsert([Point(Candidate("gone", 999_999, 1), None, "user", 1, {}, [1.0] + [0.0] * 383, None)])
    assert await socket.audit(rig.subject.id) == Audit(threads=2, points=4, orphans=1, missing=0)
    assert await socket.audit(rig.subject.id) == Audit(threads=2, points=3)


async def test_while_another_worker_audits_it_is_busy(rig: Rig, socket: WorkerSocket) -> None:
    assert await rig.memory.outbox.lease(UPKEEP, "another", ttl_ms=10_000)
    with pytest.raises(Refused) as refused:
        await socket.audit(rig.subject.id)
    assert refused.value.code == "busy"
    await rig.memory.outbox.release(UPKEEP, "another")


async def test_a_memory_that_no_worker_knows_is_not_audited(socket: WorkerSocket) -> None:
    with pytest.raises(EmbedderUnavailable, match="not loaded here"):
        await socket.audit("nobody")


async def test_without_the_vector_store_it_says_which_part_is_away(rig: Rig, make_worker: MakeWorker) -> None:
    worker = make_worker(rig, qdrant="http://127.0.0.1:9")
    worker.start()
    socket = WorkerSocket(worker.socket)

    async def loaded() -> bool:
        try:
            return rig.subject.id in await socket.checks()
        except EmbedderUnavailable:
            return False

    await eventually(loaded)
    with pytest.raises(VectorUnavailable):
        await socket.audit(rig.subject.id)
    await socket.close()
