"""A caller as the API asks for one: the same request with the same Idempotency-Key until there is an answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from tests.chaos.deeds import QUESTIONS, Deed, Writer
from tests.chaos.ledger import Json
from tests.chaos.parts import MEMORY

PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
TWINS: Final = 0.03
LATE: Final = 0.02
REMEMBERED: Final = 50
"""Shares of requests that are sent twice at once, and again later; of how many the later ones are chosen."""
GIVE_UP_SECONDS: Final = 180.0
ATTEMPT: Final = aiohttp.ClientTimeout(total=20, sock_connect=2)
"""Longer than the service waits for anything, so that an attempt is over when the next one begins."""


class GaveUp(Exception):
    """No answer in all the time there was, or one that no retry can change."""


@dataclass
class Tally:
    """What all callers met."""

    acked: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    twins: int = 0
    """Requests that were sent to two replicas at once."""
    late: int = 0
    """Requests of some time ago that were sent once more."""
    unknown: int = 0
    """Attempts after which a write may or may not have happened."""
    replayed: int = 0
    """Answers that were those of an attempt before, or of a twin."""
    last_ack: float = 0.0

    @property
    def mutations(self) -> int:
        """Acknowledged calls that change something."""
        return sum(count for kind, count in self.acked.items() if kind not in QUESTIONS)

    @property
    def appends(self) -> int:
        """Acknowledged calls that add messages."""
        return sum(self.acked[kind] for kind in ("append", "bulk append", "expiring append", "replace"))


@dataclass(frozen=True)
class Done:
    """A deed that was acknowledged, and how."""

    deed: Deed
    key: str
    answer: Json


@dataclass
class Caller:
    """One writer's connection to all replicas; a failed attempt goes to the next one.

    Now and then it behaves as networks do: a request reaches both replicas at once, or comes once more long after.
    """

    writer: Writer
    services: list[str]
    session: aiohttp.ClientSession
    tally: Tally
    at: int = 0
    done: deque[Done] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    keys: itertools.count[int] = field(default_factory=itertools.count)

    async def work(self, appends: int, until: float, pace: float) -> None:
        """Do deeds until all callers together have so many appends acknowledged, or the (monotonic) time has come."""
        while self.tally.appends < appends and time.monotonic() < until:
            await self.do(self.writer.next())
            if self.done and self.writer.dice.random() < LATE:
                await self._again(self.writer.dice.choice(self.done))
            await asyncio.sleep(pace)

    async def do(self, deed: Deed) -> None:
        """One deed, to its acknowledged end. Raises GaveUp."""
        key = f"{self.writer.seed}-{self.writer.number}-{next(self.keys)}" if deed.keyed else None
        twin = key is not None and self.writer.dice.random() < TWINS
        answer = await self._insist(deed, key, self._twice if twin else self._try)
        deed.settle(answer)
        if key is not None:
            self.done.append(Done(deed, key, answer))
        self.tally.acked[deed.kind] += 1
        if deed.kind not in QUESTIONS:
            self.tally.last_ack = time.monotonic()

    async def _again(self, done: Done) -> None:
        """A request of the past must have the answer of the past, and no effect: the end will tell."""
        answer = await self._insist(done.deed, done.key, self._try)
        self.tally.late += 1
        self._same(done.deed, done.answer, answer)

    async def _twice(self, deed: Deed, key: str | None) -> Json | None:
        """The same request to two replicas at once: one does it, the other repeats its answer or is told to wait."""
        self.tally.twins += 1
        answers = await asyncio.gather(self._try(deed, key), self._try(deed, key, aside=1))
        first, second = answers
        if first is not None and second is not None:
            self._same(deed, first, second)
        return second if first is None else first

    def _same(self, deed: Deed, one: Json, other: Json) -> None:
        if one != other:
            self.writer.ledger.faults.append(
                f"{deed.kind} {deed.path} was answered {one}, and for the same key {other}"
            )

    async def _insist(
        self, deed: Deed, key: str | None, ask: Callable[[Deed, str | None], Awaitable[Json | None]]
    ) -> Json:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        for attempt in itertools.count():
            answer = await ask(deed, key)
            if answer is not None:
                return answer
            if time.monotonic() > deadline:
                raise GaveUp(f"{deed.method} {deed.path} had no answer for {GIVE_UP_SECONDS:.0f} s")
            self.at += 1
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
        raise AssertionError("the loop has no end of its own")

    async def _try(self, deed: Deed, key: str | None, aside: int = 0) -> Json | None:
        """The answer, or None when the same should be asked again."""
        url = f"{self.services[(self.at + aside) % len(self.services)]}/v1/memories/{MEMORY}/{deed.path}"
        headers = {"Idempotency-Key": key} if key else {}
        self.tally.attempts += 1
        try:
            async with self.session.request(
                deed.method, url, json=deed.body, headers=headers, timeout=ATTEMPT
            ) as response:
                answer = await response.json(content_type=None)
                status, replayed = response.status, "Idempotent-Replayed" in response.headers
        except aiohttp.ClientConnectorError:
            self.tally.statuses["no connection"] += 1
            return None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            self.tally.statuses[type(error).__name__] += 1
            self.tally.unknown += 1
            return None
        self.tally.statuses[str(status)] += 1
        return self._judge(deed, status, answer, replayed)

    def _judge(self, deed: Deed, status: int, answer: Any, replayed: bool) -> Json | None:
        if status in (200, 201):
            if any(result["status"] != 200 for result in answer.get("results", ())):
                return None
            self.tally.replayed += replayed
            return dict(answer)
        if answer.get("retryable") is True:
            self.tally.unknown += answer.get("outcome") == "unknown"
            return None
        raise GaveUp(f"{deed.method} {deed.path} was answered {status}: {answer}")
