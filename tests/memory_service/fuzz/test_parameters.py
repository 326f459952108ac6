"""Each query parameter with each odd text, and each route with each odd header, segment and query; a sample always."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_from_bytes

import pytest
from memory_service.web import openapi
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES

from tests.memory_service.fuzz import budget, oddities
from tests.memory_service.fuzz.asking import HEADERS, QUERIES, SEGMENTS, Request
from tests.memory_service.fuzz.judging import Judge
from tests.memory_service.fuzz.oddities import Raw
from tests.memory_service.fuzz.shapes import cursor_twins
from tests.memory_service.fuzz.world import World

DOCUMENT: Final = openapi.document()
JUDGE: Final = Judge.of(openapi.document())
STEP: Final = 1 if budget.EXAMPLES else 23
"""Every how manyth case is tried."""
ODD: Final = [each.text if isinstance(each, Raw) else str(each) for each in (*oddities.TEXTS, *oddities.NUMBERS)]
TIMES: Final = [str(each) for each in (*oddities.MOMENTS, *oddities.DURATIONS) if not isinstance(each, Raw)]
SHORT: Final = b"timeout=1ms"


def cases(route: Route, world: World) -> list[Request]:
    """Every request to try."""
    good = f"/v1{route.path}".format(memory="support", thread="t", owner="ada", id="1-1").encode()
    operation = DOCUMENT["paths"][f"/v1{route.path}"][route.method.lower()]
    named = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
    cursors = cursor_twins(world.known["support"]["cursors"]) if "cursor" in named else []
    texts = {name: ODD + TIMES + (cursors if name == "cursor" else []) for name in named}
    queries = [parameter(name, text) for name, odd in texts.items() for text in odd] + list(QUERIES)
    found = [Request(route, "support", good, query, (), b"") for query in queries]
    found += [Request(route, "support", good, b"", (header,), b"") for header in HEADERS]
    for name in re.findall(r"\{\w+\}", route.path):
        path = route.path.replace(name, "\0").format(memory="support", thread="t", owner="ada", id="1-1").encode()
        found += [Request(route, "support", b"/v1" + path.replace(b"\0", each), b"", (), b"") for each in SEGMENTS]
    return found


def parameter(name: str, text: str) -> bytes:
    """A parameter, its value encoded."""
    return name.encode() + b"=" + quote_from_bytes(text.encode(errors="surrogatepass")).encode()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_each_parameter_header_and_segment_is_honoured_or_refused(the_world: World, route: Route) -> None:
    waits = route.searches and route.body is None
    for number, request in enumerate(cases(route, the_world)):
        if (number + ROUTES.index(route)) % STEP:
            continue
        if waits and b"timeout" not in request.query:
            query = request.query + b"&" + SHORT if request.query else SHORT
            request = Request(route, request.memory, request.target, query, request.headers, request.body)

        answer = the_world.ask(request)

        after = the_world.look()
        if after != the_world.seeded:
            the_world.put_back()
        JUDGE.answer(request, answer, the_world.seeded, after)
