"""The judge of a chaos run judged: what is lost, doubled, out of order, orphaned or missing does not pass."""

import pytest

from tests.chaos.ledger import Ledger, Thread, differences, lost_or_moved
from tests.chaos.verdict import apart

LINES = [("1-1", "one"), ("1-2", "two"), ("1-3", "three")]


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (LINES[:2], "t: 1 lost: ['three']"),
        ([*LINES, ("1-4", "two")], "t: 1 doubled: ['two']"),
        ([LINES[1], LINES[0], LINES[2]], "t: out of order"),
        ([*LINES, ("1-4", "four")], "t: 1 unknown: ['four']"),
        ([*LINES[:2], ("1-9", "three")], "t: ids changed: [('1-3', '1-9')]"),
    ],
)
def test_a_thread_that_differs_from_the_model_is_a_fault(found: list[tuple[str, str]], fault: str) -> None:
    assert differences("t", LINES, found) == [fault]


def test_messages_of_a_backup_match_whatever_their_new_ids_are() -> None:
    assert differences("t", [("", "one"), ("", "two")], [("1-7", "one"), ("1-8", "two")]) == []


def test_in_a_shared_thread_only_the_order_of_one_writer_counts() -> None:
    others = [("1-0", "theirs"), LINES[0], ("1-5", "theirs too"), LINES[1], LINES[2]]

    assert lost_or_moved("t", LINES, others) == []
    assert lost_or_moved("t", LINES, [LINES[1], *others[:3], LINES[2]]) == ["t: out of order"]


def test_points_and_messages_are_compared_both_ways() -> None:
    living = {("t", "1-1"), ("t", "1-2")}

    assert apart(living, sorted(living)) == []
    assert apart(living, [("t", "1-1"), ("t", "1-1"), ("u", "2-1")]) == [
        "1 orphan points: [('u', '2-1')]",
        "1 messages without a point: [('t', '1-2')]",
        "1 points are there twice",
    ]


def test_an_answer_that_the_model_contradicts_is_noted_at_once() -> None:
    ledger = Ledger({"t": Thread(window=2, lines=LINES[:2])})

    ledger.appended("t", ["three"], {"appended": 1, "ids": ["1-3"], "created": False, "total": 2, "evicted": 1})
    assert (ledger.faults, ledger.threads["t"].lines) == ([], LINES[1:])
    ledger.cleared("t", {"cleared": 1, "backup_id": None})
    assert ledger.faults == ["clear of t: answered {'cleared': 1}, the model says {'cleared': 2}"]
