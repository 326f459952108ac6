"""Workers killed at any moment: at the end every living message has its point, and nothing else has one."""

import asyncio
import contextlib
import random
import signal

import pytest
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.errors import VectorUnavailable
from memory_service.model.facts import Slice
from memory_service.model.mutations import Delete, DeleteMessage

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig, eventually

SECONDS = 10.0
THREADS = 12


async def write(rig: Rig, seed: int, stop: asyncio.Event) -> None:
    """Appends, removals, deletions and re-creations, as fast as Redis answers, a little slowed down."""
    dice, incarnations = random.Random(seed), dict.fromkeys((f"t{number}" for number in range(THREADS)), 1)
    while not stop.is_set():
        thread = f"t{dice.randrange(THREADS)}"
        chance = dice.random()
        if chance < 0.75:
            outcome = await rig.say(thread, *(f"message {dice.randrange(1000)}" for _ in range(dice.randint(1, 4))))
            incarnations[thread] = outcome.incarnation
        elif chance < 0.97:
            message = f"{incarnations[thread]}-{dice.randint(1, 30)}"
            await rig.memory.store.mutate(DeleteMessage(thread, message))
        else:
            await rig.memory.store.mutate(Delete(thread))
        await asyncio.sleep(0.004)


async def living(rig: Rig) -> set[tuple[str, str]]:
    """(thread, id) of every message of the log."""
    found = set()
    for number in range(THREADS):
        after = None
        while True:
            page = await rig.memory.store.read(f"t{number}", Slice(limit=500, after=after))
            ids = [message.split(b'"id":"')[1].split(b'"')[0].decode() for message in page.messages]
            found |= {(f"t{number}", each) for each in ids}
            if page.next_seq is None:
                break
            after = f"{page.incarnation}-{page.next_seq}"
    return found


async def pointed(rig: Rig) -> set[tuple[str, str]]:
    """(thread, id) of every point."""
    index, found, cursor = QdrantIndex(rig.vector_store, TENANT, rig.subject.id), set(), None
    while True:
        page, cursor = await index.scroll(cursor=cursor, most=500)
        found |= {(each.thread, f"{each.incarnation}-{each.seq}") for each in page}
        if cursor is None:
            return found


@pytest.mark.timeout(180)
@pytest.mark.slow
@pytest.mark.parametrize("seed", [7])
async def test_killing_workers_loses_no_message_and_leaves_no_orphan(rig: Rig, make_worker, seed: int) -> None:
    dice, stop = random.Random(seed), asyncio.Event()
    workers = [make_worker(rig, name=f"worker-{number}") for number in range(2)]
    writers = [asyncio.create_task(write(rig, seed * 100 + number, stop)) for number in range(3)]
    loop = asyncio.get_running_loop()
    ends = loop.time() + SECONDS
    kills = 0
    while loop.time() < ends:
        worker = dice.choice(workers)
        if worker.process is None:
            worker.start()
        await asyncio.sleep(dice.uniform(0.8, 2.6))
        worker = dice.choice(workers)
        if worker.process is not None:
            worker.stop(signal.SIGKILL)
            kills += 1
    stop.set()
    await asyncio.gather(*writers)
    for worker in workers:
        if worker.process is None:
            worker.start()
    await rig.indexed(90)
    assert kills >= 3
    alive = await living(rig)
    assert len(alive) > 100

    async def agree() -> bool:
        with contextlib.suppress(VectorUnavailable):
            return await pointed(rig) == alive
        return False

    await eventually(agree, 5)
