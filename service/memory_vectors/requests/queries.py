"""Queries, pages and counts (pure)."""

from typing import Any

import qdrant_edge as edge

from memory_vectors import wire
from memory_vectors.errors import BadRequest, FormatError, Invalid
from memory_vectors.limits import LIMITS, within
from memory_vectors.names import check_point_id
from memory_vectors.requests import filters
from memory_vectors.requests.points import vector
from memory_vectors.schema import Schema

_DEFAULT_LIMIT = 10
_DIRECTIONS = {"asc": edge.Direction.Asc, "desc": edge.Direction.Desc}


def query(body: wire.Query, schema: Schema, path: str = "") -> edge.QueryRequest:
    """One query. `path` is the place in a batch, as in ``searches[2].``."""
    if body.query is None:
        raise BadRequest(f"{path}query: memory-vectors needs a vector here; use points/scroll to list points")
    limit = _limit(body.limit, f"{path}limit")
    offset = body.offset or 0
    if offset < 0:
        raise Invalid(f"{path}offset", f"value {offset} invalid, must be 0 or larger")
    within(limit + offset, LIMITS.results, f"{path}limit")
    within(_count(body), LIMITS.prefetches, f"{path}prefetch")
    return edge.QueryRequest(
        limit=limit,
        offset=offset,
        query=_nearest(body, schema, path),
        prefetches=[_prefetch(inner, schema, f"{path}prefetch") for inner in _list(body.prefetch)],
        filter=filters.build(body.filter),
        score_threshold=body.score_threshold,
        with_payload=with_payload(body.with_payload, default=False),
        with_vector=with_vector(body.with_vector),
    )


def batch(body: wire.QueryBatch, schema: Schema) -> edge.QueryBatchRequest:
    within(len(body.searches), LIMITS.queries, "searches")
    return edge.QueryBatchRequest(
        [query(search, schema, f"searches[{index}].") for index, search in enumerate(body.searches)]
    )


def _list(prefetch: list[wire.Prefetch] | wire.Prefetch | None) -> list[wire.Prefetch]:
    if prefetch is None:
        return []
    return prefetch if isinstance(prefetch, list) else [prefetch]


def _count(body: wire.Prefetch) -> int:
    return sum(1 + _count(inner) for inner in _list(body.prefetch))


def _prefetch(body: wire.Prefetch, schema: Schema, path: str) -> edge.Prefetch:
    if body.query is None:
        raise BadRequest(f"{path}.query: memory-vectors needs a vector here")
    limit = _limit(body.limit, f"{path}.limit")
    within(limit, LIMITS.results, f"{path}.limit")
    return edge.Prefetch(
        limit=limit,
        query=_nearest(body, schema, f"{path}."),
        prefetches=[_prefetch(inner, schema, f"{path}.prefetch") for inner in _list(body.prefetch)],
        filter=filters.build(body.filter),
        score_threshold=body.score_threshold,
    )


def _nearest(body: wire.Prefetch, schema: Schema, path: str) -> edge.Query:
    given = body.query
    using = body.using or ""
    value: wire.Vector
    if isinstance(given, list):
        value = given
    else:
        assert given is not None
        parts = (given.indices is not None, given.values is not None, given.nearest is not None)
        if parts == (True, True, False):
            value = wire.SparseVector(indices=given.indices or [], values=given.values or [])
        elif parts == (False, False, True) and given.nearest is not None:
            value = given.nearest
        else:
            raise FormatError(f"{path}query: give a vector, `indices` with `values`, or `nearest`")
    return edge.Query.Nearest(vector(value, using, schema, f"{path}query"), using=using)


def _limit(limit: int | None, path: str) -> int:
    if limit is None:
        return _DEFAULT_LIMIT
    if limit < 1:
        raise Invalid(path, f"value {limit} invalid, must be 1 or larger")
    return limit


def with_payload(value: wire.WithPayload | None, *, default: bool) -> Any:
    """Which payload fields to answer: all, none, a list, or all but a list."""
    if value is None:
        return default
    if not isinstance(value, wire.PayloadSelector):
        return value if isinstance(value, bool) else [filters.field_path(key) for key in value]
    if (value.include is None) == (value.exclude is None):
        raise FormatError("with_payload: give either `include` or `exclude`")
    if value.include is not None:
        return edge.PayloadSelector.Include([filters.field_path(key) for key in value.include])
    return edge.PayloadSelector.Exclude([filters.field_path(key) for key in value.exclude or ()])


def with_vector(value: wire.WithVector | None) -> bool | list[str]:
    return False if value is None else value


def scroll(body: wire.Scroll) -> edge.ScrollRequest:
    """One page of points, by id or ordered by an indexed field."""
    limit = _limit(body.limit, "limit")
    within(limit, LIMITS.results, "limit")
    if body.order_by is not None and body.offset is not None:
        raise BadRequest("Cannot use an `offset` when using `order_by`. The alternative for paging is `start_from`")
    return edge.ScrollRequest(
        offset=None if body.offset is None else check_point_id(body.offset),
        limit=limit,
        filter=filters.build(body.filter),
        with_payload=with_payload(body.with_payload, default=True),
        with_vector=with_vector(body.with_vector),
        order_by=_order_by(body.order_by),
    )


def _order_by(value: str | wire.OrderBy | None) -> edge.OrderBy | None:
    if value is None:
        return None
    order = wire.OrderBy(key=value) if isinstance(value, str) else value
    if order.direction not in (None, *_DIRECTIONS):
        raise FormatError(f"order_by.direction: unknown variant `{order.direction}`, expected `asc` or `desc`")
    try:
        return edge.OrderBy(filters.field_path(order.key), _DIRECTIONS.get(order.direction or "asc"), order.start_from)
    except (TypeError, ValueError) as error:
        raise FormatError(f"order_by.start_from: {error}") from None


def count(body: wire.Count) -> edge.CountRequest:
    """An exact count, also where an estimate would do."""
    return edge.CountRequest(exact=True, filter=filters.build(body.filter))
