"""Time: one clock, UTC, Go's reference layouts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from memory_service.policies.gotemplate.faults import TemplateError, shown
from memory_service.policies.gotemplate.functions.layouts import formatted
from memory_service.policies.gotemplate.functions.registry import Family, Run, a_text
from memory_service.policies.gotemplate.values import Value, kind

FAMILY = Family()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PART: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_DURATION: Final = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.ASCII)
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def moment(value: Value) -> datetime:
    """An instant: a time, seconds since the epoch, or an RFC 3339 text. Raises TemplateError."""
    try:
        if isinstance(value, datetime):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value)
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    said = shown(value) if isinstance(value, str) else kind(value)
    raise TemplateError(f"needs a time, seconds since 1970 or an RFC 3339 text, not {said}")


@FAMILY.add("now", runs=True)
def now(run: Run) -> datetime:
    return run.now


@FAMILY.add("date")
def date(layout: Value, value: Value) -> str:
    """`now | date "2006-01-02 15:04:05"`."""
    return formatted(moment(value), a_text(layout))


@FAMILY.add("htmlDate")
def html_date(value: Value) -> str:
    return formatted(moment(value), "2006-01-02")


@FAMILY.add("unixEpoch")
def unix_epoch(value: Value) -> str:
    return str((moment(value) - _EPOCH) // timedelta(seconds=1))


@FAMILY.add("toDate")
def to_date(value: Value) -> datetime:
    """The instant that an RFC 3339 text, or a number of seconds, means."""
    return moment(value)


@FAMILY.add("dateModify", "date_modify")
def date_modify(change: Value, value: Value) -> datetime:
    """`now | dateModify "-1h30m"`."""
    match = _DURATION.fullmatch(a_text(change)[:64])
    if match is None:
        raise TemplateError(f"needs a duration such as -1.5h or 2h45m, not {shown(a_text(change))}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(match[2]))
    try:
        return moment(value) + timedelta(seconds=-seconds if match[1] == "-" else seconds)
    except OverflowError:
        raise TemplateError("the result is beyond the year 9999") from None
