"""options.window over HTTP: what a declared window does on every way in, and what answers say about it."""

from __future__ import annotations

import pytest

from tests.memory_service.web.harness import Api, problem

BY_MESSAGES = {"window": {"messages": 2}}
BY_TOKENS = {"window": {"tokens": 4}}


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_declared_window_holds_on_every_way_in(api: Api) -> None:
    appended = await api.append("t", "a", "b", "c")
    task = {"operation": "append", "key": "t", "payload": "d"}
    keyed = (await api.ask("POST", "operations", task)).json()["output"]
    action = {"operation": "STORE_MESSAGE", "conversationId": "t", "role": "user", "content": "e"}
    stored = (await api.ask("POST", "actions", action)).json()
    bulk = {"items": [{"thread": "t", "messages": [{"content": "f"}, {"content": "g"}, {"content": "h"}]}]}
    result = (await api.ask("POST", "messages", bulk)).json()["results"][0]

    assert (appended["evicted"], keyed["evicted"], stored["total"], result["evicted"]) == (1, 1, 2, 3)
    written = (await api.ask("PUT", "threads/t/messages", {"messages": [{"content": text} for text in "xyz"]})).json()
    assert (written["evicted"], await api.contents("t")) == (1, ["y", "z"])


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_facts_say_the_window_that_applies(api: Api) -> None:
    await api.append("t", "a")
    assert (await api.facts("t"))["max_messages"] == 2
    await api.ask("PATCH", "threads/t", {"max_messages": 5})
    assert (await api.facts("t"))["max_messages"] == 5
    await api.ask("PATCH", "threads/t", {"max_messages": None})
    assert (await api.facts("t"))["max_messages"] == 2


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_conversation_has_the_memory_s_window_by_default(api: Api) -> None:
    create = {"operation": "CREATE_CONVERSATION", "conversationId": "t"}
    same = await api.ask("POST", "actions", create)
    again = await api.ask("POST", "actions", create | {"maxMessages": 2})
    other = await api.ask("POST", "actions", create | {"maxMessages": 3})

    assert (same.status_code, again.status_code) == (200, 200)
    problem(other, 409, "settings_conflict")


@pytest.mark.parametrize("api", [BY_TOKENS], indirect=True)
async def test_a_message_larger_than_the_window_of_tokens_names_the_limit(api: Api) -> None:
    refused = problem(await api.ask("POST", "threads/t/messages", {"content": "x" * 100}), 413, "token_limit")

    assert "options.window.tokens" in refused["detail"] and " 4 " in refused["detail"]
    assert (await api.facts("t"))["exists"] is False


@pytest.mark.parametrize("api", [BY_TOKENS], indirect=True)
async def test_a_flush_by_tokens_goes_by_the_window(api: Api) -> None:
    await api.append("t", "aaaa", "bbbb", "cccc")
    wish = {"strategy": "token_aware_lru"}
    early = (await api.ask("POST", "threads/t/flush", wish)).json()
    await api.append("t", "dddd")
    due = (await api.ask("POST", "threads/t/flush", wish)).json()

    assert (early["would_flush"], due["would_flush"], due["removed"]) == (False, True, 2)
    assert await api.contents("t") == ["cccc", "dddd"]


@pytest.mark.parametrize("api", [BY_TOKENS], indirect=True)
async def test_keyed_reports_say_that_a_window_bounds_the_key(api: Api) -> None:
    await api.append("k", "aaaa")
    stats = (await api.ask("POST", "operations", {"operation": "stats", "key": "k"})).json()["output"]

    assert stats["actual_strategy"] == "window"


@pytest.mark.parametrize(("api", "named"), [(BY_MESSAGES, "estimate"), (BY_TOKENS, "cl100k_base")], indirect=["api"])
async def test_the_counter_in_use_is_named(api: Api, named: str) -> None:
    await api.append("t", "日本語")
    message = (await api.ask("GET", "threads/t/messages")).json()["messages"][0]

    assert (await api.ask("GET", "/v1/memories/support")).json()["token_counter"] == named
    assert message["tokens"] == {"estimate": 2, "cl100k_base": 4}[named]


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_what_a_window_pushes_out_is_counted(api: Api) -> None:
    await api.append("t", "a", "b", "c")
    await api.append("t", "d", params={"dry_run": "true"})

    pages = (await api.management.get("/metrics")).text
    assert 'memory_evicted_messages_total{memory="support",strategy="window"} 1.0' in pages
