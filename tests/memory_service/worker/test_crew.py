"""Which memories are at work, as definitions come, change and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from memory_crd.definitions import Entry, Loaded, digest, of_memory
from memory_crd.errors import Fault, InvalidMemory
from memory_service.adapters.vectors.versions import Versions
from memory_service.errors import VectorUnavailable
from memory_service.worker.crew import Crew
from memory_service.worker.keeper import Keeper
from memory_service.worker.subject import Subject

from tests.contracts.store.servers import TENANT
from tests.memory_service.rig import Rig, eventually


@dataclass
class Declared:
    """Definitions that a test changes at will."""

    entries: list[Entry]
    version: int = 0

    def fingerprint(self) -> object:
        return self.version

    def load(self) -> Loaded:
        return Loaded(tuple(self.entries), (), digest(self.entries))

    def say(self, *entries: Entry) -> None:
        self.entries, self.version = list(entries), self.version + 1


@asynccontextmanager
async def at_work(crew: Crew) -> AsyncIterator[None]:
    task = asyncio.create_task(crew.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def crew_of(rig: Rig, source: Declared) -> Crew:
    def open_subject(entry: Entry) -> Subject:
        if entry.generation == 13:
            raise InvalidMemory("memory", [Fault("/spec", "unlucky")])
        return replace(rig.subject, spec=entry.spec)

    return Crew(source, open_subject, rig.subject.metrics)


@pytest.fixture
def entry(rig: Rig) -> Entry:
    return of_memory(rig.memory.definition)


async def test_a_memory_to_be_erased_is_left_alone_and_its_collection_does_not_come_back(
    rig: Rig, entry: Entry
) -> None:
    source = Declared([entry])
    crew = crew_of(rig, source)
    async with at_work(crew):
        await rig.say("t", "one")
        await rig.indexed()
        source.say(replace(entry, state="erase"))

        async def idle() -> bool:
            return crew.subject(entry.id) is None

        await eventually(idle)
        await rig.memory.outbox.erase()
        assert await rig.memory.index.drop() == 0
        await asyncio.sleep(0.5)
    survey = await Versions(rig.vector_store, TENANT, rig.subject.id).survey()
    assert (survey.serving, survey.filling, survey.leftovers) == (None, (), ())


async def test_nothing_is_set_up_while_the_definitions_may_say_something_else(rig: Rig) -> None:
    with pytest.raises(VectorUnavailable, match="definitions have just changed"):
        await Keeper(replace(rig.subject, wanted=lambda: False)).targets()
    assert (await Versions(rig.vector_store, TENANT, rig.subject.id).survey()).serving is None


async def test_retained_memories_go_on_expiring(rig: Rig, entry: Entry) -> None:
    crew = crew_of(rig, Declared([replace(entry, state="retained")]))
    async with at_work(crew):
        await rig.say("t", "short-lived", ttl_ms=1_000)
        await rig.indexed()

        async def gone() -> bool:
            return (await rig.memory.store.totals()).messages == 0 and await rig.memory.index.count() == 0

        await eventually(gone)


async def test_a_definition_that_cannot_be_used_leaves_the_last_good_one_at_work(rig: Rig, entry: Entry) -> None:
    source = Declared([entry])
    crew = crew_of(rig, source)
    async with at_work(crew):

        async def loaded() -> bool:
            return crew.loaded

        await eventually(loaded)
        before = crew.subject(entry.id)
        source.say(replace(entry, generation=13))
        await asyncio.sleep(0.6)
        assert crew.subject(entry.id) is before
        source.say(replace(entry, generation=14))

        async def replaced() -> bool:
            return crew.subject(entry.id) is not before

        await eventually(replaced)
        source.say()

        async def none_left() -> bool:
            return not list(crew.subjects())

        await eventually(none_left)
