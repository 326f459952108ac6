"""The exact counter: a real vocabulary, no network, whatever the text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.adapters.tokenizer import counter


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("hello world", 2),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
        ("<|endoftext|>", 7),
    ],
)
def test_counts_are_those_of_the_vocabulary(text: str, tokens: int) -> None:
    assert counter().name == "cl100k_base"
    assert counter().count(text) == tokens


@given(st.text())
def test_any_text_can_be_counted(text: str) -> None:
    assert (counter().count(text) == 0) == (text == "")


def test_a_megabyte_of_one_thing_can_be_counted() -> None:
    for text in ("a" * 1_000_000, " " * 1_000_000, "👩‍👩‍👧" * 50_000):
        assert counter().count(text) > 0


def test_a_process_that_opens_no_such_memory_never_loads_it() -> None:
    code = "import sys, memory_service.__main__, memory_service.assembly; print('quicktok' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
