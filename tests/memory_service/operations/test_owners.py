"""Erasing an owner where vectors are: with a worker and a vector store, without them, and with dead letters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from memory_service.adapters.vectors.index import QdrantIndex
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.model.mutations import Configure
from memory_service.model.outbox import DeadLetter
from memory_service.model.values import PARTITIONS, Settings
from memory_service.operations import owners

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig, said


async def give(rig: Rig, thread: str, owner: str, *texts: str) -> list[str]:
    await rig.memory.store.mutate(Configure(thread, Settings(owner=owner), "merge"))
    return (await rig.say(thread, *texts)).ids


async def test_vectors_go_too_are_counted_and_looked_for_again(rig: Rig) -> None:
    async with rig.working():
        await give(rig, "a", "ada", "A flight to Lisbon", "A hotel in Porto")
        await give(rig, "b", "bob", "A flight to Madrid")
        await rig.indexed()
        receipt = await owners.erase(rig.memory, "ada")
        assert (receipt.removed.threads, receipt.removed.messages, receipt.removed.vectors) == (1, 2, 2)
        assert (receipt.remaining, receipt.verified) == (owners.Counts(), True)
        assert await rig.memory.index.count() == 1
        assert said(await rig.ask("Where do I fly?")) == ["A flight to Madrid"]


async def test_without_a_worker_nothing_is_recalled_and_the_receipt_says_what_is_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig.working():
        await give(rig, "a", "ada", "A flight to Lisbon")
        await rig.indexed()
    monkeypatch.setattr(owners, "SETTLE_MS", 50)
    receipt = await owners.erase(rig.memory, "ada")
    assert (receipt.removed.threads, receipt.remaining.vectors, receipt.verified) == (1, 1, False)
    assert said(await rig.ask("Where do I fly?", strong=False)) == []
    async with rig.working():
        await rig.indexed()
        again = await owners.erase(rig.memory, "ada")
    assert (again.remaining.vectors, again.verified) == (0, True)


async def test_without_a_vector_store_history_goes_and_the_receipt_is_not_verified(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "SETTLE_MS", 50)
    away = VectorStore("http://127.0.0.1:9", lambda: None)
    memory = replace(rig.memory, index=QdrantIndex(away, TENANT, rig.subject.id))
    await give(rig, "a", "ada", "A flight to Lisbon")
    receipt = await owners.erase(memory, "ada")
    assert (receipt.removed.messages, receipt.verified) == (1, False)
    assert not (await memory.store.facts("a")).exists
    await away.close()


async def test_dead_letters_of_the_owner_go_and_those_of_others_stay(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "SETTLE_MS", 50)
    outbox = rig.memory.outbox
    (hers,) = await give(rig, "a", "ada", "poison")
    (his,) = await give(rig, "b", "bob", "poison")
    letters = [DeadLetter("", thread, message, "why", 1, 1) for thread, message in (("a", hers), ("b", his))]
    for partition in range(PARTITIONS):
        if entries := await outbox.pending(partition, most=100):
            assert await outbox.lease(partition, "me", ttl_ms=5_000)
            assert await outbox.acknowledge(partition, "me", entries[-1].id, letters)
            letters = []
    await owners.erase(rig.memory, "ada")
    left, _ = await outbox.dead(cursor=None, limit=10)
    assert [letter.message_id for letter in left] == [his]
