"""Instants are RFC 3339 with an offset, and nothing that merely resembles it."""

from __future__ import annotations

import pytest
from memory_service.operations import moments

NOON = 1_769_860_800_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31 12:00:00+05:30", NOON - 19_800_000),
        ("2026-01-31T12:00:00-00:00", NOON),
        ("2026-01-31T12:00:00.1239999Z", NOON + 123),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59.999Z", moments.LAST_MS),
    ],
)
def test_an_instant_is_read_to_the_millisecond(text: str, ms: int) -> None:
    assert moments.parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00Z", "2026-01-31T120000.000Z",
        "2026-W05-6T12:00:00Z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00+05", "2026-01-31T12:00:00+05:30:15",
        "2026-01-31T12:00:00+24:00", "2026-02-30T12:00:00Z", "2026-01-31T12:00:60Z", "2026-01-31T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z", "２026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n", " 2026-01-31T12:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_instant_or_outside_of_1970_to_9999_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339 time with an offset"):
        moments.parse(text)
