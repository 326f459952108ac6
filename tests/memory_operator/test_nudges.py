"""A pod that misses a Secret is made to look again, for a while."""

from __future__ import annotations

import pytest
from memory_operator.nudges import EVERY_SECONDS, FOR_SECONDS, Nudges
from memory_operator.observed import Observed
from memory_operator.reports import Check

from tests.memory_operator.builders import inventory, memory, observed, pod, report, serving

MISSING = serving(embedder=Check("failed", "SecretMissing", "openai/token"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def seen(first: object, second: object) -> Observed:
    what = inventory(memory(), pods=(pod("a"), pod("b")))
    return observed(what, report("a", support=first), report("b", support=second))  # type: ignore[arg-type]


def names(pods: list[object]) -> list[str]:
    return [one["metadata"]["name"] for one in pods]  # type: ignore[index]


def test_only_pods_that_miss_a_secret_are_nudged_and_not_all_the_time(clock: Clock) -> None:
    nudges = Nudges(clock)
    told = []
    for clock.now in (0.0, EVERY_SECONDS - 1, EVERY_SECONDS, EVERY_SECONDS + 1, 2 * EVERY_SECONDS):
        told.append(names(nudges.due(seen(serving(), MISSING))))

    assert told == [[], [], ["b"], [], ["b"]]


def test_after_a_while_kubelet_is_left_to_its_own_pace(clock: Clock) -> None:
    nudges = Nudges(clock)
    nudges.due(seen(MISSING, MISSING))
    clock.now = FOR_SECONDS + 1

    assert nudges.due(seen(MISSING, MISSING)) == []


def test_a_secret_that_turned_up_ends_it(clock: Clock) -> None:
    nudges = Nudges(clock)
    nudges.due(seen(MISSING, MISSING))
    clock.now = FOR_SECONDS + 1
    nudges.due(seen(serving(), serving()))
    nudges.due(seen(MISSING, MISSING))
    clock.now += EVERY_SECONDS

    assert names(nudges.due(seen(MISSING, MISSING))) == ["a", "b"]
