"""The outbox loop where embedders fail: nothing is skipped, nothing else is held up for long."""

import asyncio
import contextlib
from collections.abc import Sequence

import numpy as np
from memory_service.errors import EmbedderUnavailable, TextRefused
from memory_service.model.mutations import Delete
from memory_service.worker.indexer import Indexer
from memory_service.worker.keeper import Keeper

from tests.memory_service.conftest import MakeRig
from tests.memory_service.rig import Rig, eventually, said


class Moody:
    """An embedder that refuses texts with a word, or everything, or is away."""

    name = "moody"

    def __init__(self) -> None:
        self.away: EmbedderUnavailable | None = None
        self.poison: tuple[str, ...] = ()
        self.calls = 0

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> np.ndarray:
        self.calls += 1
        if self.away is not None:
            raise self.away
        if any(word in text for text in texts for word in self.poison):
            raise TextRefused("the server answered 400")
        return np.eye(384, dtype=np.float32)[[len(text) % 384 for text in texts]]


async def test_a_text_that_no_embedder_takes_is_set_aside_and_the_rest_goes_on(make_rig: MakeRig) -> None:
    moody = Moody()
    moody.poison = ("poison",)
    rig = make_rig(embedder=moody)
    async with rig.working():
        outcome = await rig.say("t", *(f"text {number}" for number in range(9)), "poison 1", "last")
        await rig.indexed()
        letters, _ = await rig.memory.outbox.dead(cursor=None, limit=10)
        assert [(letter.thread, letter.message_id) for letter in letters] == [("t", outcome.ids[9])]
        assert "400" in letters[0].error
        assert await rig.memory.index.count() == 11
        assert said(await rig.ask("poison", mode="keyword")) == ["poison 1"]


async def test_an_embedder_that_refuses_everything_is_at_fault_and_no_text_is_set_aside(make_rig: MakeRig) -> None:
    moody = Moody()
    moody.poison = ("",)
    rig = make_rig(embedder=moody)
    async with rig.working():
        await rig.say("t", "one", "two")

        async def failed() -> bool:
            return rig.subject.board.index.reason == "ModelFailed"

        await eventually(failed)
        assert await rig.memory.outbox.dead(cursor=None, limit=10) == ([], None)
        moody.poison = ()
        await rig.indexed()
    assert await rig.memory.index.count() == 2


async def test_while_the_embedder_is_away_new_messages_are_found_by_words_and_embedded_later(
    make_rig: MakeRig,
) -> None:
    moody = Moody()
    moody.away = EmbedderUnavailable("create Secret 'openai'", reason="SecretMissing")
    rig = make_rig(embedder=moody)
    async with rig.working():
        await rig.say("t", "A flight to Lisbon")

        async def found() -> bool:
            return said(await rig.ask("Lisbon", strong=False)) == ["A flight to Lisbon"]

        await eventually(found)
        checks = rig.subject.board.checks()
        assert (checks["embedder"].reason, checks["index"].reason) == ("SecretMissing", "SecretMissing")
        moody.away = None
        await rig.indexed()

        async def well() -> bool:
            return {check.status for check in rig.subject.board.checks().values()} == {"ok"}

        await eventually(well)
    assert (await rig.ask("Lisbon", strong=False)).mode == "hybrid"


async def test_a_partition_that_another_worker_holds_is_left_alone_until_it_lets_go(rig: Rig) -> None:
    async with rig.working():
        for partition in range(4):
            await rig.subject.outbox.lease(partition, "another worker", ttl_ms=1_000)
        await rig.say("t", "one")
        await asyncio.sleep(0.5)
        assert not await rig.memory.store.indexed((await rig.memory.store.totals()).pos)
        await rig.indexed()


async def test_a_crash_before_the_acknowledgement_replays_to_the_same_end(rig: Rig) -> None:
    indexer = Indexer(rig.subject, Keeper(rig.subject))
    acknowledge = rig.subject.outbox.acknowledge

    async def lost(*_: object) -> bool:
        raise asyncio.CancelledError

    await rig.say("t", "one", "two")
    await rig.say("u", "three")
    await rig.memory.store.mutate(Delete("u"))
    rig.subject.outbox.acknowledge = lost  # type: ignore[method-assign]
    for _ in range(2):
        for partition in range(4):
            with contextlib.suppress(asyncio.CancelledError):
                await indexer.drain(partition)
    assert await rig.memory.index.count() == 2
    rig.subject.outbox.acknowledge = acknowledge  # type: ignore[method-assign]
    async with rig.working():
        await rig.indexed()
    assert await rig.memory.index.count() == 2
