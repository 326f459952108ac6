"""Filters of a recall: parsed with every fault, and matched without an index as the index matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_crd.memory import Filterable
from memory_service.model.search import FieldFilter
from memory_service.operations.filters import indexable, matches, parse

DECLARED = [
    Filterable("topic", "keyword"),
    Filterable("count", "integer"),
    Filterable("price", "float"),
    Filterable("done", "bool"),
    Filterable("due", "datetime"),
]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"topic": "a"}, FieldFilter("topic", True, ("a",))),
        ({"topic": ["a", "b"]}, FieldFilter("topic", True, ("a", "b"))),
        ({"count": 3.0}, FieldFilter("count", True, (3,))),
        ({"price": {"gte": 1, "lt": 2.5}}, FieldFilter("price", True, gte=1.0, lt=2.5)),
        ({"done": True}, FieldFilter("done", True, (True,))),
        ({"due": {"gt": "1970-01-01T00:00:05Z"}}, FieldFilter("due", True, gt=5000)),
        ({"role": ["user", "tool"]}, FieldFilter("role", False, ("user", "tool"))),
        ({"price": {"gt": 1, "gte": 1, "lt": 9, "lte": 5}}, FieldFilter("price", True, gt=1.0, lte=5.0)),
        ({"price": {"gt": 1, "gte": 2, "lt": 5, "lte": 5}}, FieldFilter("price", True, gte=2.0, lt=5.0)),
        ({"timestamp": {"lte": "1970-01-01T00:00:01Z"}}, FieldFilter("timestamp", False, lte=1000)),
    ],
)
def test_filters_are_read_in_the_form_of_the_index(raw, expected) -> None:
    assert parse(raw, DECLARED) == ([expected], [])


@pytest.mark.parametrize(
    ("raw", "path", "says"),
    [
        ([], "/filter", "must be an object"),
        ({"unknown": 1}, "/filter/unknown", "role, timestamp, topic, count, price, done, due"),
        ({"a/b~c": 1}, "/filter/a~1b~0c", "not a field"),
        ({"topic": 3}, "/filter/topic", "must be a string"),
        ({"topic": ["a", None]}, "/filter/topic/1", "must be a string"),
        ({"topic": []}, "/filter/topic", "must list 1 to 100 values"),
        ({"topic": {"gte": "a"}}, "/filter/topic", "has no order"),
        ({"count": True}, "/filter/count", "whole number"),
        ({"count": 1.5}, "/filter/count", "whole number"),
        ({"price": {"gte": "x"}}, "/filter/price/gte", "must be a number"),
        ({"price": {"above": 1}}, "/filter/price/above", "is not one of gte, gt, lte, lt"),
        ({"price": {}}, "/filter/price", "at least one of"),
        ({"done": "yes"}, "/filter/done", "true or false"),
        ({"due": "tomorrow"}, "/filter/due", "RFC 3339"),
        ({"role": "robot"}, "/filter/role", "one of user, assistant, system, tool"),
    ],
)
def test_a_wrong_filter_is_a_fault_at_its_place(raw, path, says) -> None:
    _, faults = parse(raw, DECLARED)
    assert [(fault.path, fault.code) for fault in faults] == [(path, "invalid_filter")]
    assert says in faults[0].message


def test_all_faults_are_listed_at_once() -> None:
    _, faults = parse({"topic": 1, "other": 2, "done": 3}, DECLARED)
    assert [fault.path for fault in faults] == ["/filter/topic", "/filter/other", "/filter/done"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["topic", "count", "price", "done", "due", "x", "role"]), json_values))
def test_whatever_comes_in_is_read_or_refused(raw) -> None:
    filters, faults = parse(raw, DECLARED)
    assert len(filters) + len(faults) == len(raw)
    metadata = indexable(raw, DECLARED)
    assert matches(filters, role="user", timestamp=1, metadata=metadata) in (True, False)


def test_values_of_another_type_than_declared_are_not_indexed() -> None:
    metadata = {"topic": ["a", 1, "b"], "count": "3", "price": 2, "done": 1, "due": "1970-01-01T00:00:02Z", "more": 1}
    assert indexable(metadata, DECLARED) == {"topic": ["a", "b"], "price": 2.0, "due": 2000}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FieldFilter("topic", True, ("b",)), True),
        (FieldFilter("topic", True, ("c",)), False),
        (FieldFilter("count", True, gte=3, lt=4), True),
        (FieldFilter("count", True, gt=3), False),
        (FieldFilter("done", True, (False,)), True),
        (FieldFilter("count", True, (True,)), False),
        (FieldFilter("missing", True, ("a",)), False),
        (FieldFilter("timestamp", lte=99), False),
        (FieldFilter("role", any_of=("user",)), True),
    ],
    ids=str,
)
def test_a_message_matches_as_its_point_would(wanted, expected) -> None:
    metadata = {"topic": ["a", "b"], "count": 3, "done": False}
    assert matches([wanted], role="user", timestamp=100, metadata=metadata) is expected
