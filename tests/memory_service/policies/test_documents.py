"""Documents merged, and held to a schema."""

from __future__ import annotations

from typing import Any

import pytest
from memory_service.policies.documents import MOST_FAULTS, faults, merged


@pytest.mark.parametrize(
    ("old", "change", "new"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
        ({"a": 1}, {"a": None, "never": None}, {}),
        ("text of before", {"a": 1}, {"a": 1}),
    ],
)
def test_objects_merge_deep_null_deletes_and_the_rest_replaces(old: Any, change: Any, new: Any) -> None:
    assert merged(old, change) == new


def test_a_merge_leaves_what_it_was_given() -> None:
    old = {"a": {"b": 1}}
    merged(old, {"a": {"b": None, "c": 1}})
    assert old == {"a": {"b": 1}}


def test_a_fault_says_where_as_a_json_pointer() -> None:
    schema = {"properties": {"a/b": {"items": {"type": "integer"}}}, "required": ["c"]}
    assert {path for path, _ in faults(schema, {"a/b": [1, "x"]})} == {"", "/a~1b/1"}
    assert faults(schema, {"a/b": [1], "c": 1}) == []


def test_at_most_fifty_faults_of_a_document_are_listed() -> None:
    assert len(faults({"items": {"type": "string"}}, list(range(80)))) == MOST_FAULTS == 50
