"""Expiry as callers see it: what keeps a thread alive, and what a scrape says about all of them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem

READ = {"ttl": {"after": "1h", "refresh": "read"}, "workingMemory": {"enabled": True}}
MINUTE = {"ttl": "1m", "mode": "set"}
TASK = {"type": "memory", "memory_ref": "support", "key": "t"}
MESSAGES = "threads/t/messages"

USES: dict[str, tuple[str, str, Any]] = {
    "the newest messages": ("GET", f"{MESSAGES}?last=5", None),
    "a page": ("GET", f"{MESSAGES}?limit=1", None),
    "a filtered page": ("GET", f"{MESSAGES}?role=tool", None),
    "one message": ("GET", MESSAGES + "/{id}", None),
    "context": ("GET", "threads/t/context", None),
    "context for a question": ("POST", "threads/t/context", {"query": "what?"}),
    "working memory": ("GET", "threads/t/working-memory", None),
    "the operation read": ("POST", "operations", TASK | {"operation": "read"}),
    "the action READ_HISTORY": ("POST", "actions", {"operation": "READ_HISTORY", "conversationId": "t"}),
}
LOOKS: dict[str, tuple[str, str, Any]] = {
    "facts": ("GET", "threads/t", None),
    "a list": ("GET", "threads", None),
    "statistics": ("GET", "stats?group_by=role", None),
    "the operation stats": ("POST", "operations", TASK | {"operation": "stats"}),
    "the operation health": ("POST", "operations", TASK | {"operation": "health"}),
    "a dry run": ("POST", f"{MESSAGES}?dry_run=true", {"role": "user", "content": "b"}),
}


async def scraped(api: Api) -> dict[str, float]:
    """The memory's series by name and remaining label, from a scrape after a look."""
    await api.service.monitor.look()
    text = (await api.management.get("/metrics")).text
    found = re.findall(r'^(\w+)\{([^}]*)memory="support"([^}]*)\} (\S+)$', text, re.MULTILINE)
    return {name + (before + after).strip(","): float(value) for name, before, after, value in found}


async def soon(api: Api) -> str:
    """A thread `t` that expires in a minute, though a use gives it an hour; the id of its message."""
    (message,) = (await api.append("t", "a"))["ids"]
    await api.ask("PUT", "threads/t/working-memory", {"content": "notes"})
    answer = await api.ask("POST", "threads/t/ttl", MINUTE)
    assert answer.status_code == 200, answer.text
    return str(message)


@pytest.mark.parametrize("api", [READ], indirect=True)
@pytest.mark.parametrize("use", USES)
async def test_a_read_of_its_content_keeps_a_thread_alive_once_a_grain_and_is_counted(api: Api, use: str) -> None:
    message = await soon(api)
    before, counted = await api.facts("t"), (await scraped(api)).get("memory_ttl_refreshes_total", 0)
    method, path, body = USES[use]

    for _ in range(3):
        answer = await api.ask(method, path.replace("{id}", message), body)
        assert answer.status_code == 200, answer.text

    after = await api.facts("t")
    assert before["ttl_seconds"] <= 61 < 3_590 <= after["ttl_seconds"]
    assert after["version"] == before["version"]
    assert (await scraped(api))["memory_ttl_refreshes_total"] == counted + 1


@pytest.mark.parametrize("api", [READ], indirect=True)
@pytest.mark.parametrize("look", LOOKS)
async def test_a_look_at_a_thread_leaves_its_expiry(api: Api, look: str) -> None:
    await soon(api)
    before = await api.facts("t")
    method, path, body = LOOKS[look]

    answer = await api.ask(method, path, body)

    assert answer.status_code == 200, answer.text
    assert (await api.facts("t"))["expires_at"] == before["expires_at"]


@pytest.mark.parametrize("api", [{"ttl": {"after": "1h"}}, {"ttl": {"after": "1h", "refresh": "never"}}], indirect=True)
async def test_where_reads_refresh_nothing_no_read_moves_an_expiry(api: Api) -> None:
    await api.append("t", "a")
    await api.ask("POST", "threads/t/ttl", MINUTE)
    before = await api.facts("t")

    await api.contents("t")

    assert (await api.facts("t"))["expires_at"] == before["expires_at"]


