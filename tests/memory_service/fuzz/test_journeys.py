"""After any requests, good ones and broken ones, the memory agrees with itself: counters, lists, contents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.web import openapi
from memory_service.web.routes import ROUTES

from tests.memory_service.fuzz.asking import MEMORIES, Asker
from tests.memory_service.fuzz.budget import run
from tests.memory_service.fuzz.judging import Judge
from tests.memory_service.fuzz.world import World

SLOW = {"audit", "health", "recall", "context"}
"""Operations that ask for what is away here; test_routes has them."""


@pytest.mark.timeout(0)
def test_whatever_was_asked_counters_lists_and_contents_agree(the_world: World) -> None:
    asker, judge = Asker(openapi.document(), the_world.known), Judge.of(openapi.document())
    kept = [route for route in ROUTES if route.operation not in SLOW]
    changes = [route for route in kept if route.method != "GET"]
    requests = st.sampled_from([*changes, *kept]).flatmap(asker.requests)

    @run(25)
    @given(st.lists(requests, min_size=2, max_size=8))
    def travel(journey: list[Any]) -> None:
        before = the_world.seeded
        try:
            for request in journey:
                answer = the_world.ask(request)
                after = the_world.look()
                judge.answer(request, answer, before, after)
                before = after
            for memory in {request.memory for request in journey}.intersection(MEMORIES):
                agree(the_world, memory)
        finally:
            the_world.put_back()

    travel()


def agree(world: World, memory: str) -> None:
    """Fail the test unless what a memory says of itself agrees with what it holds."""
    base = f"/v1/memories/{memory}"
    threads = asked(world, f"{base}/threads?limit=1000")["items"]
    stats = asked(world, f"{base}/stats")
    assert stats["threads"] == len(threads)
    for name in ("messages", "tokens", "bytes"):
        assert stats[name] == sum(thread[name] for thread in threads), name
    assert stats["without_ttl"] == sum(thread["expires_at"] is None for thread in threads)
    for thread in threads:
        page = asked(world, f"{base}/threads/{thread['thread']}/messages?limit=1000")
        if page["next_cursor"] is None:
            assert (len(page["messages"]), page["total"]) == (thread["messages"], thread["messages"])
            assert sum(message["tokens"] for message in page["messages"]) == thread["tokens"]
            assert len({message["id"] for message in page["messages"]}) == thread["messages"]
        assert page["version"] == thread["version"]
    owners = {each["owner"]: each["threads"] for each in asked(world, f"{base}/owners?limit=1000")["items"]}
    for owner in {thread["owner"] for thread in threads} - {None}:
        assert owners[owner] == sum(thread["owner"] == owner for thread in threads)


def asked(world: World, path: str) -> Any:
    """The answer to a GET."""
    answer = world.runner.run(world.api.ask("GET", path))
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)
