"""An import fills the outbox: what came in is recalled, what it took the place of is not."""

from __future__ import annotations

from collections.abc import AsyncIterator

from memory_service.operations import importing
from memory_service.operations.arriving import Mode, Numbered, Report
from memory_service.operations.exporting import Export, Wanted
from memory_service.web.handlers.transfer import read_line

from tests.memory_service.conftest import MakeRig
from tests.memory_service.rig import Rig, said


async def carried(one: Rig, two: Rig, mode: Mode = "fail") -> None:
    """Everything of one memory into another."""
    export = b"".join([piece async for piece in Export(one.memory, Wanted()).chunks()])

    async def lines() -> AsyncIterator[Numbered]:
        for number, raw in enumerate(export.splitlines(), 1):
            yield Numbered(number, raw, read_line(number, raw))

    await importing.run(two.memory, lines(), mode, Report(0))


async def test_what_was_imported_is_recalled_and_what_it_replaced_is_not(make_rig: MakeRig) -> None:
    one, two = make_rig(), make_rig()
    await one.say("t", "The invoice of March was charged twice")
    await two.say("t", "Whoever pays two times is a fool")
    async with two.working():
        assert said(await two.ask("Who paid two times?")) == ["Whoever pays two times is a fool"]
        await carried(one, two, "replace")
        await two.indexed()
        assert said(await two.ask("Who paid two times?")) == ["The invoice of March was charged twice"]
        totals = await two.memory.store.totals()
        assert (totals.messages, await two.memory.index.count()) == (1, 1)