@pytest.mark.parametrize("api", [{"ttl": {"after": "1h"}, "workingMemory": {"enabled": True}}], indirect=True)
async def test_every_write_that_moves_an_expiry_is_counted_once(api: Api) -> None:
    await api.append("t", "a")
    writes = [
        ("POST", MESSAGES, {"role": "user", "content": "b"}),
        ("PUT", MESSAGES, {"messages": [{"role": "user", "content": "c"}]}),
        ("POST", "messages", {"items": [{"thread": "t", "messages": [{"role": "user", "content": "d"}]}]}),
        ("POST", "operations", TASK | {"operation": "append", "payload": "e"}),
        ("POST", "actions", {"operation": "STORE_MESSAGE", "conversationId": "t", "role": "user", "content": "f"}),
        ("PUT", "threads/t/working-memory", {"content": "notes"}),
        ("DELETE", "threads/t/working-memory", None),
        ("DELETE", MESSAGES, None),
    ]
    for method, path, body in writes:
        await api.ask("POST", "threads/t/ttl", MINUTE)
        answer = await api.ask(method, path, body)
        assert answer.status_code == 200, answer.text
        assert (await api.facts("t"))["ttl_seconds"] > 3_500, path

    assert (await scraped(api))["memory_ttl_refreshes_total"] == len(writes)


async def test_a_scrape_says_when_the_threads_of_a_memory_expire(api: Api) -> None:
    for thread, ttl in (("a", "30m"), ("b", "5h"), ("c", "6d"), ("d", "30d"), ("e", 0), ("f", "30m")):
        await api.append(thread, "x", "y")
        await api.ask("PATCH", f"threads/{thread}", {"ttl": ttl})
    await api.ask("POST", "threads/f/ttl", {"pinned": True})
    await api.append("g", "x")
    await api.ask("POST", "threads/g/ttl", {"ttl": "1ms", "mode": "set"})
    while (await api.facts("g"))["exists"]:
        await asyncio.sleep(0.01)

    shown = await scraped(api)

    within = {each: shown[f'memory_threads_expiringwithin="{each}"'] for each in ("1h", "24h", "7d")}
    assert within == {"1h": 1, "24h": 2, "7d": 3}
    assert shown["memory_threads"] == 6
    assert (shown["memory_threads_without_ttl"], shown["memory_threads_pinned"]) == (2, 1)
    stats = (await api.ask("GET", "stats")).json()
    assert (stats["expiring"], stats["without_ttl"]) == (within, 2)


@pytest.mark.parametrize("api", [{"ttl": {"after": "1h", "required": True}}], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "threads/t/ttl", {"ttl": 0, "mode": "set"}), ("PATCH", "threads/t", {"ttl": None}),
     ("PUT", "threads/t", {"ttl": 0})],
)  # fmt: skip
async def test_where_an_expiry_is_required_none_is_refused_with_the_reason(
    api: Api, method: str, path: str, body: Any
) -> None:
    await api.append("t", "a")
    before = await api.facts("t")

    document = problem(await api.ask(method, path, body), 400, "invalid_ttl")

    assert document["errors"][0]["path"] == "/ttl"
    assert "options.ttl.required" in document["detail"]
    assert await api.facts("t") == before | {"ttl_seconds": (await api.facts("t"))["ttl_seconds"]}


@pytest.mark.parametrize("api", [{"ttl": {"maxAge": "1h", "required": True}}], indirect=True)
async def test_a_maximum_age_is_an_expiry_for_every_thread(api: Api) -> None:
    await api.append("t", "a")

    answer = await api.ask("POST", "threads/t/ttl", {"ttl": 0, "mode": "set"})

    assert (answer.status_code, answer.json()["changed"]) == (200, False)
    assert (await api.facts("t"))["ttl_seconds"] <= 3_600
