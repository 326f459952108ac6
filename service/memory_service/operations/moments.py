"""Instants as the API writes them: RFC 3339 in UTC with milliseconds outside, milliseconds since the epoch inside."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: RFC 3339 has no later year."""

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,18})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""ISO 8601 has more forms, weeks and commas among them; the standard library reads most of them."""
_MILLISECOND: Final = timedelta(milliseconds=1)


def render(ms: int) -> str:
    """`2026-01-02T03:04:05.678Z`."""
    seconds, rest = divmod(min(max(ms, 0), LAST_MS), 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Most moments of a busy second share all but their milliseconds."""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def moment(ms: int) -> datetime:
    """An instant as a datetime in UTC."""
    return EPOCH + timedelta(milliseconds=min(max(ms, 0), LAST_MS))


def render_or_none(ms: int | None) -> str | None:
    """As `render`; None stays None."""
    return None if ms is None else render(ms)


def parse(text: str) -> int:
    """Milliseconds of an RFC 3339 text with an offset, from 1970 on, microseconds cut off.

    Raises ValueError with the form.
    """
    ms = -1
    if _RFC_3339.fullmatch(text) is not None:
        with contextlib.suppress(ValueError, OverflowError):  # the 30th of February; year 0
            ms = (datetime.fromisoformat(text.upper()) - EPOCH) // _MILLISECOND
    if ms < 0 or ms > LAST_MS:
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z, from 1970 on")
    return ms
