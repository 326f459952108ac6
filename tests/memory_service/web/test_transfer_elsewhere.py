"""An import into a memory whose rules are others: its limits, its flushes, its pins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from memory_service.operations import importing, moments
from memory_service.web import openapi
from memory_service.web.routes import ROUTES

from tests.memory_service.web.harness import Api, Valkey, build, entry
from tests.memory_service.web.test_transfer import everything, exported, imported, read, refused


@pytest.fixture
async def other(valkey: Valkey) -> AsyncIterator[Api]:
    """Another tenant's memory of the same name."""
    built = build(valkey.url, [entry()])
    yield built
    await built.close()


@pytest.mark.parametrize("api", [{"flushing": {"type": "simple_fifo", "maxMessages": 10}}], indirect=True)
async def test_every_flush_that_an_import_makes_due_is_counted(api: Api, other: Api) -> None:
    for thread in ("a", "b", "c"):
        await other.append(thread, *(f"m{number}" for number in range(9)))
    await imported(api, await exported(other))

    pages = (await api.management.get("/metrics")).text
    assert 'memory_evicted_messages_total{memory="support",strategy="simple_fifo"} 12.0' in pages


@pytest.mark.parametrize(
    ("api", "status", "code"),
    [
        ({"window": {"tokens": 2}}, 413, "token_limit"),
        ({"limits": {"metadataKeys": 1}}, 400, "invalid_message"),
        ({"limits": {"messageBytes": 1024}}, 413, "message_too_large"),
    ],
    indirect=["api"],
)
async def test_a_memory_with_other_limits_refuses_by_a_declared_code(
    api: Api, other: Api, status: int, code: str
) -> None:
    large = {"content": "one two three four " * 80, "metadata": {"a": 1, "b": 2}}
    await other.ask("POST", "threads/t/messages", large)
    await refused(api, await exported(other), status, code)
    (route,) = (route for route in ROUTES if route.operation == "import")
    assert code in openapi.codes(route)
    assert (await api.facts("t"))["exists"] is False


@pytest.mark.parametrize("part", [1, importing.PART_MESSAGES], ids=["in parts", "in one go"])
async def test_what_a_pin_keeps_comes_in_with_its_thread_and_goes_when_that_is_unpinned(
    api: Api, other: Api, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(importing, "PART_MESSAGES", part)
    soon = {"content": "kept", "expires_at": moments.render(time.time_ns() // 1_000_000 + 100)}
    await api.ask("POST", "threads/t/messages", {"messages": [soon, {"content": "stays"}]})
    await api.ask("PUT", "threads/t", {"pinned": True})
    await asyncio.sleep(0.15)

    report = await imported(other, await exported(api))

    assert (report["messages"]["imported"], report["messages"]["expired"]) == (2, 0)
    assert await everything(other) == await everything(api)
    await other.ask("PATCH", "threads/t", {"pinned": False})
    assert (await other.facts("t"))["messages"] == 1


@pytest.mark.parametrize("api", [{"workingMemory": {"enabled": True, "template": "<u/>"}}], indirect=True)
@pytest.mark.parametrize("text", ["<u>Ada</u>", "7", '"Ada"', "[]", "null"])
async def test_text_of_before_a_schema_is_exported_as_the_text_that_is_read(api: Api, text: str) -> None:
    await api.ask("PUT", "threads/t/working-memory", {"content": text})
    api.declared.entries[0] = entry(options={"workingMemory": {"enabled": True, "schema": {}}}, generation=2)
    api.declared.version += 1
    api.service.registry.refresh()

    assert (await api.ask("GET", "threads/t/working-memory")).json()["content"] == text
    (line,) = (line for line in read(await exported(api)) if line["type"] == "working_memory")
    assert (line["content"], line["format"]) == (text, "template")
