"""Whatever comes in: no 5xx, and every refusal is a problem document with a known code.

Requests are made from /openapi.json, good ones and broken ones, against the real server on a real Valkey.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from memory_service.settings import Address
from memory_service.web import openapi
from memory_service.web.problems import STATUS_OF
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES
from memory_service.web.server import Listener, bind, url_of
from schemathesis.generation import GenerationMode

from tests.memory_service.fuzz import budget
from tests.memory_service.web.harness import Valkey, build, entry

OPTIONS = {
    "workingMemory": {"enabled": True, "schema": {"type": "object"}},
    "semanticRecall": {"filterable": [{"key": "topic", "type": "keyword"}]},
    "ttl": {"after": "1h", "refresh": "read"},
}
EXAMPLES = 2 + budget.EXAMPLES // 20
"""Requests of each kind a route, as another tool reads the document; tests/memory_service/fuzz asks more, and looks
at what is stored."""


@contextmanager
def running(url: str) -> Iterator[str]:
    """The service in a thread of its own; its URL."""
    started, address = threading.Event(), [""]
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        api, bound, stop = build(url, [entry(options=OPTIONS)]), bind(Address("127.0.0.1", 0)), asyncio.Event()
        address[0] = url_of(bound)
        loops.append((asyncio.get_running_loop(), stop))
        started.set()
        await Listener(api.app, bound).run_until(stop)
        await api.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(5)
    try:
        yield address[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@schemathesis.serializer("application/x-ndjson")
def lines(_: object, value: Any) -> bytes:
    """Bodies of lines: the first one."""
    return msgspec.json.encode(value)


@pytest.fixture(scope="module")
def url(valkey: Valkey) -> Iterator[str]:
    with running(valkey.url) as address:
        yield address


KINDS = list(itertools.product(ROUTES, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))


@pytest.mark.slow
@pytest.mark.parametrize(("route", "mode"), KINDS, ids=[f"{row.method} {row.path} {mode.value}" for row, mode in KINDS])
def test_no_request_breaks_the_service(url: str, route: Route, mode: GenerationMode) -> None:
    requests = _described(mode)[f"/v1{route.path}"][route.method].as_strategy(generation_mode=mode)
    answered: list[int] = []

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=requests)
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=url, timeout=10)
        answered.append(answer.status_code)
        if answer.status_code >= 400 and case.method != "HEAD" and route.operation != "health":
            assert STATUS_OF[answer.json()["code"]] == answer.status_code, answer.text
        away = answer.status_code in (503, 504)  # no vector store and no worker run behind this service
        assert answer.status_code < 500 or (away and (route.searches or route.operation == "audit")), answer.text

    ask()
    assert mode is GenerationMode.NEGATIVE or route.operation == "audit" or any(status < 500 for status in answered)


@cache
def _described(mode: GenerationMode) -> Any:
    """The document; requests are to what exists, so that they get beyond its look-up. Paths have tests of their own."""
    document = openapi.document()
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for parameter in operation["parameters"]:
            if parameter["name"] == "memory":
                parameter["schema"] = {"const": "support"}
            if parameter["name"] == "thread" and mode is GenerationMode.NEGATIVE:
                parameter["schema"] = {"const": "t"}
    return schemathesis.openapi.from_dict(document)
