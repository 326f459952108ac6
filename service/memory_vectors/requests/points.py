"""Points, payloads and selections that are about to be written (pure)."""

import math
from typing import Any

import qdrant_edge as edge

from memory_vectors import wire
from memory_vectors.errors import BadInput, BadRequest, FormatError, Invalid
from memory_vectors.limits import LIMITS, within
from memory_vectors.names import check_point_id
from memory_vectors.requests import filters
from memory_vectors.schema import Schema


def upsert(body: wire.Upsert, schema: Schema) -> list[edge.Point]:
    """The points of a list or of a batch, in order. Raises VectorsError naming the first wrong one."""
    if (body.points is None) == (body.batch is None):
        raise FormatError("give either `points` or `batch`")
    points = body.points if body.points is not None else _rows(body.batch)
    if not points:
        raise BadRequest("Empty update request")
    within(len(points), LIMITS.points, "points")
    return [_point(point, schema, f"points[{index}]") for index, point in enumerate(points)]


def _rows(batch: wire.Batch | None) -> list[wire.Point]:
    """A batch written as the list that it means."""
    assert batch is not None
    size = len(batch.ids)
    columns: dict[str, list[Any]] = {f"batch.vectors.{name}": column for name, column in batch.vectors.items()}
    payloads = [None] * size if batch.payloads is None else batch.payloads
    for path, column in (columns | {"batch.payloads": payloads}).items():
        if len(column) != size:
            raise Invalid(path, f"number of ids and {path.split('.')[1]} must be equal ({size} != {len(column)})")
    return [
        wire.Point(id=id_, vector={name: column[row] for name, column in batch.vectors.items()}, payload=payloads[row])
        for row, id_ in enumerate(batch.ids)
    ]


def _point(point: wire.Point, schema: Schema, path: str) -> edge.Point:
    vectors = point.vector if isinstance(point.vector, dict) else {"": point.vector}
    return edge.Point(
        check_point_id(point.id),
        {name: vector(value, name, schema, f"{path}.vector.{name}") for name, value in vectors.items()},
        payload(point.payload or {}, f"{path}.payload"),
    )


def vector(value: wire.Vector, name: str, schema: Schema, path: str) -> Any:
    """One vector for the engine: right kind, right size, and finite in 32 bits."""
    if dense := schema.dense.get(name):
        if isinstance(value, wire.SparseVector):
            raise BadInput("Conversion between sparse and regular vectors failed")
        if len(value) != dense.size:
            raise BadInput(f"Vector dimension error: expected dim: {dense.size}, got {len(value)}")
        _check_norm(value, path)
        return value
    if name not in schema.sparse:
        raise BadInput(f"Not existing vector name error: {name}")
    if not isinstance(value, wire.SparseVector):
        raise BadInput("Conversion between sparse and regular vectors failed")
    if len(value.indices) != len(value.values):
        raise Invalid(f"{path}.values", "must be the same length as indices")
    if len(set(value.indices)) != len(value.indices):
        raise Invalid(f"{path}.indices", "must be unique")
    _check_norm(value.values, path)
    return edge.SparseVector(value.indices, value.values)


def _check_norm(values: list[float], path: str) -> None:
    """JSON has no NaN, but it has numbers that are infinite in 32 bits."""
    if not math.hypot(*values) <= LIMITS.vector_norm:
        raise Invalid(path, f"the length of the vector must be a number up to {LIMITS.vector_norm:g}")


def payload(value: wire.Payload, path: str) -> wire.Payload:
    """`value`, if the engine can read it back from its log."""
    level: list[Any] = [value]
    for _ in range(LIMITS.payload_depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise Invalid(path, f"must not be nested deeper than {LIMITS.payload_depth} objects and lists")


def payload_key(key: str | None) -> str | None:
    """The path inside payloads that an update is merged at; None is the top."""
    return None if key is None else filters.field_path(key)


def selection(body: wire.Selection) -> list[wire.PointId] | edge.Filter:
    """What a deletion or a payload update is about: ids or a filter."""
    if body.points is None and body.filter is None:
        raise BadRequest("Either points or filter must be provided")
    if body.points is not None and body.filter is not None:
        raise BadRequest("Only one of points and filter can be provided")
    if body.points is None:
        return filters.every(body.filter)
    return ids(body.points, "points")


def ids(values: list[wire.PointId], name: str) -> list[wire.PointId]:
    within(len(values), LIMITS.points, name)
    return [check_point_id(value) for value in values]
