"""The one duration parser of the product: `30m`, `24h`, `30d`, or a number of seconds.

Pure. Milliseconds inside, 0 means "no expiry" wherever a TTL is asked for.
"""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

PATTERN: Final = r"^([0-9]{1,9}(ms|s)|[0-9]{1,8}m|[0-9]{1,6}h|[0-9]{1,5}d|[0-9]{1,4}w)$"
"""What the API server checks. The digits allowed for each unit keep every text within MAX_MS."""

MAX_DAYS: Final = 99_999
MAX_MS: Final = MAX_DAYS * UNITS["d"]
MAX_SECONDS: Final = MAX_MS // UNITS["s"]
MAX_LENGTH: Final = 16

FORMS: Final = "a number of seconds, or digits and a unit: ms, s, m, h, d or w (30m, 24h, 30d)"

_TEXT = re.compile(PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
_INFINITY = float("inf")


class InvalidDuration(ValueError):
    """The value is no duration, is negative, or is longer than MAX_DAYS days."""


def parse(value: object) -> int:
    """Milliseconds of a duration; 0 stands for "no expiry".

    Accepts the texts of PATTERN, and whole numbers of seconds up to MAX_SECONDS (384.0 counts as whole, as in JSON).
    Raises InvalidDuration with the accepted forms.
    """
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_INFINITY < value < _INFINITY:
        raise InvalidDuration(f"must be {FORMS}")
    if value != int(value):
        raise InvalidDuration("must be a whole number of seconds; for less than a second write 500ms")
    if value < 0:
        raise InvalidDuration("must not be negative; 0 means no expiry")
    if value > MAX_SECONDS:
        raise InvalidDuration(f"must be at most {MAX_SECONDS} seconds ({MAX_DAYS}d); 0 means no expiry")
    return int(value) * UNITS["s"]


def _parse_text(text: str) -> int:
    if _TEXT.fullmatch(text) is None:
        raise InvalidDuration(f"must be {FORMS}, at most {MAX_DAYS}d")
    unit = text.lstrip("0123456789")
    return int(text.removesuffix(unit)) * UNITS[unit]


def render(milliseconds: int) -> str | int:
    """The form in the largest unit, days at most, that parses back to the same milliseconds: `30d`, `90s`, or 0.

    Raises InvalidDuration outside 0..MAX_MS.
    """
    if not 0 <= milliseconds <= MAX_MS:
        raise InvalidDuration(f"{milliseconds} ms is outside 0..{MAX_MS}")
    if milliseconds == 0:
        return 0
    for unit in ("d", "h", "m", "s", "ms"):
        size = UNITS[unit]
        text = f"{milliseconds // size}{unit}"
        if milliseconds % size == 0 and _TEXT.fullmatch(text):
            return text
    if milliseconds % UNITS["s"] == 0:
        return milliseconds // UNITS["s"]
    raise InvalidDuration(f"{milliseconds} ms has no form: durations beyond 11 days are whole seconds")
