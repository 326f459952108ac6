"""Idempotency keys on requests that take several steps: erasing an owner, replaying dead letters, auditing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from memory_service.errors import StorageUnavailable
from memory_service.model.values import IdempotencyKey
from memory_service.operations.once import once

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

OFF = {"semanticRecall": {"enabled": False}, "workingMemory": {"enabled": True, "scope": "owner"}}
KEY = {"Idempotency-Key": "k"}


async def give(api: Api, owner: str, thread: str) -> None:
    await api.ask("PUT", f"threads/{thread}", {"owner": owner})
    await api.append(thread, f"of {owner}")


@pytest.mark.parametrize("api", [OFF], indirect=True)
async def test_an_erasure_under_a_key_is_done_once_and_its_receipt_repeated(api: Api) -> None:
    await give(api, "ada", "a")
    first = await api.ask("DELETE", "owners/ada", headers=KEY)
    await give(api, "ada", "b")
    again = await api.ask("DELETE", "owners/ada", headers=KEY)

    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert (first.json()["owner"], first.json()["removed"]["threads"]) == ("ada", 1)
    assert "idempotent-replayed" not in first.headers
    assert await api.contents("b") == ["of ada"]
    assert (await api.ask("DELETE", "owners/ada")).json()["removed"]["threads"] == 1


@pytest.mark.parametrize("api", [OFF], indirect=True)
async def test_nothing_of_an_erased_owner_is_kept_for_a_replay(api: Api, valkey: Valkey) -> None:
    await give(api, "ada-lovelace", "a")
    await api.ask("DELETE", "owners/ada-lovelace", headers=KEY)
    with redis.Redis.from_url(valkey.url) as client:
        records = [name for name in client.keys(f"*{api.backends.settings.tenant}/*") if b"}:i:" in name]
        kept = [value for name in records for pair in client.hgetall(name).items() for value in pair]
    assert kept and not any(b"lovelace" in value for value in kept)


async def test_a_replay_of_dead_letters_under_a_key_is_done_once(api: Api) -> None:
    first = await api.ask("POST", "outbox/dead/replay", {}, headers=KEY)
    again = await api.ask("POST", "outbox/dead/replay", {}, headers=KEY)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    other = await api.ask("POST", "outbox/dead/replay", {"ids": ["1-1"]}, headers=KEY)
    problem(other, 422, "idempotency_mismatch")


async def test_what_failed_may_be_tried_again_under_the_same_key(api: Api) -> None:
    for _ in range(2):
        document = problem(await api.ask("POST", "audit", headers=KEY), 503, "embedder_unavailable")
        assert document["retryable"]


@pytest.mark.parametrize("api", [OFF], indirect=True)
async def test_a_refusal_of_the_definition_is_not_kept(api: Api) -> None:
    problem(await api.ask("POST", "audit", headers=KEY), 409, "recall_disabled")
    api.declared.entries[0] = entry(generation=2)
    api.declared.version += 1
    api.service.registry.refresh()
    problem(await api.ask("POST", "audit", headers=KEY), 503, "embedder_unavailable")


@asynccontextmanager
async def silent_worker(path: Path) -> AsyncIterator[asyncio.Event]:
    """A worker that takes questions and never answers; the event says that it was asked."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(hear, path)
    try:
        yield asked
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_a_twin_is_busy_while_the_first_works_and_after_it_died(valkey: Valkey, tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    one = build(valkey.url, [entry()], socket=str(path))
    two = build(valkey.url, [entry()], tenant=one.backends.settings.tenant)
    async with silent_worker(path) as asked:
        working = asyncio.create_task(one.ask("POST", "audit", headers=KEY))
        await asyncio.wait_for(asked.wait(), 5)
        twin = problem(await two.ask("POST", "audit", headers=KEY), 409, "busy")
        assert twin["retryable"]
        await one.backends.close()  # as a process dies: nothing of it reaches Redis any more
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        problem(await two.ask("POST", "audit", headers=KEY), 409, "busy")
    await one.close()
    await two.close()


async def test_what_cannot_be_kept_is_not_told_as_done(tmp_path: Path) -> None:
    """Else a repetition, which has nothing to repeat, would do the work again behind the caller's back."""
    own = Valkey(tmp_path)
    own.start()
    api = build(own.url, [entry(options=OFF)])
    memory = api.service.registry.get("support")

    async def work() -> int:
        own.stop()
        return 1

    with pytest.raises(StorageUnavailable) as told:
        await once(memory, IdempotencyKey(b"digest", b"body"), int, work)
    assert told.value.outcome_unknown
    await api.close()
