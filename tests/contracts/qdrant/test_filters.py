"""Filters: every kind of condition, alone and combined."""

import pytest


def where(**condition):
    return {"must": [condition]}


CASES = {
    "a string": (where(key="thread", match={"value": "a"}), [1, 2, 3, 4]),
    "an integer": (where(key="n", match={"value": 3}), [3]),
    "true": (where(key="even", match={"value": True}), [2, 4, 6, 8, 10]),
    "false": (where(key="even", match={"value": False}), [1, 3, 5, 7, 9]),
    "any string": (where(key="thread", match={"any": ["b", "c"]}), [5, 6, 7, 8, 9, 10]),
    "any integer": (where(key="n", match={"any": [2, 4, 99]}), [2, 4]),
    "none of some strings": (where(key="thread", match={"except": ["b"]}), [1, 2, 3, 4]),
    "an element of a list": (where(key="tags", match={"value": "t0"}), [3, 6, 9]),
    "a nested field": (where(key="nested.deep", match={"value": 7}), [7]),
    "a range of numbers": (where(key="n", range={"gte": 3, "lt": 5}), [3, 4]),
    "a range of fractions without an index": (where(key="score", range={"gt": 4}), [9, 10]),
    "a range of times": (
        where(key="at", range={"gte": "2025-01-08T00:00:00Z", "lt": "2025-01-10T01:00:00+02:00"}),
        [8, 9],
    ),
    "ids": (where(has_id=[1, 5, 999]), [1, 5]),
    "an empty field": (where(is_empty={"key": "late"}), [1, 2, 3, 4, 5, 6, 7, 8]),
    "an absent field that is null": (where(is_null={"key": "late"}), []),
    "must not": ({"must_not": [{"key": "thread", "match": {"value": "b"}}]}, [1, 2, 3, 4]),
    "should": ({"should": [{"key": "n", "match": {"value": 1}}, {"key": "n", "match": {"value": 9}}]}, [1, 9]),
    "all three": (
        {
            "must": [{"key": "n", "range": {"lte": 4}}],
            "should": [{"key": "even", "match": {"value": True}}, {"has_id": [1]}],
            "must_not": [{"has_id": [2]}],
        },
        [1, 4],
    ),
    "a nested filter": (
        {"must": [{"should": [{"has_id": [1]}, {"has_id": [2]}]}, {"must_not": [{"has_id": [1]}]}]},
        [2],
    ),
    "one condition in place of a list": ({"must": {"key": "n", "match": {"value": 5}}}, [5]),
    "nothing": ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
}


@pytest.mark.parametrize(("filter_", "expected"), CASES.values(), ids=CASES.keys())
def test_a_filter_finds(store, library, filter_, expected):
    body = {"filter": filter_, "limit": 100, "with_payload": False}
    found = store.result("POST", f"/collections/{library}/points/scroll", body)["points"]
    assert [point["id"] for point in found] == expected
    counted = store.result("POST", f"/collections/{library}/points/count", {"filter": filter_, "exact": True})
    assert counted["count"] == len(expected)


@pytest.mark.parametrize(
    "condition",
    [
        {"key": "n", "match": {"value": 1.5}},
        {"key": "n", "match": {"any": [1, "a"]}},
        {"key": "n"},
        {"key": "at", "range": {"gte": "yesterday"}},
        {"has_id": ["not-a-uuid"]},
        {"match": {"value": 1}},
        {"key": "n", "matches": {"value": 1}},
        {},
    ],
    ids=["fraction", "mixed list", "key alone", "no time", "no id", "no key", "unknown field", "empty"],
)
@pytest.mark.parametrize("call", ["scroll", "count", "delete"])
def test_a_condition_that_means_nothing_is_refused(store, library, call, condition):
    status, error = store.error("POST", f"/collections/{library}/points/{call}", {"filter": {"must": [condition]}})
    assert status in (400, 422)
    assert error
    assert store.result("POST", f"/collections/{library}/points/count", {})["count"] == 10
