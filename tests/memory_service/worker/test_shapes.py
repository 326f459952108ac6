"""A memory whose vectors change shape: another embedder, other dimensions, other declared filters."""

import asyncio
from collections.abc import Sequence

import numpy as np
from memory_service.adapters.vectors.versions import Versions
from memory_service.model.mutations import Delete
from memory_service.model.search import FieldFilter
from memory_service.worker.embedding import Embedders
from memory_service.worker.keeper import Keeper

from tests.contracts.store.servers import TENANT
from tests.memory_service.conftest import MakeRig
from tests.memory_service.rig import Rig, eventually, said


class Letters:
    """An embedder of eight dimensions that counts letters; `pause` holds it up."""

    name = "letters"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> np.ndarray:
        if not urgent:
            await self.open.wait()
        counts = [[0.1 + text.lower().count(letter) for letter in "aeioutns"] for text in texts]
        vectors = np.array(counts, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def survey(rig: Rig):
    return await Versions(rig.vector_store, TENANT, rig.subject.id).survey()


async def serves(rig: Rig, version: int) -> bool:
    found = await survey(rig)
    return found.serving is not None and found.serving.version == version and not found.filling


async def test_newly_declared_filters_hold_for_old_messages_too(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "Refund by mail", metadata={"channel": "mail"})
        await rig.say("t", "Refund by phone", metadata={"channel": "phone"})
        await rig.indexed()
    rig = rig.redefined(filterable=[{"key": "channel", "type": "keyword"}])
    async with rig.working():
        await eventually(lambda: serves(rig, 2))
        answer = await rig.ask("refund", filters=(FieldFilter("channel", True, ("mail",)),))
    assert said(answer) == ["Refund by mail"]
    assert await rig.memory.index.count() == 2


async def test_another_embedder_searches_by_words_until_all_is_embedded_anew(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "A flight to Lisbon", "Bananas are yellow")
        await rig.say("gone", "A train to Lisbon")
        await rig.indexed()
    letters = Letters()
    letters.open.clear()
    rig = rig.redefined(embedder=letters, dimensions=8)
    async with rig.working():

        async def filling() -> bool:
            return bool((await survey(rig)).filling)

        await eventually(filling)
        await rig.memory.store.mutate(Delete("gone"))
        await rig.say("t", "Lisbon in spring")

        async def by_words() -> bool:
            answer = await rig.ask("Lisbon", strong=False)
            degraded = (answer.mode, answer.reason) == ("keyword", "Reindexing")
            return degraded and set(said(answer)) >= {"A flight to Lisbon"}

        await eventually(by_words)
        assert rig.subject.board.reindexing
        letters.open.set()
        await eventually(lambda: serves(rig, 2))
        answer = await rig.ask("Lisbon")
    assert not answer.degraded
    assert set(said(answer)) >= {"A flight to Lisbon", "Lisbon in spring"}
    assert await rig.memory.index.count() == 3


async def test_a_worker_that_dies_while_filling_is_followed_by_one_that_goes_on(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "A flight to Lisbon")
        await rig.indexed()
    letters = Letters()
    letters.open.clear()
    rig = rig.redefined(embedder=letters, dimensions=8)
    async with rig.working():

        async def filling() -> bool:
            return bool((await survey(rig)).filling)

        await eventually(filling)
    letters.open.set()
    async with rig.working():
        await eventually(lambda: serves(rig, 2))
    assert await rig.memory.index.count() == 1


async def test_a_change_taken_back_leaves_the_old_collection_and_nothing_else(rig: Rig) -> None:
    async with rig.working():
        await rig.say("t", "A flight to Lisbon")
        await rig.indexed()
    letters = Letters()
    letters.open.clear()
    changed = rig.redefined(embedder=letters, dimensions=8)
    await Keeper(changed.subject).targets()
    assert (await survey(rig)).filling
    async with rig.working():
        await eventually(lambda: serves(rig, 1))
        assert said(await rig.ask("Lisbon")) == ["A flight to Lisbon"]


async def test_recall_switched_off_drops_the_vectors_and_on_again_makes_them_anew(make_rig: MakeRig) -> None:
    rig = make_rig()
    async with rig.working():
        await rig.say("t", "A flight to Lisbon")
        await rig.indexed()
    off = rig.redefined(enabled=False)
    async with off.working():
        await rig.say("t", "A train to Porto")
        await rig.indexed()

        async def nothing_left() -> bool:
            return (await survey(rig)).serving is None

        await eventually(nothing_left)
    async with rig.working():

        async def everything() -> bool:
            return (await survey(rig)).serving is not None and await rig.memory.index.count() == 2

        await eventually(everything)
        assert set(said(await rig.ask("train or flight"))) == {"A flight to Lisbon", "A train to Porto"}


async def test_a_memory_without_embedder_is_searched_by_words(make_rig: MakeRig) -> None:
    rig = make_rig()
    subject = rig.subject
    bare = subject.spec.__class__.parse(
        {"id": subject.id, "storage": {"use": "redis"}, "vector": {"use": "qdrant", "dimensions": 8}}
    )
    rig = rig.redefined(dimensions=8)
    object.__setattr__(rig.subject, "spec", bare)
    object.__setattr__(rig.subject, "embedder", Embedders(None, None, {}, subject.metrics).of(bare))  # type: ignore
    async with rig.working():
        await rig.say("t", "A flight to Lisbon")
        await rig.indexed()
        answer = await rig.ask("Lisbon flight")
    assert said(answer) == ["A flight to Lisbon"]
    assert (answer.mode, answer.degraded, answer.reason) == ("keyword", True, "NoEmbedder")
