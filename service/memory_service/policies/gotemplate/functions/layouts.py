"""Go's reference layouts: a time written as the moment `Mon Jan 2 15:04:05 MST 2006` would be. Pure, English, UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_ELEMENTS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "January": lambda at: _MONTHS[at.month - 1],
    "Jan": lambda at: _MONTHS[at.month - 1][:3],
    "Monday": lambda at: _DAYS[at.weekday()],
    "Mon": lambda at: _DAYS[at.weekday()][:3],
    "MST": lambda at: "UTC",
    "2006": lambda at: f"{at.year:04d}",
    "06": lambda at: f"{at.year % 100:02d}",
    "01": lambda at: f"{at.month:02d}",
    "1": lambda at: str(at.month),
    "02": lambda at: f"{at.day:02d}",
    "_2": lambda at: f"{at.day:2d}",
    "2": lambda at: str(at.day),
    "002": lambda at: f"{at.timetuple().tm_yday:03d}",
    "__2": lambda at: f"{at.timetuple().tm_yday:3d}",
    "15": lambda at: f"{at.hour:02d}",
    "03": lambda at: f"{at.hour % 12 or 12:02d}",
    "3": lambda at: str(at.hour % 12 or 12),
    "04": lambda at: f"{at.minute:02d}",
    "4": lambda at: str(at.minute),
    "05": lambda at: f"{at.second:02d}",
    "5": lambda at: str(at.second),
    "PM": lambda at: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at: "pm" if at.hour >= 12 else "am",
    "Z070000": lambda at: "Z",
    "Z07:00:00": lambda at: "Z",
    "Z0700": lambda at: "Z",
    "Z07:00": lambda at: "Z",
    "Z07": lambda at: "Z",
    "-070000": lambda at: "+000000",
    "-07:00:00": lambda at: "+00:00:00",
    "-0700": lambda at: "+0000",
    "-07:00": lambda at: "+00:00",
    "-07": lambda at: "+00",
}

_LAYOUT: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm"
    r"|[Z-]07(?:0000|:00:00|00|:00)?|[.,](?:0+|9+)(?![0-9])"
)
"""In the order in which Go looks for them."""


def formatted(moment: datetime, layout: str) -> str:
    """A moment in UTC, as the layout shows it; what is no element of a layout stays as it is."""
    at = moment.astimezone(UTC)
    return _LAYOUT.sub(lambda match: _element(match[0], at), layout)


def _element(name: str, at: datetime) -> str:
    if name[0] not in ".,":
        return _ELEMENTS[name](at)
    fraction = f"{at.microsecond:06d}000"[: len(name) - 1].ljust(len(name) - 1, "0")
    if name[1] == "9":
        fraction = fraction.rstrip("0")
        return name[0] + fraction if fraction else ""
    return name[0] + fraction
