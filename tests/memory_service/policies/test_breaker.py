"""When a part that does not answer is asked, and when it is not."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, Breaker


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    """A breaker whose part has been silent often enough."""
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admit()
        breaker.failed()
    return breaker


def test_it_opens_after_some_silent_calls_in_a_row() -> None:
    breaker = opened(Clock())
    assert (breaker.state, breaker.admit()) == ("open", False)


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES * 2):
        breaker.failed()
        breaker.worked()
    assert (breaker.state, breaker.admit()) == ("closed", True)


def test_after_its_pause_one_call_finds_out_for_all() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += FIRST_SECONDS
    assert breaker.state == "half-open"
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    breaker.worked()
    assert (breaker.state, breaker.admit()) == ("closed", True)


def test_pauses_grow_to_a_bound_while_the_part_stays_silent() -> None:
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(4):
        began = clock.now
        while not breaker.admit():
            clock.now += 0.125
        pauses.append(clock.now - began)
        breaker.failed()
    assert pauses == [FIRST_SECONDS, 1.0, LONGEST_SECONDS, LONGEST_SECONDS]


def test_calls_that_were_on_their_way_do_not_prolong_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += FIRST_SECONDS / 2
    breaker.failed()
    clock.now += FIRST_SECONDS / 2
    assert breaker.admit()


def test_a_trial_whose_caller_has_gone_leaves_the_next_one_its_turn() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += FIRST_SECONDS
    assert breaker.admit()
    breaker.told_nothing()
    assert breaker.admit()


@given(st.lists(st.sampled_from(["call", "worked", "failed", "told_nothing", "wait"]), max_size=60))
def test_a_part_that_came_back_is_asked_within_the_longest_pause(events: list[str]) -> None:
    clock = Clock()
    breaker, flying = Breaker(clock), 0
    for event in events:
        if event == "wait":
            clock.now += 0.25
        elif event == "call":
            flying += breaker.admit()
        elif flying:
            getattr(breaker, event)()
            flying -= 1
    while flying:
        breaker.told_nothing()
        flying -= 1
    clock.now += LONGEST_SECONDS
    assert breaker.admit()
