"""Search by words without an index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.sparse import scan, spaced, words


def test_rare_words_count_more_than_common_ones() -> None:
    texts = ["the order is late", "the order is here", "the dishwasher order", "the end"]
    assert [at for at, _ in scan("dishwasher order", texts)] == [2, 1, 0]


def test_texts_without_a_shared_word_are_not_found() -> None:
    assert scan("zebra", ["horse", "donkey"]) == []
    assert scan("", ["horse"]) == []
    assert scan("zebra", []) == []


@pytest.mark.parametrize(
    ("question", "text"),
    [("MÜNCHEN", "nach München"), ("绿茶", "我喜欢喝绿茶"), ("茶", "茶 好"), ("4471", "ticket #4471!")],
)
def test_case_punctuation_and_missing_spaces_do_not_hide_a_word(question: str, text: str) -> None:
    assert [at for at, _ in scan(question, ["nothing", text])] == [1]


def test_pairs_of_characters_stand_for_words_where_a_script_has_no_spaces() -> None:
    assert spaced("I like 绿茶好 a lot").split() == ["I", "like", "绿茶", "茶好", "a", "lot"]
    assert list(words("Über绿茶")) == ["über", "绿茶"]


@given(st.text(), st.lists(st.text(), max_size=8))
def test_any_text_is_scanned_and_scores_fall(question: str, texts: list[str]) -> None:
    scores = [score for _, score in scan(question, texts)]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
