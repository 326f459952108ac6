"""A working-memory schema is a JSON Schema that can be served without harm."""

from __future__ import annotations

from typing import Any

import pytest
from memory_crd import document_schemas

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"name": {"type": "string"}}},
        {
            "$schema": DRAFT_7,
            "definitions": {"a": {"type": "string"}},
            "properties": {"a": {"$ref": "#/definitions/a"}},
        },
        {"properties": {"child": {"$ref": "#"}}},
    ],
)
def test_a_json_schema_has_no_fault(schema: dict[str, Any]) -> None:
    assert document_schemas.fault(schema) is None


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"properties": {"a/b": {"type": "objct"}}}, "/properties/a~1b/type is no valid JSON Schema"),
        ({"properties": {"a": None}}, "/properties/a is no valid JSON Schema"),
        ({"pattern": "("}, "/pattern is no valid JSON Schema"),
        ({"pattern": "(a+)+(?=b)"}, "/pattern is no valid JSON Schema"),
        ({"pattern": "(a{1000}){1000}"}, "/pattern is no valid JSON Schema"),
        ({"$ref": "http://127.0.0.1:9/x"}, "outside this schema"),
        ({"$ref": "#/nowhere"}, "/nowhere"),
        ({"$schema": "http://example.com/mine"}, "http://example.com/mine"),
    ],
)
def test_what_is_none_says_where_and_why(schema: dict[str, Any], told: str) -> None:
    fault = document_schemas.fault(schema)

    assert fault is not None
    assert told in fault
    assert len(fault) <= document_schemas.MOST_SAID


@pytest.mark.parametrize("depth", [300, 50_000])
def test_a_schema_nested_too_deeply_is_refused(depth: int) -> None:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"not": schema}

    assert document_schemas.fault(schema) is not None


def test_the_draft_that_a_schema_names_is_followed() -> None:
    pair = {"items": [{"type": "integer"}, {"type": "string"}]}

    assert document_schemas.fault(pair) is not None
    errors = document_schemas.compiled({"$schema": DRAFT_7, **pair})([1, 2])
    assert [list(error.instance_path) for error in errors] == [[1]]
