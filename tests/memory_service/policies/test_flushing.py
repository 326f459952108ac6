"""What a flush chooses: never a system message, never a result without its call, never the last word."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.flushing import (
    SUMMARY_CHARACTERS,
    Bounds,
    Line,
    Plan,
    Spoken,
    Strategy,
    Wish,
    dated,
    plan,
    summarise,
    trigger,
)


def lines(*roles: str, tokens: Sequence[int] = ()) -> list[Line]:
    """Messages of these roles, of one token each unless told otherwise."""
    return [Line(seq, role, tokens[seq - 1] if tokens else 1) for seq, role in enumerate(roles, 1)]


def seqs(chosen: Plan) -> list[int]:
    return list(chosen.seqs)


def test_simple_fifo_comes_down_to_half_of_what_is_there() -> None:
    assert seqs(plan(Wish(), lines(*["user"] * 10))) == [1, 2, 3, 4, 5]


def test_shares_are_of_the_window_where_there_is_one() -> None:
    ten = lines(*["user"] * 10)

    assert not plan(Wish(bounds=Bounds(20)), ten).due
    assert seqs(plan(Wish(bounds=Bounds(12)), ten)) == [1, 2, 3, 4]
    assert seqs(plan(Wish(bounds=Bounds(20), force=True, target=0.2), ten)) == [1, 2, 3, 4, 5, 6]


def test_the_first_limit_reached_acts_and_the_other_does_not() -> None:
    ten = lines(*["user"] * 10, tokens=[10] * 10)

    assert seqs(plan(Wish(bounds=Bounds(12, 1000)), ten)) == [1, 2, 3, 4]
    assert seqs(plan(Wish(bounds=Bounds(1000, 120)), ten)) == [1, 2, 3, 4]
    assert seqs(plan(Wish(bounds=Bounds(10, 120)), ten)) == [1, 2, 3, 4, 5]
    assert not plan(Wish(bounds=Bounds(13, 130)), ten).due


def test_a_threshold_is_reached_at_its_exact_share() -> None:
    assert [trigger(10, 0.7), trigger(3, 0.8), trigger(100, 0.29), trigger(1, 0.01)] == [7, 3, 29, 1]
    assert plan(Wish(threshold=0.7, bounds=Bounds(10)), lines(*["user"] * 7)).due
    assert not plan(Wish(threshold=0.7, bounds=Bounds(10)), lines(*["user"] * 6)).due


def test_system_messages_stay() -> None:
    assert seqs(plan(Wish(target=0), lines("system", "user", "system", "user"))) == [2]


def test_tool_results_leave_with_their_call() -> None:
    roles = ("user", "assistant", "tool", "tool", "user", "assistant")

    assert seqs(plan(Wish(), lines(*roles))) == [1, 2, 3, 4]
    assert seqs(plan(Wish(target=0.9), lines(*roles))) == [1]


@pytest.mark.parametrize("strategy", ["simple_fifo", "lru", "token_aware_lru", "hybrid_summary"])
def test_the_newest_message_always_stays(strategy: Strategy) -> None:
    chosen = plan(Wish(strategy, target=0, force=True), lines("user", "assistant", "user"))

    assert 3 not in chosen.seqs
    assert not plan(Wish(strategy, target=0, force=True), lines("user")).leaving


def test_token_aware_takes_the_oldest_and_costliest_first() -> None:
    chosen = plan(Wish("token_aware_lru", target=0.6), lines(*["user"] * 5, tokens=(10, 100, 10, 80, 10)))

    assert seqs(chosen) == [2]
    assert chosen.tokens == 100


def used(*times: int, roles: Sequence[str] = ()) -> list[Line]:
    """Messages that were last used at these times."""
    return [Line(seq, roles[seq - 1] if roles else "user", 1, used_at=time) for seq, time in enumerate(times, 1)]


def test_lru_takes_the_least_recently_used_first_and_of_those_the_oldest() -> None:
    assert seqs(plan(Wish("lru"), used(30, 10, 20, 10, 40, 50))) == [2, 3, 4]
    assert seqs(plan(Wish("lru"), used(7, 7, 7, 7))) == [1, 2]


def test_lru_spares_system_messages_and_a_call_whose_result_was_read() -> None:
    roles = ("system", "assistant", "tool", "user", "user", "user")

    assert seqs(plan(Wish("lru", target=0.6), used(0, 1, 90, 2, 3, 4, roles=roles))) == [4, 5]


def test_a_message_that_was_never_read_counts_as_used_when_it_was_said() -> None:
    lines_ = dated(lines(*["user"] * 5), [10, 20, 5, 99, 30], {1: 25, 2: 15}, now=40)

    assert [line.used_at for line in lines_] == [25, 20, 20, 40, 40]


def test_a_summary_leaves_the_first_and_takes_in_those_of_before() -> None:
    before = Line(3, "system", 40, stands_for=7)
    chosen = plan(Wish("hybrid_summary", target=0.4), [*lines("user", "user"), before, *lines(*["user"] * 6)[3:]])

    assert seqs(chosen) == [2, 3, 4, 5]
    assert [line.seq for line in chosen.summaries] == [3]


def test_nothing_is_due_in_an_empty_thread() -> None:
    assert plan(Wish(force=True), []) == Plan(due=False)
    assert plan(Wish(force=True), lines("system")) == Plan(due=False)


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), st.integers(0, 50)), max_size=40),
    st.sampled_from(["simple_fifo", "lru", "token_aware_lru", "hybrid_summary"]),
    st.floats(0, 1),
    st.booleans(),
)
def test_any_choice_keeps_the_rules(
    said: list[tuple[str, int]], strategy: Strategy, target: float, force: bool
) -> None:
    every = [Line(seq, role, tokens) for seq, (role, tokens) in enumerate(said, 1)]
    chosen = plan(Wish(strategy, target=target, force=force), every)
    gone = set(chosen.seqs)
    talk = [line for line in every if line.role != "system"]

    assert all(line.role != "system" for line in chosen.leaving)
    assert not talk or talk[-1].seq not in gone
    for call, result in pairwise(talk):
        assert result.role != "tool" or (call.seq in gone) == (result.seq in gone)
    assert seqs(chosen) == sorted(gone)


def test_a_summary_says_how_much_when_and_how_it_began_and_ended() -> None:
    left = [
        Spoken("user", "Where is\n my order?", "2024-01-01T00:00:00.000Z"),
        Spoken("assistant", "On its way.", "2024-01-02T00:00:00.000Z"),
    ]

    assert summarise(left, 5).split("\n") == [
        "Summary of 5 earlier messages.",
        "1 user, 1 assistant, from 2024-01-01T00:00:00.000Z to 2024-01-02T00:00:00.000Z.",
        "3 of them were summarised before.",
        "First, user: Where is my order?",
        "Last, assistant: On its way.",
    ]


def test_a_summary_is_bounded() -> None:
    assert len(summarise([Spoken("user", "x" * 10_000, "t")] * 3, 3)) <= SUMMARY_CHARACTERS
