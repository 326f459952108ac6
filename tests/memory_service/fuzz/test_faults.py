"""However many things are wrong with a request, each is listed, in the order headers, query, body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.web import openapi
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES

from tests.memory_service.fuzz.asking import Request
from tests.memory_service.fuzz.budget import run
from tests.memory_service.fuzz.shapes import Shapes, put
from tests.memory_service.fuzz.world import World

DOCUMENT = openapi.document()
FREE = {"metadata", "context", "variables", "payload", "filter"}
"""Members that may hold anything."""
CHOOSING = {"operation", "messages"}
"""Members that say which body it is; what else is wrong can only be judged when they are right."""
TYPED = [route for route in ROUTES if route.body is not None and "working-memory" not in route.path]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of the single values that have a type."""
    members: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    elif path and path[-1] not in CHOOSING:
        return [path]
    return [found for key, each in members for found in leaves(each, (*path, key))]


def typed(value: Any) -> Any:
    """The value without what may hold anything, lone surrogates for one, which make it no JSON."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items() if key not in FREE}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def body_schema(route: Route) -> dict[str, Any]:
    """The schema of a route's body; nothing for one that is no JSON."""
    operation = DOCUMENT["paths"][f"/v1{route.path}"][route.method.lower()]
    return dict(operation["requestBody"]["content"].get("application/json", {}).get("schema", {}))


@pytest.mark.parametrize("route", TYPED, ids=[f"{route.method} {route.path}" for route in TYPED])
def test_every_fault_is_listed_with_its_path(the_world: World, route: Route) -> None:
    shapes = Shapes(DOCUMENT["components"]["schemas"], the_world.known["support"])
    bodies = shapes.good(body_schema(route)).map(typed).filter(lambda body: isinstance(body, dict | list))

    twice = ((b"authorization", b"x"),) * 2

    @run(6, share=0.2)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        body = data.draw(bodies.filter(leaves))
        wrong = data.draw(st.lists(st.sampled_from(leaves(body)), min_size=1, max_size=3, unique=True))
        for path in wrong:
            body = put(body, path, {"odd": 1})
        target = f"/v1{route.path}".format(memory="support", thread="t", owner="ada", id="1-1").encode()
        request = Request(route, "support", target, b"nobody=1", twice, json.dumps(body).encode())

        listed = [fault["path"] for fault in json.loads(the_world.ask(request).body)["errors"]]

        assert listed[:2] == ["header:Authorization", "query:nobody"]
        pointers = ["/" + "/".join(map(str, path)) for path in wrong]
        assert [each for each in pointers if not any((path + "/").startswith(each + "/") for path in listed)] == []

    ask()
