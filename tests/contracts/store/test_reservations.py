"""A key reserved for a request of several steps: one holder at a time, an answer that stays."""

from __future__ import annotations

import asyncio

from memory_service.model.values import IdempotencyKey, Reservation

from tests.contracts.store.log import HOUR, Log, keyed

ME, OTHER = b"me......", b"another."


def key(name: str = "k", body: str = "body") -> IdempotencyKey:
    found = keyed(name, body).key
    assert found is not None
    return found


async def test_a_key_has_one_holder_until_it_is_answered(log: Log) -> None:
    assert await log.store.reserve(key(), ME, HOUR) == Reservation("taken")
    assert await log.store.reserve(key(), OTHER, HOUR) == Reservation("busy")
    assert await log.store.conclude(key(), ME, b"\x00\xffdone")
    assert await log.store.reserve(key(), OTHER, HOUR) == Reservation("answered", b"\x00\xffdone")


async def test_a_key_belongs_to_its_request(log: Log) -> None:
    await log.store.reserve(key(), ME, HOUR)
    assert await log.store.reserve(key(body="other"), OTHER, HOUR) == Reservation("mismatch")
    await log.store.conclude(key(), ME, b"done")
    assert await log.store.reserve(key(body="other"), OTHER, HOUR) == Reservation("mismatch")
    assert await log.store.reserve(key("another"), OTHER, HOUR) == Reservation("taken")


async def test_a_released_key_is_free_at_once(log: Log) -> None:
    await log.store.reserve(key(), ME, HOUR)
    await log.store.release(key(), OTHER)
    assert await log.store.reserve(key(), OTHER, HOUR) == Reservation("busy")
    await log.store.release(key(), ME)
    assert await log.store.reserve(key(body="other"), OTHER, HOUR) == Reservation("taken")


async def test_who_died_holds_a_key_no_longer_than_its_lease(log: Log) -> None:
    await log.store.reserve(key(), ME, 40)
    assert (await log.store.reserve(key(), OTHER, HOUR)).state == "busy"
    await asyncio.sleep(0.06)
    assert (await log.store.reserve(key(), OTHER, HOUR)).state == "taken"

    assert not await log.store.renew(key(), ME, HOUR)
    assert not await log.store.conclude(key(), ME, b"late")
    await log.store.release(key(), ME)
    assert await log.store.conclude(key(), OTHER, b"mine")
    assert (await log.store.reserve(key(), ME, HOUR)).answer == b"mine"


async def test_who_renews_keeps_the_key(log: Log) -> None:
    await log.store.reserve(key(), ME, 60)
    assert await log.store.renew(key(), ME, HOUR)
    await asyncio.sleep(0.08)

    assert (await log.store.reserve(key(), OTHER, HOUR)).state == "busy"


async def test_a_reservation_goes_with_the_records_of_its_day(log: Log) -> None:
    await log.store.reserve(key(), ME, HOUR)
    with log.server.admin() as admin:
        [name] = log.key_names()
        left = admin.pttl(name)
    assert 24 * HOUR < left <= 36 * HOUR
