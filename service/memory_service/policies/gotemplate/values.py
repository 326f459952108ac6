"""What values are in a template: truth, text, order. Plain data only, and instants (aware datetimes, UTC)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from memory_service.policies.gotemplate.budget import NESTING, Budget
from memory_service.policies.gotemplate.faults import TemplateError, shown

Value = object
"""None, bool, int, float, str, list, Mapping with str keys, datetime."""

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "a whole number"),
    (float, "a number"),
    (Mapping, "a map"),
    (list, "a list"),
    (datetime, "a time"),
    (type(None), "nil"),
)


def kind(value: Value) -> str:
    """What a value is, in words."""
    return next((name for type_, name in _KINDS if isinstance(value, type_)), type(value).__name__)


def is_number(value: Value) -> bool:
    """True for whole and other numbers, not for booleans."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def truth(value: Value) -> bool:
    """Go's: false are false, 0, nil, and what is empty."""
    return isinstance(value, datetime) or bool(value)


def text(value: Value, budget: Budget, *, inside: bool = False, depth: int = 0) -> str:
    """A value as Go prints it; `inside` a list or a map nil is `<nil>`. Raises TemplateError for too much of it."""
    if isinstance(value, str):
        budget.text(len(value))
        return value
    budget.step()
    if value is None:
        return "<nil>" if inside else "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        return instant(value)
    if depth >= NESTING:
        raise TemplateError(f"writes out data that nests more than {NESTING} levels deep")
    return _container(value, budget, depth + 1)


def _container(value: Value, budget: Budget, depth: int) -> str:
    parts: Iterator[str]
    if isinstance(value, Mapping):
        parts = (f"{key}:{text(value[key], budget, inside=True, depth=depth)}" for key in sorted(value))
        opened = "map["
    elif isinstance(value, list):
        parts = (text(item, budget, inside=True, depth=depth) for item in value)
        opened = "["
    else:
        raise TemplateError(f"cannot write {type(value).__name__}")
    return opened + bounded(" ", parts) + "]"


def bounded(separator: str, parts: Iterator[str]) -> str:
    """Parts joined, no longer than any output may be: shared data can be far larger written out than kept."""
    out: list[str] = []
    room = Budget()
    for part in parts:
        room.write(len(part) + len(separator))
        out.append(part)
    return separator.join(out)


def instant(moment: datetime) -> str:
    """RFC 3339 with milliseconds, as the whole API writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def number(value: float) -> str:
    """A float with the fewest digits that mean it, in full below 1e21 (Go turns to an exponent at a million)."""
    return _shortest(value, -4, 21)


def json_number(value: float) -> str:
    """A float as Go's JSON writes it."""
    out = _shortest(value, -6, 21)
    return out.replace("e-0", "e-") if "e-0" in out else out


def _shortest(value: float, least: int, most: int) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    shown_digits = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + exponent  # the decimal point stands after this many digits
    lead = "-" if sign else ""
    if value == 0:
        return lead + "0"
    if not least <= point - 1 < most:
        mantissa = shown_digits[0] + ("." + shown_digits[1:] if len(shown_digits) > 1 else "")
        return f"{lead}{mantissa}e{point - 1:+03d}"
    if point <= 0:
        return f"{lead}0.{'0' * -point}{shown_digits}"
    whole, rest = shown_digits[:point].ljust(point, "0"), shown_digits[point:]
    return lead + whole + ("." + rest if rest else "")


def equal(one: Value, other: Value) -> bool:
    """Whether two simple values are the same. Raises TemplateError for what cannot be compared."""
    if one is None or other is None:
        return one is other
    if is_number(one) and is_number(other):
        return one == other
    for type_ in (bool, str, datetime):
        if isinstance(one, type_) and isinstance(other, type_):
            return one == other
    raise TemplateError(f"cannot compare {kind(one)} with {kind(other)}")


def less(one: Value, other: Value) -> bool:
    """Whether one simple value comes before another. Raises TemplateError for what has no order."""
    if is_number(one) and is_number(other):
        return one < other  # type: ignore[operator, no-any-return]  # both are numbers, as was just seen
    if isinstance(one, str) and isinstance(other, str):
        return one.encode() < other.encode()
    raise TemplateError(f"cannot order {kind(one)} and {kind(other)}")


def member(value: Value, name: str, path: str) -> Value:
    """One step of a path. Raises TemplateError that names the path where there is no such member."""
    if isinstance(value, Mapping):
        if name not in value:
            raise TemplateError(f"has no value for {shown(path, 200)}")
        found: Value = value[name]
        return found
    what = "null" if value is None else kind(value)
    raise TemplateError(f"has no value for {shown(path, 200)}: what {name!r} is looked up in is {what}")
