"""Filters: which points a call is about (pure)."""

from typing import Any

import qdrant_edge as edge

from memory_vectors import wire
from memory_vectors.errors import BadRequest, FormatError
from memory_vectors.limits import LIMITS, within
from memory_vectors.names import check_point_id

_KINDS = ("key", "is_empty", "is_null", "has_id")


class _TypedBool:
    """A truth value that the engine's bindings read as one.

    They try integers first, and a Python bool is an integer, so `match: {value: true}` would look for the number 1.
    A value whose type calls itself numpy's bool is not taken for a number.
    """

    def __init__(self, value: bool) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value


_TypedBool.__module__ = "numpy"
_TypedBool.__name__ = _TypedBool.__qualname__ = "bool_"


def build(where: wire.Filter | None) -> edge.Filter | None:
    """The engine's filter. Raises VectorsError with the condition that is wrong."""
    if where is None:
        return None
    within(_count(where, LIMITS.filter_depth), LIMITS.conditions, "filter")
    return _filter(where)


def every(where: wire.Filter | None) -> edge.Filter:
    """As `build`, but no filter is the filter that holds for every point."""
    return build(where) or edge.Filter()


def by_ids(ids: list[wire.PointId]) -> edge.Filter:
    """The points with these ids, as far as they exist."""
    return edge.Filter(must=[edge.HasIdCondition(set(ids))])


def _list(conditions: list[wire.Condition] | wire.Condition | None) -> list[wire.Condition]:
    if conditions is None:
        return []
    return conditions if isinstance(conditions, list) else [conditions]


def _count(where: wire.Filter, depth: int) -> int:
    """Conditions in a filter. Raises BadRequest when filters nest deeper than `depth`."""
    if depth == 0:
        raise BadRequest(f'Limit exceeded: more than {LIMITS.filter_depth} filters inside one another in "filter"')
    conditions = _list(where.must) + _list(where.should) + _list(where.must_not)
    return len(conditions) + sum(_count(nested, depth - 1) for nested in conditions if _is_nested(nested))


def _is_nested(condition: wire.Condition) -> bool:
    return condition.must is not None or condition.should is not None or condition.must_not is not None


def _filter(where: wire.Filter) -> edge.Filter:
    return edge.Filter(
        must=[_condition(condition) for condition in _list(where.must)] or None,
        should=[_condition(condition) for condition in _list(where.should)] or None,
        must_not=[_condition(condition) for condition in _list(where.must_not)] or None,
    )


def _condition(condition: wire.Condition) -> Any:
    kinds = [kind for kind in _KINDS if getattr(condition, kind) is not None]
    if _is_nested(condition):
        kinds.append("a nested filter")
    if len(kinds) != 1:
        given = " and ".join(f"`{kind}`" for kind in kinds) or "nothing"
        raise FormatError(
            f"filter: a condition is one of `key`, `is_empty`, `is_null`, `has_id`, `must`...: got {given}"
        )
    if condition.key is None and (condition.match is not None or condition.range is not None):
        raise FormatError("filter: `match` and `range` belong to a condition with `key`")
    match kinds[0]:
        case "key":
            return _field(condition)
        case "has_id":
            return edge.HasIdCondition({check_point_id(value) for value in condition.has_id or ()})
        case "is_empty":
            return edge.IsEmptyCondition(field_path(condition.is_empty.key if condition.is_empty else ""))
        case "is_null":
            return edge.IsNullCondition(field_path(condition.is_null.key if condition.is_null else ""))
    return _filter(condition)


def _field(condition: wire.Condition) -> edge.FieldCondition:
    key = field_path(condition.key or "")
    if condition.match is not None and condition.range is None:
        return edge.FieldCondition(key, match=_match(condition.match, key))
    if condition.range is not None and condition.match is None:
        return edge.FieldCondition(key, range=_range(condition.range, key))
    raise FormatError(f"filter: the condition on `{key}` needs either `match` or `range`")


def field_path(key: str) -> str:
    """A path into payloads. Raises FormatError when the engine cannot read it."""
    try:
        edge.IsEmptyCondition(key)
    except ValueError:
        raise FormatError(f"Invalid json path: '{key}'") from None
    return key


def _match(match: wire.Match, key: str) -> Any:
    given = [value for value in (match.value, match.any, match.excluded) if value is not None]
    if len(given) != 1:
        raise FormatError(f"filter: `match` on `{key}` needs exactly one of `value`, `any` and `except`")
    if match.value is not None:
        return _match_value(match.value, key)
    values = given[0]
    assert isinstance(values, list)
    within(len(values), LIMITS.points, f"match on {key}")
    if not (all(isinstance(value, str) for value in values) or all(_is_integer(value) for value in values)):
        raise FormatError(f"filter: the values of `match` on `{key}` must be all strings or all 64-bit integers")
    typed: Any = values
    return edge.MatchAny(typed) if match.any is not None else edge.MatchExcept(typed)


def _match_value(value: str | int | bool, key: str) -> edge.MatchValue:
    if isinstance(value, bool):
        typed: Any = _TypedBool(value)
        return edge.MatchValue(typed)
    if isinstance(value, int) and not _is_integer(value):
        raise FormatError(f"filter: `match` on `{key}`: {value} does not fit 64 bits")
    return edge.MatchValue(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _range(bounds: wire.Range, key: str) -> Any:
    given = {name: value for name in ("gt", "gte", "lt", "lte") if (value := getattr(bounds, name)) is not None}
    if not given:
        raise FormatError(f"filter: `range` on `{key}` needs `gt`, `gte`, `lt` or `lte`")
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    if not texts:
        return edge.RangeFloat(**given)
    if len(texts) != len(given):
        raise FormatError(f"filter: `range` on `{key}` mixes numbers and times")
    try:
        return edge.RangeDateTime(**texts)
    except ValueError as error:
        raise FormatError(f"filter: `range` on `{key}`: {error}; write times as 2025-01-31T12:00:00Z") from None
