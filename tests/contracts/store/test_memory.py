"""A memory as a whole: its numbers, its rate, its end; and what happens when Redis is full or damaged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_service.adapters.redis.connection import Target
from memory_service.adapters.redis.stores import RedisStores
from memory_service.errors import StorageFull, StorageUnavailable
from memory_service.model.mutations import Clear, Configure, Delete, SetTtl
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import HOUR, Log, draft, keyed
from tests.contracts.store.servers import TENANT, Server, running


async def test_totals_are_the_memory_in_numbers(log: Log) -> None:
    assert (await log.store.totals()).threads == 0
    await log.append("none", "abc")
    await log.append("pinned", "de")
    await log.store.mutate(SetTtl("pinned", pinned=True))
    for thread, hours in (("hour", 1), ("day", 20), ("week", 100), ("later", 1000)):
        await log.append(thread, "x")
        await log.store.mutate(SetTtl(thread, "set", ttl_ms=hours * HOUR - 1000))

    totals = await log.store.totals()
    assert (totals.threads, totals.messages, totals.tokens) == (6, 6, 9)
    assert (totals.expiring_1h, totals.expiring_24h, totals.expiring_7d) == (1, 2, 3)
    assert (totals.without_ttl, totals.pinned) == (2, 1)
    assert totals.outbox_depth == 6 and totals.pos == 6 and len(totals.epoch) == 8
    await asyncio.sleep(0.02)
    assert (await log.store.totals()).oldest_pending_ms >= 20


async def test_an_erased_memory_leaves_no_key(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR)
    await asyncio.gather(
        *(hour.append(f"t{number}", "x", draft("S", "system"), draft("y", ttl_ms=HOUR)) for number in range(700))
    )
    await hour.store.mutate(Configure("t1", Settings(owner="ada"), "merge"))
    await hour.append("t2", "x", guard=keyed("k"))
    await hour.store.mutate(Clear("t3", HOUR))
    await hour.store.set_working(b"x", thread="t4", owner=None, if_match=None, ttl_ms=None)
    await hour.store.set_working(b"x", thread=None, owner="bob", if_match=None, ttl_ms=None)
    await hour.store.admit(5)
    await hour.outbox.lease(0, "me", ttl_ms=5_000)
    other = Log.new(log.stores, log.server)
    await other.append("t1", "stays")

    remaining = await log.outbox.erase()
    assert set(remaining.values()) == {0}
    assert log.key_names() == []
    assert await other.texts("t1") == ["stays"]


async def test_requests_beyond_the_rate_are_turned_away_over_all_replicas(log: Log, server: Server) -> None:
    replica = server.stores()
    other = Log.open(replica, server, log.memory_id)
    try:
        admitted = [await each.store.admit(20) for _ in range(30) for each in (log, other)]
    finally:
        await replica.close()

    assert 20 <= sum(admitted) <= 26
    await asyncio.sleep(0.2)
    assert await log.store.admit(20)


async def test_another_server_process_moves_positions_far_ahead(log: Log) -> None:
    before = await log.append("t", "a")
    with log.server.admin() as admin:
        (key,) = [key for key in log.key_names() if key.endswith(":mem")]
        stored = admin.get(key)
        assert isinstance(stored, bytes)
        admin.set(key, b"another-run-id--" + stored[16:])
    after = await log.append("t", "b")

    assert after.epoch != before.epoch
    assert after.pos == before.pos + (1 << 20) + 1
    assert (await log.append("t", "c")).epoch == after.epoch


async def test_a_damaged_thread_spares_its_neighbours(log: Log) -> None:
    await log.append("bad", "a")
    await log.append("worse", "a")
    with log.server.admin() as admin:
        for kind, thread in (("l", "bad"), ("t", "worse")):
            (key,) = [key for key in log.key_names() if key.endswith(f":{kind}:{thread}")]
            admin.delete(key)
            admin.sadd(key, "damage")
    outcomes = await asyncio.gather(
        log.append("good", "1"), log.append("bad", "2"), log.append("worse", "3"), log.append("good", "4"),
        return_exceptions=True,
    )  # fmt: skip

    assert [type(outcome).__name__ for outcome in outcomes] == [
        "Outcome", "StorageUnavailable", "Outcome", "Outcome"
    ]  # fmt: skip
    assert await log.texts("good") == ["1", "4"]
    assert await log.texts("worse") == ["3"]
    with pytest.raises(StorageUnavailable):
        await log.texts("bad", last=9)


async def test_scripts_that_the_server_forgot_are_loaded_again(log: Log) -> None:
    await log.append("t", "a")
    with log.server.admin() as admin:
        admin.script_flush()

    outcomes = await asyncio.gather(*(log.append("t", str(number)) for number in range(100)), log.page("t"))
    assert len(outcomes) == 101
    assert (await log.store.facts("t")).messages == 101


async def test_a_wrong_password_is_a_reason_of_its_own(server: Server) -> None:
    stores = RedisStores(Target(f"unix://{server.socket}", "service", lambda: "wrong"), tenant=TENANT)
    try:
        with pytest.raises(StorageUnavailable) as refusal:
            await stores.ping()
        assert refusal.value.reason == "Unauthorized"
    finally:
        await stores.close()


async def test_another_tenant_s_keys_are_out_of_reach(server: Server) -> None:
    stores = RedisStores(server.target(), tenant="team-b")
    log = Log.open(stores, server, "m")
    try:
        with pytest.raises(StorageUnavailable) as refusal:
            await log.append("t", "a")
        assert refusal.value.reason == "Unauthorized" and not refusal.value.outcome_unknown
    finally:
        await stores.close()


@pytest.fixture
def small(server: Server, tmp_path: Path) -> Iterator[Server]:
    """A server of a few megabytes that refuses rather than evicts."""
    with running(server.binary, tmp_path, ["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"]) as small:
        yield small


async def test_a_full_redis_refuses_writes_and_still_reads_deletes_and_drains(small: Server) -> None:
    stores = small.stores()
    log = Log.new(stores, small, ttl_ms=HOUR)
    try:
        written = 0
        with pytest.raises(StorageFull):
            while True:
                await log.append(f"t{written}", "x" * 20_000, guard=keyed(f"k{written}"))
                written += 1
        before = await log.store.totals()
        with pytest.raises(StorageFull):
            await log.append("fresh", "x")
        with pytest.raises(StorageFull):
            await log.store.mutate(Clear("t0", HOUR))

        assert await log.store.totals() == before or before.threads == written
        assert (await log.store.totals()).messages == before.messages
        assert (await log.store.facts("fresh")).exists is False
        assert len(await log.texts("t0")) == 1
        assert await log.store.admit(1000)
        assert await log.outbox.lease(0, "me", ttl_ms=5_000)
        assert (await log.store.mutate(Delete("t0"))).deleted
        assert (await log.store.mutate(Clear("t1"))).count == 1
        outcomes = await asyncio.gather(
            *(log.store.mutate(Delete(f"t{number}", Guard())) for number in range(2, 40)),
        )
        assert all(outcome.deleted for outcome in outcomes)
        assert (await log.append("fresh", "x")).code == "ok"
    finally:
        await stores.close()
