"""Indexes of payload fields (pure)."""

from typing import Any

import qdrant_edge as edge

from memory_vectors import wire
from memory_vectors.errors import FormatError
from memory_vectors.requests.filters import field_path

TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "uuid": edge.PayloadSchemaType.Uuid,
}
_NAMES = {value: name for name, value in TYPES.items()}


def create(body: wire.CreateIndex) -> tuple[str, Any]:
    """The field and how to index it, for the engine."""
    field = field_path(body.field_name)
    schema = body.field_schema if isinstance(body.field_schema, wire.IndexParams) else None
    kind = schema.type if schema else body.field_schema
    if kind not in TYPES:
        raise FormatError(f"field_schema: unknown type `{kind}`, memory-vectors has {', '.join(TYPES)}")
    if schema is None or (schema.lookup is None and schema.range is None):
        return field, TYPES[str(kind)]
    if kind != "integer":
        raise FormatError(f"field_schema: `lookup` and `range` belong to `integer`, not to `{kind}`")
    if schema.lookup is False and schema.range is False:
        raise FormatError("field_schema: an index with neither `lookup` nor `range` would do nothing")
    return field, edge.IntegerIndexParams(lookup=schema.lookup, range=schema.range)


def describe(info: "edge.PayloadIndexInfo") -> dict[str, Any]:
    """An index as Qdrant's `payload_schema` shows it."""
    described: dict[str, Any] = {"data_type": _NAMES[info.data_type], "points": info.points}
    if isinstance(info.params, edge.IntegerIndexParams):
        described["params"] = {"type": "integer", "lookup": info.params.lookup, "range": info.params.range}
    return described
