"""Expiry by the worker: what is due goes once, is counted once, and is told to Prometheus."""

import asyncio
import contextlib
import signal

import pytest
from memory_service.metrics import WORKER, Families
from memory_service.model.facts import Slice
from memory_service.model.mutations import Append, Configure, SetMessageTtl, SetTtl
from memory_service.model.values import Settings
from memory_service.operations.stored import decode
from memory_service.worker.reaper import BATCH, Reaper
from prometheus_client import CollectorRegistry

from tests.memory_service.rig import Rig, draft, eventually
from tests.memory_service.worker.process import Worker

KILLS = 2


def sample(metrics: Families, name: str, memory: str) -> float | None:
    value = metrics.registry.get_sample_value(name, {"memory": memory})
    return value


async def grow(rig: Rig, threads: int, prefix: str = "t") -> None:
    """Threads of two messages that are due in a moment."""
    store = rig.memory.store
    two = (draft("a"), draft("b"))
    await asyncio.gather(*(store.mutate(Append(f"{prefix}{number}", two)) for number in range(threads)))
    await asyncio.gather(*(store.mutate(SetTtl(f"{prefix}{n}", "set", ttl_ms=1)) for n in range(threads)))
    await asyncio.sleep(0.005)


async def test_a_step_tells_what_expired_and_how_late_it_came(rig: Rig) -> None:
    await grow(rig, 3)
    await rig.say("soon", "x", ttl_ms=1)
    await asyncio.sleep(0.05)

    assert not await Reaper(rig.subject).step()

    metrics, memory = rig.subject.metrics, rig.subject.id
    assert sample(metrics, "memory_expired_total", memory) == 3
    assert sample(metrics, "memory_expired_messages_total", memory) == 7
    assert sample(metrics, "memory_ttl_repairs_total", memory) == 0
    assert 0.05 <= (sample(metrics, "memory_reaper_lag_seconds", memory) or 0) < 5
    await Reaper(rig.subject).step()
    assert sample(metrics, "memory_reaper_lag_seconds", memory) == 0


async def test_what_a_write_found_expired_is_counted_too(rig: Rig) -> None:
    await grow(rig, 2)
    await rig.say("t0", "anew")
    await rig.memory.store.mutate(Configure("t1", Settings(title="anew"), "merge"))
    await rig.say("t1", "kept", "soon", ttl_ms=1)
    await asyncio.sleep(0.01)
    assert (await rig.memory.store.facts("t1")).messages == 0

    await Reaper(rig.subject).step()

    assert sample(rig.subject.metrics, "memory_expired_total", rig.subject.id) == 2
    assert sample(rig.subject.metrics, "memory_expired_messages_total", rig.subject.id) == 6


async def test_a_memory_without_recall_tells_its_reaper_s_numbers_too(rig: Rig) -> None:
    silent = rig.redefined(enabled=False)
    await grow(silent, 1)
    async with silent.working():

        async def told() -> bool:
            return sample(silent.subject.metrics, "memory_expired_total", silent.subject.id) == 1

        await eventually(told, 10)
    assert sample(silent.subject.metrics, "memory_reaper_lag_seconds", silent.subject.id) is not None


async def test_points_go_with_the_thread_or_the_message_that_expired(rig: Rig) -> None:
    await rig.say("stays", "one")
    await rig.say("t", "two", "three")
    await rig.say("stays", "four", ttl_ms=60_000)
    first = (await rig.memory.store.read("stays", Slice(last=1))).messages[0]
    async with rig.working():
        await rig.indexed()
        assert await rig.memory.index.count() == 4
        await rig.memory.store.mutate(SetTtl("t", "set", ttl_ms=1))
        await rig.memory.store.mutate(SetMessageTtl("stays", decode(first).id, "set", ttl_ms=1))

        async def only_one() -> bool:
            return await rig.memory.index.count() == 1

        await eventually(only_one, 20)


async def test_workers_share_the_work_and_show_the_same_sum(rig: Rig) -> None:
    await grow(rig, 2 * BATCH)
    every = [Families(WORKER, CollectorRegistry()) for _ in range(3)]
    stores = [rig.redis.stores() for _ in every]

    async def reap(metrics: Families, at: int) -> int:
        _, outbox = stores[at].open(rig.subject.id, rig.subject.spec.options)
        removed = 0
        while (step := await outbox.reap(most=40)).more:
            removed += step.threads
        metrics.reached("memory_expired_total", rig.subject.id, (await outbox.reap(most=40)).ever_threads)
        return removed + step.threads

    removed = await asyncio.gather(*(reap(metrics, at) for at, metrics in enumerate(every)))
    await asyncio.gather(*(each.close() for each in stores))

    assert sum(removed) == 2 * BATCH
    assert all(removed)
    assert {sample(metrics, "memory_expired_total", rig.subject.id) for metrics in every} == {2 * BATCH}
    assert (await rig.memory.store.totals()).messages == 0


@pytest.mark.timeout(120)
async def test_workers_killed_while_they_reap_count_every_thread_once(rig: Rig, make_worker) -> None:
    workers = [make_worker(rig, name=f"worker-{number}") for number in range(2)]
    grown = 0
    for kill in range(KILLS):
        for worker in workers:
            if worker.process is None:
                worker.start()
            await eventually(lambda worker=worker: shown(worker, "/livez"))
        await grow(rig, 6 * BATCH, f"r{kill}-")
        grown += 6 * BATCH
        await fewer_messages(rig)
        workers[kill % 2].stop(signal.SIGKILL)
    survivor = next(worker for worker in workers if worker.process is not None)

    async def counted() -> bool:
        line = f'memory_expired_total{{memory="{rig.subject.id}"}} {float(grown)}'
        return line in await shown(survivor, "/metrics")

    await eventually(counted, 30)
    totals = await rig.memory.store.totals()
    assert (totals.threads, totals.messages, totals.tokens, totals.bytes, totals.reaper_lag_ms) == (0, 0, 0, 0, 0)


async def shown(worker: Worker, path: str) -> str:
    """A page of the worker's management listener; nothing while it starts."""
    with contextlib.suppress(OSError):
        return await asyncio.to_thread(worker.management, path)
    return ""


async def fewer_messages(rig: Rig) -> None:
    """Return in the midst of reaping."""
    before = (await rig.memory.store.totals()).messages
    while before and (await rig.memory.store.totals()).messages >= before:
        await asyncio.sleep(0.001)
