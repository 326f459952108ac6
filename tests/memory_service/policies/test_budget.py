"""What a budget of tokens pays for."""

from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.budget import Shares, spend

costs = st.lists(st.integers(0, 50), max_size=10)


@given(st.integers(0, 300), st.integers(0, 60), costs, costs)
def test_it_is_never_exceeded_and_history_has_no_gap(budget, working, last, recalled) -> None:
    shares = spend(budget, working=working, last=last, recalled=recalled)
    paid = (working if shares.working else 0) + sum(last[len(last) - shares.last :])
    paid += sum(recalled[position] for position in shares.recalled)
    assert paid == shares.spent <= budget
    if shares.last < len(last):
        assert last[len(last) - shares.last - 1] > budget - (working if shares.working else 0) - sum(
            last[len(last) - shares.last :]
        )


def test_working_memory_is_paid_first_then_the_newest_messages_then_the_best_hits() -> None:
    assert spend(100, working=40, last=[50, 30, 20], recalled=[15, 8, 3]) == Shares(True, 2, (1,), 98)


def test_what_is_too_dear_is_skipped_by_hits_and_ends_history() -> None:
    assert spend(10, working=11, last=[1, 50, 2], recalled=[20, 8, 1]) == Shares(False, 1, (1,), 10)


def test_without_a_budget_everything_is_paid_for() -> None:
    assert spend(None, working=5, last=[1, 2], recalled=[3]) == Shares(True, 2, (0,), 11)
