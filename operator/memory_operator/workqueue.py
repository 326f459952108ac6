"""A de-duplicating queue: a key is worked on by one worker at a time, waits its delay, and backs off when it fails.

Keys added while they are being worked on run once more afterwards. Everything happens on one event loop: no locks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from random import random
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


class QueueMeter(Protocol):
    """What a queue tells about itself."""

    def depth(self, waiting: int) -> None: ...
    def waited(self, seconds: float) -> None: ...


class SilentMeter:
    """A meter that nobody reads."""

    def depth(self, waiting: int) -> None: ...
    def waited(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Backoff:
    """Seconds until a failed key is tried again: first, doubling, up to a ceiling, each within +-50 %."""

    first: float = 0.25
    ceiling: float = 60.0

    def delay(self, failures: int, chance: float) -> float:
        """Return the wait after so many failures in a row (pure); `chance` is 0 to 1."""
        return float(min(self.ceiling, self.first * 2 ** min(failures - 1, 30)) * (0.5 + chance))


class WorkQueue(Generic[Key]):
    """Keys that wait for a worker; `run` serves them until it is cancelled."""

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        meter: QueueMeter | None = None,
        chance: Callable[[], float] = random,
        foreseen: type[Exception] = TimeoutError,
    ) -> None:
        """Faults of the class `foreseen` are logged in a line, all others with their traceback."""
        self._backoff = backoff or Backoff()
        self._meter = meter or SilentMeter()
        self._chance = chance
        self._foreseen = foreseen
        self._ready: deque[Key] = deque()
        self._since: dict[Key, float] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._running: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Semaphore(0)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have the key worked on in `delay` seconds, or earlier if that is already arranged."""
        if delay <= 0:
            self._now(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if key in self._since or (timer is not None and timer.when() <= loop.time() + delay):
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(delay, self._now, key)

    def _now(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = asyncio.get_running_loop().time()
            self._ready.append(key)
            self._meter.depth(len(self._ready))
            self._wake.release()

    async def run(self, workers: int, handle: Callable[[Key], Awaitable[float | None]]) -> None:
        """Serve keys with so many workers until cancelled.

        `handle` returns the seconds after which it wants the key again, or None. When it raises, the key backs off.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handle), name=f"worker-{number}")

    def longest(self) -> float:
        """Return for how many seconds the slowest key has been worked on by now."""
        now = asyncio.get_running_loop().time()
        return max((now - since for since in self._running.values()), default=0.0)

    async def _work(self, handle: Callable[[Key], Awaitable[float | None]]) -> None:
        while True:
            await self._wake.acquire()
            key = self._take()
            try:
                self._settle(key, await handle(key))
            except Exception as error:
                self._retry(key, error)
            finally:
                self._release(key)

    def _take(self) -> Key:
        key = self._ready.popleft()
        self._meter.depth(len(self._ready))
        self._meter.waited(asyncio.get_running_loop().time() - self._since.pop(key))
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._running[key] = asyncio.get_running_loop().time()
        return key

    def _settle(self, key: Key, wanted: float | None) -> None:
        self._failures.pop(key, None)
        if wanted is not None:
            self.add(key, max(wanted, 0.001))

    def _retry(self, key: Key, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(failures, self._chance())
        trace = None if isinstance(error, self._foreseen) else error
        log.warning("%s failed %d times in a row, again in %.1f s: %s", key, failures, delay, error, exc_info=trace)
        self.add(key, delay)

    def _release(self, key: Key) -> None:
        self._running.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self._now(key)
