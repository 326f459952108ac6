"""Erasing a deleted memory: removed, counted, read again, and answered for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memory_service.parts import API_KEY, vectors_server
from tests.memory_service.web.harness import Api, Valkey, build, entry


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A real Valkey."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A real vector store: its address and the folder with its key."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "qdrant-api-key").write_text(API_KEY)
    with vectors_server(tmp_path / "storage") as server:
        yield {"qdrant": server.url, "credentials": str(credentials)}


async def settled(api: Api) -> dict[str, object]:
    """The report of the erased memory, once it is verified."""
    async with asyncio.timeout(10):
        while True:
            report = api.service.monitor.loaded("pod")["memories"]["uid-support"]
            if report.get("erased", {}).get("verified"):
                return dict(report)
            await asyncio.sleep(0.02)


async def test_a_memory_to_erase_is_emptied_and_the_receipt_counts_what_went(
    valkey: Valkey, vectors: dict[str, str]
) -> None:
    api = build(valkey.url, [entry(), entry("other")], **vectors)
    for thread in ("a", "b"):
        await api.append(thread, "one", "two")
    await api.ask("POST", "/v1/memories/other/threads/a/messages", {"content": "stays"})
    api.declared.entries[0] = entry(state="erase", generation=2)
    api.declared.version += 1
    api.service.registry.refresh()
    report = await settled(api)
    assert report["state"] == "erase"
    erased = report["erased"]
    assert isinstance(erased, dict)
    assert {name: erased["removed"][name] for name in ("threads", "messages")} == {"threads": 2, "messages": 4}
    assert not any(erased["remaining"].values())
    assert (await api.ask("GET", "/v1/memories/other/stats")).json()["messages"] == 1
    api.declared.entries[0] = entry()
    api.declared.version += 1
    api.service.registry.refresh()
    assert (await api.ask("GET", "stats")).json()["threads"] == 0
    await api.close()


async def test_an_erasure_waits_for_a_store_that_is_away(valkey: Valkey) -> None:
    api = build(valkey.url, [entry()])
    await api.append("a", "one")
    api.declared.entries, api.declared.version = [entry(state="erase", generation=2)], 1
    api.service.registry.refresh()
    await asyncio.sleep(0.2)
    report = api.service.monitor.loaded("pod")["memories"]["uid-support"]
    assert not report.get("erased", {}).get("verified", False)
    await api.close()
