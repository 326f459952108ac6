"""The gate in front of the model."""

import asyncio

from memory_service.adapters.embedders.gate import Gate


async def enter(gate: Gate, name: str, order: list[str], *, urgent: bool = False) -> None:
    async with gate.turn(urgent=urgent):
        order.append(name)
        await asyncio.sleep(0)


async def test_urgent_ones_go_first_and_others_in_order_of_arrival() -> None:
    gate, order = Gate(), []
    async with gate.turn(urgent=False):
        tasks = [asyncio.create_task(enter(gate, name, order, urgent=name.isupper())) for name in ("a", "b", "C", "D")]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["C", "D", "a", "b"]


async def test_a_cancelled_waiter_blocks_nobody() -> None:
    gate, order = Gate(), []
    async with gate.turn(urgent=False):
        given_up = asyncio.create_task(enter(gate, "gone", order))
        stays = asyncio.create_task(enter(gate, "stays", order))
        await asyncio.sleep(0)
        given_up.cancel()
    await stays
    async with gate.turn(urgent=False):
        order.append("again")
    assert order == ["stays", "again"]


async def test_a_waiter_cancelled_just_as_its_turn_comes_passes_it_on() -> None:
    gate, order = Gate(), []
    async with gate.turn(urgent=False):
        given_up = asyncio.create_task(enter(gate, "gone", order))
        stays = asyncio.create_task(enter(gate, "stays", order))
        await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait_for(stays, 1)
    assert order == ["stays"]
