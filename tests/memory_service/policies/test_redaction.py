"""Redaction: nothing that matches stays, whatever the text; and it takes the time that it may take."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_crd import patterns
from memory_crd.options import Privacy
from memory_service.policies.redaction import SECONDS, Effort, Redactor, TooCostly, redactor

EMAIL = r"[\w.+-]+@[\w-]+\.[\w.-]+"
SSN = r"\b\d{3}-\d{2}-\d{4}\b"
DIGITS = r"[0-9]{3,}"


def effort() -> Effort:
    return Effort(lambda: 0.0)


def cleaner(*redact: str, replacement: str = "[REDACTED]") -> Redactor:
    return redactor(Privacy(redact, (), replacement))


def survives(redact: tuple[str, ...], text: str) -> bool:
    """Whether a pattern still finds something, by the engine's own search."""
    return any(match.group() for each in redact for match in patterns.compiled(each).finditer(text))


# --- what is replaced -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann@example.com, or bob@example.org!", "write to [REDACTED], or [REDACTED]!"),
        ("ssn 123-45-6789.", "ssn [REDACTED]."),
        ("nothing here", "nothing here"),
        ("", ""),
        ("naïve 😀 ann@example.com 日本", "naïve 😀 [REDACTED] 日本"),
    ],
)
def test_what_matches_is_replaced_and_the_rest_stays(text: str, expected: str) -> None:
    assert cleaner(EMAIL, SSN).text(text, effort()) == expected


def test_matches_that_overlap_or_touch_become_one_replacement() -> None:
    assert cleaner("abc", "cde", "fg").text("xabcdefgx", effort()) == "x[REDACTED]x"


def test_a_match_that_a_replacement_makes_is_replaced_too() -> None:
    assert cleaner("b", r"a\*c", replacement="*").text("abc a_c", effort()) == "* a_c"


def test_a_text_that_never_comes_to_rest_is_replaced_as_a_whole() -> None:
    eats_its_neighbour = cleaner("s", "#x", replacement="#")
    assert eats_its_neighbour.text("s" + "x" * 50 + " secret", effort()) == "#"


def test_data_is_redacted_in_texts_keys_and_numbers_however_deep() -> None:
    data = {"a": ["ann@example.com", {"bob@example.org": 4111111111111111}], "n": 12, "yes": True, "no": None, "f": 0.5}

    assert cleaner(EMAIL, DIGITS).data(data, effort()) == {
        "a": ["[REDACTED]", {"[REDACTED]": "[REDACTED]"}],
        "n": 12,
        "yes": True,
        "no": None,
        "f": 0.5,
    }


def test_of_keys_that_become_equal_the_first_stays() -> None:
    assert cleaner(EMAIL).data({"a@b.c": 1, "d@e.f": 2}, effort()) == {"[REDACTED]": 1}


# --- nothing survives -------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["a", "ab", "[ab]", "a+", "a.", ".b", "a|bc", "(?:ab)+", r"\d", r"\bc", "c$", "^b", "é", "b{2}"]
)
ALPHABET = st.text(alphabet="abc1 é*", max_size=40)


@settings(max_examples=400, deadline=None)
@given(redact=st.lists(PIECES, min_size=1, max_size=4, unique=True).map(tuple), text=ALPHABET)
@example(redact=("a", "#b"), text="abbbbbbbbb")
def test_no_match_of_any_pattern_survives(redact: tuple[str, ...], text: str) -> None:
    done = cleaner(*redact, replacement="#").text(text, effort())

    assert not survives(redact, done)


@settings(max_examples=200, deadline=None)
@given(text=ALPHABET)
def test_redacting_again_changes_nothing(text: str) -> None:
    clean = cleaner("a+b", r"\d", replacement="#")
    once = clean.text(text, effort())

    assert clean.text(once, effort()) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ALPHABET,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ALPHABET, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=JSON)
def test_no_text_key_or_number_of_any_data_still_matches(value: Any) -> None:
    redact = ("ab", "[0-9]{2}")

    for text in texts(cleaner(*redact, replacement="#").data(value, effort())):
        assert not survives(redact, text)


def texts(value: object) -> list[str]:
    """Every text, key and number of some data, as text."""
    if isinstance(value, dict):
        return [*value, *(text for member in value.values() for text in texts(member))]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value) if isinstance(value, int | str) else ""]


# --- time -------------------------------------------------------------------------------------------------------------

CATASTROPHIC = [
    r"(a+)+$", r"(a|aa)+b", r"(a*)*b", r"(.*a){20}", r"(x+x+)+y", r"a(?:.*z)?", r"(?:[^a]*a){50}b",
    r"(.{0,9}a.{0,9}){2}b", r"\w{1,50}\w{1,50}!", r"(?i)(?:a?){60}a{60}", r"([a-zA-Z]+)*[0-9]", r"(?:a.{0,90}b)c",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
]  # fmt: skip
HOSTILE = ["a" * 65_535 + "!", "xaby c1." * 8_192, "x" * 65_536, "é1-" * 16_000, "a\n" * 32_000]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_no_text_holds_the_service_up(pattern: str) -> None:
    """Within the bound it is either done or given up; a backtracking engine would need ages for some of these."""
    if patterns.fault(pattern) is not None:
        pytest.fail(f"{pattern} is not served")
    clean = cleaner(pattern, replacement="#")
    for text in HOSTILE:
        since = time.thread_time()
        with contextlib.suppress(TooCostly):
            clean.text(text, Effort(time.thread_time))
        assert time.thread_time() - since < 2 * SECONDS + 0.5


@settings(max_examples=150, deadline=None)
@given(
    pattern=st.text(alphabet="ab.*+?|()[]{}^$\\dw1,2", min_size=1, max_size=24),
    unit=st.text(alphabet="ab1 \n", min_size=1, max_size=4),
)
def test_any_pattern_that_is_served_is_fast_on_long_texts(pattern: str, unit: str) -> None:
    if patterns.fault(pattern) is not None or patterns.matched((pattern,), "#"):
        return
    since = time.thread_time()
    with contextlib.suppress(TooCostly):
        cleaner(pattern, replacement="#").text(unit * (16_384 // len(unit)), Effort(time.thread_time))
    assert time.thread_time() - since < 2 * SECONDS + 0.5


def test_what_is_given_up_is_given_up_as_a_whole() -> None:
    ticks = iter(range(1_000))
    with pytest.raises(TooCostly):
        cleaner("a").text("a" * 100, Effort(lambda: float(next(ticks))))


def test_a_service_without_patterns_loads_no_engine() -> None:
    declared = {"id": "a", "vector": {"use": "qdrant", "dimensions": 384}}
    script = (
        "import sys, memory_service.serving, memory_service.worker.crew\n"
        "from memory_crd.memory import Spec\n"
        f"assert Spec.parse({declared!r}).pattern_fault is None\n"
        "sys.exit('re2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
