"""Two rankings become one: order, scale, threshold, reasons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.model.search import Candidate, Proposals
from memory_service.policies.fusion import Signal, fuse, normalised

A, B, C = Candidate("a", 1, 1), Candidate("b", 2, 1), Candidate("c", 3, 1)

candidates = st.builds(Candidate, st.sampled_from("xyz"), st.integers(1, 5), st.integers(1, 5))


def ranking(low: float, high: float):
    return st.lists(st.tuples(candidates, st.floats(low, high)), max_size=12, unique_by=lambda pair: pair[0]).map(
        lambda found: tuple(sorted(found, key=lambda pair: -pair[1]))
    )


proposals = st.builds(Proposals, ranking(-1, 1), ranking(0, 40))
modes = st.sampled_from(["hybrid", "dense", "keyword"])


@given(proposals, modes, st.none() | st.floats(0, 1))
def test_every_proposal_comes_once_with_a_score_from_0_to_1_in_falling_order(found, mode, threshold) -> None:
    ranked = fuse(found, mode=mode, threshold=threshold)
    assert len({each.candidate for each in ranked}) == len(ranked)
    assert all(0 <= each.score <= 1 for each in ranked)
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    if threshold is None:
        assert {each.candidate for each in ranked} == {candidate for candidate, _ in (*found.dense, *found.keyword)}


@given(proposals, modes)
def test_a_score_does_not_depend_on_the_other_hits(found, mode) -> None:
    together = {each.candidate: each.score for each in fuse(found, mode=mode, threshold=None)}
    for each, score in together.items():
        alone = Proposals(
            tuple(pair for pair in found.dense if pair[0] == each),
            tuple(pair for pair in found.keyword if pair[0] == each),
        )
        assert fuse(alone, mode=mode, threshold=None)[0].score == score


def test_both_signals_are_kept_as_the_reason() -> None:
    first, second = fuse(Proposals(((A, 0.5), (B, 0.4)), ((B, 12.0),)), mode="hybrid", threshold=None)
    assert (first.candidate, first.dense, first.keyword) == (B, Signal(2, 0.4), Signal(1, 12.0))
    assert (second.candidate, second.dense, second.keyword) == (A, Signal(1, 0.5), None)
    assert second.similarity == 0.5


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("hybrid", [A]), ("dense", [A]), ("keyword", [C])],
)
def test_the_threshold_judges_the_cosine_and_in_keyword_mode_the_score(mode, kept) -> None:
    found = Proposals(((A, 0.6), (B, 0.3), (C, 0.1)), ((C, 30.0), (A, 1.0)))
    assert [each.candidate for each in fuse(found, mode=mode, threshold=0.5)] == kept


def test_without_cosines_the_threshold_judges_the_score() -> None:
    found = Proposals((), ((A, 30.0), (B, 1.0)))
    assert [each.candidate for each in fuse(found, mode="hybrid", threshold=0.5)] == [A]


def test_equal_scores_put_the_newer_message_first() -> None:
    older, newer = Candidate("t", 1, 1), Candidate("t", 1, 2)
    assert [each.candidate for each in fuse(Proposals(((older, 0.5), (newer, 0.5))), mode="dense", threshold=None)] == [
        newer,
        older,
    ]


def test_keyword_scores_rise_towards_one() -> None:
    assert normalised(0.0) == 0.0
    assert 0 < normalised(3.0) < normalised(30.0) < 1
