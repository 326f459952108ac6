"""Readers: from untrusted JSON data to typed values, with every fault and nothing coerced in silence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.errors import Fault, Refused
from memory_service.keys import parse_message_id, valid_owner, valid_thread
from memory_service.operations.words import Duration, MessageId, OwnerId, ThreadId
from memory_service.web.body import parse
from memory_service.web.readers import reader


class Inner(msgspec.Struct, frozen=True):
    code = "invalid_filter"

    size: Annotated[int, msgspec.Meta(ge=1, le=9)]


class Outer(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["a", "b"] = "a"
    inner: list[Inner] = []
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    ttl: Duration | msgspec.UnsetType | None = msgspec.UNSET
    either: int | Inner | None = None
    free: dict[str, Any] = {}


def read(raw: object, type_: Any = Outer, **how: bool) -> tuple[Any, list[Fault]]:
    """The value and the faults."""
    faults: list[Fault] = []
    return reader(type_, **how)(raw, "", faults), faults


def test_a_good_value_becomes_the_struct() -> None:
    value, faults = read({"name": "x", "inner": [{"size": 3.0}], "ratio": 1, "ttl": "2h", "either": {"size": 1}})
    assert (faults, value) == ([], Outer("x", "a", [Inner(3)], 1, Duration(7_200_000), Inner(1)))


def test_absent_and_null_are_told_apart() -> None:
    assert read({"name": "x"})[0].ttl is msgspec.UNSET
    assert read({"name": "x", "ttl": None})[0].ttl is None


def test_every_fault_is_listed_with_its_place_and_code() -> None:
    raw = {"kind": "c", "inner": [{"size": 0}, 5, {}], "ratio": 2, "ttl": "x", "either": "y", "a/b~c": 1}
    _, faults = read(raw)
    assert [(fault.path, fault.code) for fault in faults] == [
        ("/kind", "invalid_field"),
        ("/inner/0/size", "invalid_filter"),
        ("/inner/1", "invalid_filter"),
        ("/inner/2/size", "invalid_filter"),
        ("/ratio", "invalid_field"),
        ("/ttl", "invalid_ttl"),
        ("/either", "invalid_field"),
        ("/a~1b~0c", "unknown_field"),
        ("/name", "invalid_field"),
    ]


@pytest.mark.parametrize("raw", [True, "1", 1.5, 0, 10, None, [], float("nan")])
def test_a_number_is_never_guessed(raw: object) -> None:
    assert read({"size": raw}, Inner)[1]


class Question(msgspec.Struct, frozen=True):
    code = "invalid_parameter"

    limit: Annotated[int, msgspec.Meta(ge=1)] = 5
    deep: bool = False
    within: Duration | None = None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"limit": "7", "deep": "true", "within": "60"}, Question(7, True, Duration(60_000))),
        ({"within": "1h"}, Question(5, False, Duration(3_600_000))),
    ],
)
def test_a_query_string_is_read_by_the_declared_types(raw: dict[str, str], expected: Question) -> None:
    assert read(raw, Question, lax=True) == (expected, [])


@pytest.mark.parametrize(
    "raw", [{"limit": "1.0"}, {"limit": ""}, {"limit": "٣"}, {"deep": "1"}, {"deep": "True"}, {"x": "1"}]
)
def test_a_query_string_that_says_something_else_is_refused(raw: dict[str, str]) -> None:
    (fault,) = read(raw, Question, lax=True)[1]
    assert (fault.path, fault.code) == (f"query:{next(iter(raw))}", "invalid_parameter")


TEXT = st.text(alphabet=st.characters(codec="utf-8"))
NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_body_parser_takes_all_json_that_has_no_twins(value: Any) -> None:
    assert parse(msgspec.json.encode(value)) == value


@given(st.binary(max_size=60))
def test_the_body_parser_refuses_with_a_code_or_takes(raw: bytes) -> None:
    try:
        parse(raw)
    except Refused as refusal:
        assert refusal.code in ("invalid_json", "invalid_message")
        assert refusal.faults


@given(JSON)
def test_a_reader_never_raises(value: Any) -> None:
    read(value)
    read({"name": "x", "inner": value, "ttl": value, "either": value})


@given(st.text(alphabet="aZ9_:-@.|+=~/\n é", max_size=12))
def test_the_grammars_of_the_api_are_those_of_the_keys(text: str) -> None:
    assert (ThreadId.matcher.fullmatch(text) is not None) == valid_thread(text)
    assert (OwnerId.matcher.fullmatch(text) is not None) == valid_owner(text)


@given(st.from_regex(r"\A[0-9]{0,3}-?[0-9]{0,3}\Z") | st.text(alphabet="0123456789-", max_size=30))
def test_the_grammar_of_message_ids_is_that_of_the_keys(text: str) -> None:
    assert (MessageId.matcher.fullmatch(text) is not None) == (parse_message_id(text) is not None)
