"""Whatever comes in at any route: no 5xx, nothing half-written, every fault with a path that leads to it, and every
answer as the published document describes it.

Requests are made from the table of routes, so a new route is fuzzed by being there. `MEMORY_FUZZ=10000 pytest
tests/memory_service/fuzz` asks each route ten thousand times, each run with other requests.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.web import openapi
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES

from tests.memory_service.fuzz.asking import Asker
from tests.memory_service.fuzz.budget import run
from tests.memory_service.fuzz.judging import Judge
from tests.memory_service.fuzz.world import World

JUDGE = Judge.of(openapi.document())


@pytest.fixture(scope="module")
def asker(the_world: World) -> Asker:
    """Knows what the world holds."""
    return Asker(openapi.document(), the_world.known)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_whatever_is_asked_the_answer_is_documented_and_a_refusal_writes_nothing(
    the_world: World, asker: Asker, route: Route
) -> None:
    requests = asker.requests(route)

    @run(12)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        request = data.draw(requests)
        answer = the_world.ask(request)
        after = the_world.look()
        if after != the_world.seeded:
            the_world.put_back()
        JUDGE.answer(request, answer, the_world.seeded, after)

    ask()
