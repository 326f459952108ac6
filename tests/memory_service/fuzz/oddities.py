"""Values that no client should send and every service gets: texts, numbers, moments, durations, JSON beyond JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st


@dataclass(frozen=True)
class Raw:
    """A token that goes into the JSON text as it stands, whether JSON has it or not."""

    text: str


@dataclass(frozen=True)
class Members:
    """An object's members in order, some of them perhaps twice."""

    pairs: tuple[tuple[str, Any], ...]


def write(value: Any) -> str:
    """The JSON text of a value that may hold Raw and Members; lone surrogates are written as escapes."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Members):
        return "{" + _joined(value.pairs) + "}"
    if isinstance(value, dict):
        return "{" + _joined(value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not _encodable(value))


def _joined(pairs: Iterable[tuple[str, Any]]) -> str:
    return ",".join(f"{write(key)}:{write(value)}" for key, value in pairs)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


TEXTS: Final = (
    "", " ", "a", "é", "e\u0301", "\u200b", "x\u200by", "\u202e", "\ufeff", "\x00", "a\nb", "\r\n", "\x7f", "\u2028",
    "ß", "İ", "\ud800", "\udfff\ud800", "\U0001f600", "\U0010ffff", "\uffff", "..", ".", "__a", "a__", "a/b", "a%2Fb",
    "~", "~1/~0", "*", "?", "[", "[^", "\\", '"', "'", "%s", "$1", "{{", "{{ .a }}", "{{ .a.b }}",
    "{{ range .l }}{{ . }}{{ end }}", "{a}", "{a.b}", "{}", "null", "true", "0", "-0", "5", "1e400", "NaN", "k", "t",
    "secret-1", "(", "*" * 255, "x" * 255, "x" * 256, "a" * 1025, "é" * 300, "w " * 4000, "x" * 70_000,
)  # fmt: skip
NUMBERS: Final = (
    0, 1, -1, 5, 1000, 1001, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 0.0,
    0.5, -0.5, 1.0, 1.5, 1e15, 1e16, 1e300, 5e-324, Raw("-0"), Raw("-0.0"), Raw("1e2"), Raw("1E400"), Raw("-1e400"),
    Raw("1e-400"), Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("01"), Raw("+1"), Raw(".5"), Raw("1."),
    Raw("0x10"), Raw("9" * 40), Raw("9" * 5000), Raw("1." + "0" * 400), "1", "0", "-1", "1.5", "1e2", "٣", True, False,
)  # fmt: skip
MOMENTS: Final = (
    "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123Z", "2026-01-31t12:00:00z", "2026-01-31 12:00:00+05:30",
    "2026-01-31T12:00:00.123456789Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-31T12:00:60Z",
    "2026-01-31T12:00:00", "2026-01-31", "2026-W05-6T12:00:00Z", "2026-01-31T12:00:00,5Z", "2026-01-31T120000.000Z",
    "2026-01-31T12:00:00+05", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+05:30:15", "10000-01-01T00:00:00Z",
    "now", "1769860800", "",
)  # fmt: skip
DURATIONS: Final = (
    "30m", "24h", "30d", "90000s", "99999d", "9999w", "3600000ms", 3600, 3600.0, 8_639_913_600, 0, "0", "0s", "1 hour",
    "-1h", "1.5h", "1h30m", "1H", " 1h", "1h\n", "٣h", "1e3", "100000d", "1y", 8_639_913_601, -1, 3600.5, Raw("1e400"),
    Raw("1e9"), None, True, "",
)  # fmt: skip
"""No short ones: what expires between two looks at the store would look like a write."""

PLACES: Final = ("", "a", "content", "metadata", "~", "a/b", "é", "\x00", "\ud800", "__proto__", "dry_run", "x" * 300)
"""Names of members that nobody declared."""

texts = st.sampled_from(TEXTS) | st.text(max_size=6)
numbers = st.sampled_from(NUMBERS) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PLACES) | texts, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON and more."""


def nested(depth: int, leaf: Any = 1) -> Any:
    """Lists and objects in turn, that deep."""
    for level in range(depth):
        leaf = [leaf] if level % 2 else {"a": leaf}
    return leaf


deep = st.sampled_from([29, 31, 32, 33, 40, 200]).map(nested)
anything = st.one_of(scalars, data, deep, st.sampled_from([[], {}, [[]], [{}], {"": {}}, [None]]))
