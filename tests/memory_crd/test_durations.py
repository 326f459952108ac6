"""One duration parser: what it accepts, what it refuses, and that the API server's pattern means the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_crd import durations

DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500), ("45s", 45_000), ("30m", 1_800_000), ("24h", DAY), ("30d", 30 * DAY), ("2w", 14 * DAY),
        ("0s", 0), (0, 0), (3600, 3_600_000), (60.0, 60_000), ("99999d", durations.MAX_MS),
        (durations.MAX_SECONDS, durations.MAX_MS),
    ],
    ids=str,
)  # fmt: skip
def test_a_duration_is_a_text_with_a_unit_or_seconds(text: object, milliseconds: int) -> None:
    assert durations.parse(text) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        "", "30", "d", "1 hour", "30 d", "-5m", "1.5h", "1h30m", "30D", "soon", "10000w", "100000d", "٣d", "30d\n",
        None, True, [], {}, -1, 0.5, float("nan"), float("inf"), durations.MAX_SECONDS + 1,
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_refused_with_the_accepted_forms(value: object) -> None:
    with pytest.raises(durations.InvalidDuration, match="must"):
        durations.parse(value)


@given(st.from_regex(durations.PATTERN, fullmatch=True).map(str.strip))
def test_whatever_the_pattern_accepts_is_within_the_bound(text: str) -> None:
    if re.fullmatch(durations.PATTERN, text, re.ASCII):
        assert 0 <= durations.parse(text) <= durations.MAX_MS


@given(st.from_regex(r"[0-9]{1,9}(ms|s|m|h|d|w)", fullmatch=True))
def test_a_duration_written_out_parses_back(text: str) -> None:
    try:
        milliseconds = durations.parse(text)
    except durations.InvalidDuration:
        return
    assert durations.parse(durations.render(milliseconds)) == milliseconds


def test_a_duration_is_written_in_its_largest_unit_up_to_days() -> None:
    assert [durations.render(each) for each in (0, 90_000, 7 * DAY, 1)] == [0, "90s", "7d", "1ms"]


def test_a_duration_out_of_range_cannot_be_written() -> None:
    with pytest.raises(durations.InvalidDuration):
        durations.render(durations.MAX_MS + 1)
