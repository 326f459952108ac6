"""The estimate of tokens: never zero for a text, growing with it, fair to wide scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.tokens import estimate


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("日本語", 2), ("x" * 400, 100)]
)
def test_an_estimate_is_stable(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(st.text(min_size=1))
def test_a_text_costs_at_least_one_token_and_at_most_one_a_character(text: str) -> None:
    assert 1 <= estimate(text) <= len(text)


@given(st.text(), st.text())
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert estimate(text + more) >= estimate(text)
