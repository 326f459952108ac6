"""Globs over thread ids."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.policies.globs import literal_prefix, matches


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything", True),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a*c", "abbbc", True),
        ("a*c", "abbb", False),
        ("*a*b*", "xxaxxbxx", True),
        ("user:*", "user:1", True),
        ("user:*", "users:1", False),
        ("[a]", "a", False),
        ("[a]", "[a]", True),
        ("a**b", "ab", True),
    ],
)
def test_a_star_is_any_run_and_a_question_mark_one_character(pattern: str, text: str, found: bool) -> None:
    assert matches(pattern, text) is found


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_it_agrees_with_fnmatch_where_both_speak_the_same_language(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_no_pattern_is_slow() -> None:
    started = time.process_time()
    assert not matches("*a" * 100 + "b", "a" * 255)
    assert time.process_time() - started < 0.1


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_every_match_begins_with_the_literal_prefix(pattern: str, text: str) -> None:
    if matches(pattern, text):
        assert text.startswith(literal_prefix(pattern))
