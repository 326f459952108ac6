"""A failure counts once it has lasted, a recovery at once."""

from __future__ import annotations

import pytest
from memory_operator.doubts import GRACE_SECONDS, Doubts
from memory_operator.reports import Check, PodReport

from tests.memory_operator.builders import report, serving

GOOD = report(digest="d", support=serving())
BAD = report(digest="d", support=serving(vector=Check("failed", "Unreachable", "no answer")))
SILENT = PodReport("memory-1", error="TimeoutError")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def vector(told: PodReport) -> str:
    return told.memories["uid-support"].checks["vector"].status


def test_a_part_that_fails_for_a_moment_is_believed_to_work_and_looked_at_again(clock: Clock) -> None:
    doubts = Doubts(clock)
    doubts.weigh("a", GOOD)

    doubted = doubts.weigh("a", BAD)
    clock.now = GRACE_SECONDS - 1
    still = doubts.weigh("a", BAD)
    recovered = doubts.weigh("a", GOOD)

    assert [(vector(one), one.stale) for one in (doubted, still, recovered)] == [
        ("ok", True),
        ("ok", True),
        ("ok", False),
    ]


def test_a_part_that_keeps_failing_is_believed_to_fail(clock: Clock) -> None:
    doubts = Doubts(clock)
    doubts.weigh("a", GOOD)
    doubts.weigh("a", BAD)
    clock.now = GRACE_SECONDS

    believed = doubts.weigh("a", BAD)
    again = doubts.weigh("a", BAD)

    assert [(vector(one), one.stale) for one in (believed, again)] == [("failed", False)] * 2
    assert vector(doubts.weigh("a", GOOD)) == "ok"


def test_a_worker_that_starts_again_is_no_news_for_a_while(clock: Clock) -> None:
    doubts = Doubts(clock)
    doubts.weigh("a", GOOD)

    assert vector(doubts.weigh("a", report(support=serving(vector=Check("degraded", "Loading"))))) == "ok"


def test_a_part_that_never_worked_is_believed_at_once(clock: Clock) -> None:
    assert vector(Doubts(clock).weigh("a", BAD)) == "failed"


def test_a_recovery_in_between_starts_the_clock_again(clock: Clock) -> None:
    doubts = Doubts(clock)
    for told in (GOOD, BAD, GOOD):
        doubts.weigh("a", told)
    clock.now = GRACE_SECONDS + 1

    assert vector(doubts.weigh("a", BAD)) == "ok"


def test_a_silent_pod_is_remembered_for_a_while(clock: Clock) -> None:
    doubts = Doubts(clock)
    doubts.weigh("a", GOOD)

    first = doubts.weigh("a", SILENT)
    clock.now = GRACE_SECONDS
    last = doubts.weigh("a", SILENT)

    assert (first.digest, first.stale, first.error) == ("d", True, "")
    assert last == SILENT


def test_a_pod_that_never_answered_is_silent_at_once(clock: Clock) -> None:
    assert Doubts(clock).weigh("a", SILENT) == SILENT


def test_what_else_a_doubted_answer_says_is_news_at_once(clock: Clock) -> None:
    doubts = Doubts(clock)
    doubts.weigh("a", GOOD)

    doubted = doubts.weigh("a", report(digest="next", support=serving(2, vector=Check("failed"))))

    assert (doubted.digest, doubted.memories["uid-support"].generation) == ("next", 2)
