"""Filters of a recall: what a caller may ask for, and what a stored message answers. Pure.

Only declared metadata keys (`options.semanticRecall.filterable`), `role` and `timestamp` can be filtered on. A value is
kept in the form its declared type has in the index: datetimes are milliseconds, values of another type are absent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from memory_service.errors import Fault
from memory_service.model.search import FieldFilter
from memory_service.model.values import ROLES
from memory_service.operations import moments

if TYPE_CHECKING:
    from memory_crd.memory import Filterable

Scalar = str | int | float | bool

MAX_VALUES: Final = 100
"""Most values of one any-of list."""
MAX_TEXT: Final = 1024
"""Longest text that is indexed or asked for, in characters; longer metadata cannot be filtered on."""
MAX_INTEGER: Final = 2**63

RANGES: Final = ("gte", "gt", "lte", "lt")
ORDERED: Final = ("integer", "float", "datetime")
_FORMS: Final = {
    "keyword": f"a string of at most {MAX_TEXT} characters",
    "integer": "a whole number of 64 bits",
    "float": "a number",
    "bool": "true or false",
    "datetime": "an RFC 3339 time",
    "role": f"one of {', '.join(ROLES)}",
}


def parse(
    raw: object, declared: Sequence[Filterable], *, path: str = "/filter"
) -> tuple[list[FieldFilter], list[Fault]]:
    """The filters of a request, and every fault (`invalid_filter`) with its JSON Pointer."""
    if not isinstance(raw, Mapping):
        return [], [Fault(path, "invalid_filter", "must be an object of fields and the values they may have")]
    types = {"role": "role", "timestamp": "datetime", **{each.key: each.type for each in declared}}
    filters: list[FieldFilter] = []
    faults: list[Fault] = []
    for key, asked in raw.items():
        place = f"{path}/{_escape(str(key))}"
        if key not in types:
            known = ", ".join(types)
            faults.append(Fault(place, "invalid_filter", f"is not a field that this memory can filter on: {known}"))
            continue
        found = _one(key, types[key], asked, place)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            filters.append(found)
    return filters, faults


def _one(key: str, kind: str, asked: object, path: str) -> FieldFilter | Fault:
    metadata = key not in ("role", "timestamp")
    if isinstance(asked, Mapping):
        return _range(key, kind, asked, path, metadata)
    values = asked if isinstance(asked, list) else [asked]
    if not 1 <= len(values) <= MAX_VALUES:
        return Fault(path, "invalid_filter", f"must list 1 to {MAX_VALUES} values")
    typed = [_VALUES[kind](value) for value in values]
    for at, value in enumerate(typed):
        if value is None:
            place = f"{path}/{at}" if isinstance(asked, list) else path
            return Fault(place, "invalid_filter", f"must be {_FORMS[kind]}")
    return FieldFilter(key, metadata, tuple(value for value in typed if value is not None))


def _range(key: str, kind: str, asked: Mapping[Any, object], path: str, metadata: bool) -> FieldFilter | Fault:
    if kind not in ORDERED:
        return Fault(path, "invalid_filter", f"has no order; ask for {_FORMS[kind]}, or a list of such")
    if not asked:
        return Fault(path, "invalid_filter", f"must have at least one of {', '.join(RANGES)}")
    bounds: dict[str, float] = {}
    for name, value in asked.items():
        if name not in RANGES:
            return Fault(f"{path}/{_escape(str(name))}", "invalid_filter", f"is not one of {', '.join(RANGES)}")
        typed = _VALUES[kind](value)
        if typed is None or isinstance(typed, str):
            return Fault(f"{path}/{name}", "invalid_filter", f"must be {_FORMS[kind]}")
        bounds[name] = typed
    return FieldFilter(key, metadata, (), **_narrowest(bounds))


def _narrowest(bounds: dict[str, float]) -> dict[str, float]:
    """Of two bounds on one side the one that says more: an index of the vector store looks at one of them only."""
    kept = dict(bounds)
    if "gt" in bounds and "gte" in bounds:
        del kept["gte" if bounds["gt"] >= bounds["gte"] else "gt"]
    if "lt" in bounds and "lte" in bounds:
        del kept["lte" if bounds["lt"] <= bounds["lte"] else "lt"]
    return kept


def indexable(metadata: Mapping[str, object], declared: Iterable[Filterable]) -> dict[str, object]:
    """The declared keys of a message's metadata as the index keeps them: a value, or the list of its usable items."""
    kept: dict[str, object] = {}
    for each in declared:
        value = metadata.get(each.key)
        if isinstance(value, list):
            items = [typed for item in value[:MAX_VALUES] if (typed := _VALUES[each.type](item)) is not None]
            if items:
                kept[each.key] = items
        elif (typed := _VALUES[each.type](value)) is not None:
            kept[each.key] = typed
    return kept


def matches(filters: Iterable[FieldFilter], *, role: str, timestamp: int, metadata: Mapping[str, object]) -> bool:
    """True when a message passes all filters; `metadata` is in the form `indexable` gives."""
    fixed: dict[str, object] = {"role": role, "timestamp": timestamp}
    return all(_passes(each, (metadata if each.metadata else fixed).get(each.key)) for each in filters)


def _passes(each: FieldFilter, value: object) -> bool:
    if isinstance(value, list):
        return any(_passes(each, item) for item in value)
    if value is None:
        return False
    if each.any_of:
        return any(value == wanted and isinstance(value, bool) == isinstance(wanted, bool) for wanted in each.any_of)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (
        (each.gte is None or value >= each.gte)
        and (each.gt is None or value > each.gt)
        and (each.lte is None or value <= each.lte)
        and (each.lt is None or value < each.lt)
    )


def _keyword(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) >= MAX_INTEGER:
        return None
    return int(value) if value == int(value) else None


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 1e308:
        return None
    return float(value) if math.isfinite(value) else None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _datetime(value: object) -> int | None:
    try:
        return moments.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _role(value: object) -> str | None:
    return value if isinstance(value, str) and value in ROLES else None


_VALUES: Final[Mapping[str, Callable[[object], Scalar | None]]] = {
    "keyword": _keyword,
    "integer": _integer,
    "float": _float,
    "bool": _bool,
    "datetime": _datetime,
    "role": _role,
}


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
