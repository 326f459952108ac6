"""memory-worker as a process: questions over its socket, checks, metrics, definitions that change, memory it needs."""

import signal
from dataclasses import replace

import msgspec
import pytest
from memory_crd.memory import Memory
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.errors import EmbedderUnavailable, VectorUnavailable

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig, eventually, said, spec_of


async def checks(socket: WorkerSocket) -> dict:
    try:
        return dict(await socket.checks())
    except EmbedderUnavailable:
        return {}


async def test_it_answers_questions_reports_on_every_part_and_ends_when_told(rig: Rig, make_worker) -> None:
    worker = make_worker(rig)
    worker.start()
    socket = WorkerSocket(worker.socket)
    memory_id = rig.subject.id

    async def well() -> bool:
        reported = (await checks(socket)).get(memory_id, {})
        return {check.status for check in reported.values()} == {"ok"}

    await eventually(well)
    await rig.say("t", "A flight to Lisbon")
    await rig.indexed()
    vectors = await socket.of(memory_id).query("When do I travel to Portugal?")
    assert vectors.dense is not None and len(vectors.dense) == 384
    assert vectors.sparse is not None and len(vectors.sparse.indices) == 2
    rig.memory = replace(rig.memory, embedder=socket.of(memory_id))
    assert said(await rig.ask("When do I travel to Portugal?")) == ["A flight to Lisbon"]
    missing = await socket.of("nobody").query("x")
    assert (missing.dense, missing.sparse, missing.reason) == (None, None, "Loading")
    assert worker.management("/livez") == "ok\n"
    assert f'"{memory_id}"' in worker.management("/readyz")
    metrics = worker.management("/metrics")
    assert f'memory_indexed_total{{memory="{memory_id}"}} 1.0' in metrics
    assert 'memory_embedding_duration_seconds_count{embedder="local"}' in metrics
    assert worker.rss_mib() < 230
    assert worker.stop(signal.SIGTERM) == 0
    gone = await socket.of(memory_id).query("x")
    assert gone.reason == "Unreachable"
    await socket.close()


async def test_definitions_are_taken_up_changed_and_dropped_while_it_runs(rig: Rig, make_worker) -> None:
    worker = make_worker(rig)
    worker.start()
    socket = WorkerSocket(worker.socket)

    async def knows(*ids: str) -> bool:
        return set(await checks(socket)) == set(ids)

    first = rig.memory.definition
    await eventually(lambda: knows(rig.subject.id))
    second = Memory("second", TENANT, "uid-2", 1, spec_of(f"{rig.subject.id}-second"))
    worker.define(first, second)
    await eventually(lambda: knows(first.spec.id, second.spec.id))
    worker.define(replace(first, generation=2, spec=spec_of(first.spec.id, dimensions=8)))
    await eventually(lambda: knows(first.spec.id))

    async def secret_is_asked_for() -> bool:
        return (await checks(socket))[first.spec.id]["embedder"].reason in ("SecretMissing", "Unreachable")

    await eventually(secret_is_asked_for)
    await socket.close()


async def test_stores_that_are_away_are_reported_and_come_back_by_themselves(
    rig: Rig, make_worker, vectors, tmp_path
) -> None:
    worker = make_worker(rig)
    worker.start()
    socket = WorkerSocket(worker.socket)
    await rig.say("t", "A flight to Lisbon")
    await rig.indexed()
    vectors.stop()
    try:

        async def away() -> bool:
            return (await checks(socket))[rig.subject.id]["vector"].reason == "Unreachable"

        await eventually(away)
        await rig.say("t", "Another one to Porto")
    finally:
        vectors.start()

    async def indexed() -> bool:
        try:
            return await rig.memory.index.count() == 2
        except VectorUnavailable:
            return False

    await eventually(indexed, 20)
    await socket.close()


async def test_questions_that_make_no_sense_are_refused_and_hurt_nobody(rig: Rig, make_worker) -> None:
    worker = make_worker(rig)
    worker.start()
    socket = WorkerSocket(worker.socket)

    async def knows() -> bool:
        return bool(await checks(socket))

    await eventually(knows)
    texts = msgspec.json.encode({"memory": rig.subject.id, "texts": ["x"] * 65})
    for body in (b"{", b"[]", b'{"memory": 1}', b'{"memory": "m", "texts": [], "more": 1}', texts):
        with pytest.raises(EmbedderUnavailable, match="answered 400"):
            await socket.ask("POST", "/embed", body, seconds=5)
    for text in ("", "\x00", "🙂" * 5_000, "the"):
        assert (await socket.of(rig.subject.id).query(text)).dense is not None
    await socket.close()
