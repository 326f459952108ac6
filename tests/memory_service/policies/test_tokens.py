"""The estimate of tokens: never zero for a text, growing with it, fair to wide scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_crd.eviction import Flushing, Window
from memory_crd.options import Options
from memory_service.policies.tokens import bounds_tokens, estimate


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


@pytest.mark.parametrize(
    ("options", "bounds"),
    [
        (Options(), False),
        (Options(window=Window(messages=5)), False),
        (Options(window=Window(tokens=5)), True),
        (Options(flushing=Flushing("simple_fifo", max_messages=5)), False),
        (Options(flushing=Flushing("simple_fifo", max_tokens=5)), True),
    ],
)
def test_exact_counts_matter_where_a_policy_bounds_tokens(options: Options, bounds: bool) -> None:
    assert bounds_tokens(options) is bounds
