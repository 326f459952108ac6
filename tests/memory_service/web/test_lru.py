"""The flush that takes what was read least recently, in a memory that keeps times of access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.memory_service.web.harness import Api, problem

LRU = {"flushing": {"type": "lru", "maxMessages": 8}}
Read = Callable[[Api, list[str]], Awaitable[object]]


async def said(api: Api, *contents: str) -> list[str]:
    """Messages that were said long ago, a second apart; their ids."""
    messages = [
        {"content": content, "timestamp": f"2026-01-01T00:00:{number:02d}Z"} for number, content in enumerate(contents)
    ]
    answer = await api.ask("POST", "threads/t/messages", {"messages": messages})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["ids"])


async def used(api: Api) -> list[int]:
    """Which messages have a time of access."""
    return sorted(await api.service.registry.get("support").store.last_used("t"))


@pytest.mark.parametrize("api", [LRU], indirect=True)
async def test_what_was_read_stays_and_what_was_not_leaves_oldest_first(api: Api) -> None:
    ids = await said(api, *"abcdef")
    for message in ids[:2]:
        await api.ask("GET", f"threads/t/messages/{message}")
    appended = await api.append("t", "g")

    assert appended["flushed"]["actual_strategy"] == "lru"
    assert await api.contents("t") == ["a", "b", "f", "g"]


@pytest.mark.parametrize("api", [LRU], indirect=True)
async def test_a_flush_that_is_asked_for_may_take_the_least_recently_used(api: Api) -> None:
    ids = await said(api, *"abcd")
    await api.ask("GET", f"threads/t/messages/{ids[0]}")
    wish = {"strategy": "lru", "threshold": 0.1, "target": 0.25}
    dry = (await api.ask("POST", "threads/t/flush", wish | {"dry_run": True})).json()
    done = (await api.ask("POST", "threads/t/flush", wish)).json()

    assert (dry["removed"], done["removed"], done["actual_strategy"]) == (2, 2, "lru")
    assert await api.contents("t") == ["a", "d"]


async def _page(api: Api, ids: list[str]) -> object:
    return await api.ask("GET", "threads/t/messages", params={"last": 2})


async def _one(api: Api, ids: list[str]) -> object:
    return await api.ask("GET", f"threads/t/messages/{ids[2]}")


async def _context(api: Api, ids: list[str]) -> object:
    return await api.ask("GET", "threads/t/context", params={"limit": 1})


async def _recall(api: Api, ids: list[str]) -> object:
    question = {"query": "elder", "scope": "thread", "thread": "t", "neighbours": 1}
    return await api.ask("POST", "recall", question)


async def _history(api: Api, ids: list[str]) -> object:
    return await api.ask("POST", "actions", {"operation": "READ_HISTORY", "conversationId": "t", "limit": 1})


async def _look(api: Api, ids: list[str]) -> object:
    await api.ask("GET", "threads/t")
    await api.ask("POST", "operations", {"operation": "health", "memory_ref": "support", "key": "t"})
    return await api.ask("POST", "threads/t/flush", {"dry_run": True, "force": True})


@pytest.mark.parametrize("api", [LRU | {"lastMessages": 3}], indirect=True)
@pytest.mark.parametrize(
    ("read", "noted"),
    [(_page, [4, 5]), (_one, [3]), (_context, [3, 4, 5]), (_recall, [1, 2, 3]), (_history, [5]), (_look, [])],
)
async def test_what_an_answer_holds_was_read(api: Api, read: Read, noted: list[int]) -> None:
    ids = await said(api, "ash", "elder", "fir", "oak", "yew")
    await read(api, ids)

    assert await used(api) == noted


@pytest.mark.parametrize("api", [{"flushing": {"type": "simple_fifo", "maxMessages": 8}}], indirect=True)
async def test_other_memories_keep_no_times_and_say_what_to_do(api: Api) -> None:
    ids = await said(api, *"abcd")
    await _one(api, ids)
    refused = await api.ask("POST", "threads/t/flush", {"strategy": "lru"})

    assert await used(api) == []
    assert "options.flushing.type" in problem(refused, 400, "invalid_field")["detail"]
    assert (await api.ask("POST", "threads/t/flush", {"force": True})).json()["actual_strategy"] == "simple_fifo"
