"""Each place of each body with each odd value, one at a time; a sample of them always, all in a long run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from memory_service.web import openapi
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES

from tests.memory_service.fuzz import budget, oddities
from tests.memory_service.fuzz.asking import Request
from tests.memory_service.fuzz.judging import Judge
from tests.memory_service.fuzz.oddities import Raw, write
from tests.memory_service.fuzz.world import World

DOCUMENT: Final = openapi.document()
JUDGE: Final = Judge.of(openapi.document())
STEP: Final = 1 if budget.EXAMPLES else 131
"""Every how manyth case is tried."""
ODD: Final = [
    *oddities.TEXTS, *oddities.NUMBERS, *oddities.MOMENTS, *oddities.DURATIONS, None, [], {}, [[]], [{}], {"": 1},
    [None] * 1001, oddities.nested(29), oddities.nested(33), Raw('{"a":1,"a":2}'), "{{" * 2000, "(" * 9000,
    "{{ (" + "(" * 500 + "1" + ")" * 501 + " }}",
]  # fmt: skip
KNOWN: Final = {"content": "a", "conversationId": "t", "query": "a", "backup_id": "x", "thread": "t", "key": "t"}
"""What a required text should say so that the rest is looked at."""
BODIED: Final = [
    route
    for route in ROUTES
    if "application/json"
    in DOCUMENT["paths"][f"/v1{route.path}"][route.method.lower()].get("requestBody", {}).get("content", {})
]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its reference followed."""
    if "$ref" in schema:
        return resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def least(schema: Mapping[str, Any], name: str = "") -> Any:
    """The smallest value that a schema allows."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return least(schema["anyOf"][0], name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        return {each: least(schema["properties"][each], each) for each in schema.get("required", ())}
    if kind == "array":
        return [least(schema["items"])] * max(1, schema.get("minItems", 1))
    plain = {"string": KNOWN.get(name, "t"), "integer": schema.get("minimum", 1), "number": 0, "boolean": True}
    return plain.get(kind)


def variants(schema: Mapping[str, Any], name: str = "") -> Iterator[Any]:
    """Values that hold one odd value each, at every place there is."""
    schema = resolved(schema)
    yield from ODD
    if "anyOf" in schema:
        for each in schema["anyOf"]:
            if resolved(each).get("type") in ("object", "array"):
                yield from inside(resolved(each))
    else:
        yield from inside(schema)


def inside(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The variants of an object's members and of a list's items."""
    base = least(schema)
    for name, each in schema.get("properties", {}).items():
        for odd in variants(each, name):
            yield {**base, name: odd}
    if schema.get("type") == "array":
        for odd in variants(schema["items"]):
            yield [odd]


def bodies(route: Route) -> list[Any]:
    """Every body to try."""
    operation = DOCUMENT["paths"][f"/v1{route.path}"][route.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    found: list[Any] = []
    for each in schema.get("anyOf", [schema]):
        found += variants(each)
    if "Task" in str(schema):
        found = [name | each for each in found if isinstance(each, dict) for name in OPERATIONS]
    return found


OPERATIONS: Final = [
    {"key": "t", "operation": "append", "payload": "a"},
    {"key": "t", "operation": "read"},
    {"key": "t", "operation": "flush"},
    {"pattern": "t*", "operation": "stats"},
]
"""What a task is besides its odd member."""


@pytest.mark.timeout(0)
@pytest.mark.parametrize("route", BODIED, ids=[f"{route.method} {route.path}" for route in BODIED])
def test_each_place_takes_each_odd_value_or_says_why_not(the_world: World, route: Route) -> None:
    target = f"/v1{route.path}".format(memory="support", thread="t", owner="ada", id="1-1").encode()
    for body in bodies(route)[number_of(route) % STEP :: STEP]:
        if route.searches and isinstance(body, dict):
            body = {"timeout": "1ms"} | body
        request = Request(route, "support", target, b"", (), write(body).encode())

        answer = the_world.ask(request)

        after = the_world.look()
        if after != the_world.seeded:
            the_world.put_back()
        JUDGE.answer(request, answer, the_world.seeded, after)


def number_of(route: Route) -> int:
    """Where a route begins, so that routes which share a body try different parts of it."""
    return BODIED.index(route) * 7
