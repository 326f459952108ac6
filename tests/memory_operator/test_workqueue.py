"""The queue of tenants: de-duplicated, exclusive per key, delayed, backing off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from memory_operator.workqueue import Backoff, WorkQueue

Handle = Callable[[str], Awaitable[float | None]]


@contextlib.asynccontextmanager
async def served(queue: WorkQueue[str], handle: Handle, workers: int = 4):  # type: ignore[no-untyped-def]
    task = asyncio.create_task(queue.run(workers, handle))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_key_that_is_added_twice_before_it_is_taken_is_worked_on_once() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)

    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    queue.add("b")
    async with served(queue, handle):
        await asyncio.sleep(0.02)

    assert sorted(seen) == ["a", "b"]


async def test_a_key_is_never_worked_on_by_two_workers_and_runs_again_if_it_was_added_meanwhile() -> None:
    running, most, runs = 0, 0, 0
    release = asyncio.Event()

    async def handle(key: str) -> None:
        nonlocal running, most, runs
        running, runs = running + 1, runs + 1
        most = max(most, running)
        await release.wait()
        running -= 1

    queue: WorkQueue[str] = WorkQueue()
    async with served(queue, handle):
        queue.add("a")
        await until(lambda: runs == 1)
        queue.add("a")
        queue.add("a")
        await asyncio.sleep(0.01)
        assert runs == 1
        release.set()
        await until(lambda: runs == 2)
        await asyncio.sleep(0.01)

    assert (runs, most) == (2, 1)


async def test_the_earlier_of_two_delays_counts() -> None:
    loop, when = asyncio.get_running_loop(), []

    async def handle(key: str) -> None:
        when.append(loop.time())

    queue: WorkQueue[str] = WorkQueue()
    began = loop.time()
    async with served(queue, handle):
        queue.add("a", 5.0)
        queue.add("a", 0.02)
        queue.add("a", 7.0)
        await until(lambda: bool(when))
        await asyncio.sleep(0.02)

    assert len(when) == 1
    assert 0.015 <= when[0] - began < 1.0


async def test_an_event_comes_before_the_delay_and_replaces_it() -> None:
    seen = []

    async def handle(key: str) -> float:
        seen.append(key)
        return 30.0

    queue: WorkQueue[str] = WorkQueue()
    async with served(queue, handle):
        queue.add("a", 0.03)
        queue.add("a")
        await asyncio.sleep(0.08)

    assert seen == ["a"]


async def test_a_handler_asks_for_its_key_again() -> None:
    runs = 0

    async def handle(key: str) -> float | None:
        nonlocal runs
        runs += 1
        return 0.005 if runs < 3 else None

    queue: WorkQueue[str] = WorkQueue()
    async with served(queue, handle):
        queue.add("a")
        await until(lambda: runs == 3)
        await asyncio.sleep(0.02)

    assert runs == 3


async def test_a_failing_key_backs_off_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    runs, others = 0, 0

    async def handle(key: str) -> None:
        nonlocal runs, others
        if key == "good":
            others += 1
            return
        runs += 1
        if runs < 3:
            raise RuntimeError("no")

    queue: WorkQueue[str] = WorkQueue(backoff=Backoff(first=0.01), chance=lambda: 0.5)
    async with served(queue, handle, workers=1):
        queue.add("bad")
        queue.add("good")
        await until(lambda: runs == 3)

    assert others == 1
    assert "failed 2 times in a row" in caplog.text


@pytest.mark.parametrize(
    ("failures", "chance", "delay"),
    [(1, 0.5, 0.25), (2, 0.5, 0.5), (5, 0.5, 4.0), (40, 0.5, 60.0), (1, 0.0, 0.125), (1, 1.0, 0.375)],
)
def test_the_wait_doubles_up_to_a_ceiling_within_half(failures: int, chance: float, delay: float) -> None:
    assert Backoff().delay(failures, chance) == delay


async def test_the_queue_tells_how_long_the_slowest_key_takes() -> None:
    release = asyncio.Event()

    async def handle(key: str) -> None:
        await release.wait()

    queue: WorkQueue[str] = WorkQueue()
    assert queue.longest() == 0.0
    async with served(queue, handle):
        queue.add("a")
        await until(lambda: queue.longest() > 0.005)
        release.set()
        await until(lambda: queue.longest() == 0.0)
