"""The worker's side: what it must learn, in order; leases, acknowledgement, dead letters."""

from __future__ import annotations

import asyncio
import time

import pytest
from memory_service.errors import Refused
from memory_service.keys import partition
from memory_service.model.mutations import Append, Clear, Configure, Delete, DeleteMessage, Replace, SetTtl
from memory_service.model.outbox import DeadLetter, OutboxEntry
from memory_service.model.search import Candidate
from memory_service.model.values import Settings

from tests.contracts.store.log import Log, draft, drafts, texts


def said(entry: OutboxEntry) -> tuple[object, ...]:
    """What an entry says beyond its place."""
    return (entry.kind, entry.first, entry.last, entry.cut, entry.seqs)


async def test_every_change_of_messages_is_told_in_order(log: Log) -> None:
    ids = (await log.append("t", "a", "b")).ids
    await log.store.mutate(Replace("t", drafts("c", "d")))
    await log.store.mutate(DeleteMessage("t", f"{ids[0].split('-')[0]}-3"))
    await log.store.mutate(Clear("t"))
    await log.store.mutate(Configure("t", Settings(title="no vector knows titles"), "merge"))
    await log.store.mutate(SetTtl("t", "set", ttl_ms=1_000_000))
    last = await log.store.mutate(Delete("t"))

    entries = await log.entries()
    assert [said(entry) for entry in entries] == [
        ("add", 1, 2, 0, ()),
        ("add", 3, 4, 2, ()),
        ("remove", 0, 0, 0, (3,)),
        ("cut", 0, 0, 4, ()),
        ("gone", 0, 0, 0, ()),
    ]
    assert {entry.incarnation for entry in entries} == {1}
    assert entries[-1].pos == last.pos and [entry.pos for entry in entries] == [1, 2, 3, 4, 6]


async def test_an_eviction_is_a_cut_unless_a_system_message_is_older(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(max_messages=1), "replace"))
    await log.append("t", "a")
    await log.append("t", "b")
    await log.append("t", draft("S", "system"), "c")
    await log.append("t", "d")

    assert [said(entry) for entry in await log.entries()] == [
        ("add", 1, 1, 0, ()),
        ("add", 2, 2, 1, ()),
        ("remove", 0, 0, 0, (2,)),
        ("add", 3, 4, 0, ()),
        ("remove", 0, 0, 0, (4,)),
        ("add", 5, 5, 0, ()),
    ]


async def test_a_partition_holds_one_entry_a_batch_under_its_first_position(log: Log) -> None:
    await asyncio.gather(*(log.append(f"t{number}", "x") for number in range(20)))

    for number in range(4):
        entries = await log.outbox.pending(number, most=100)
        assert {entry.id for entry in entries} == {"1-0"}
        assert {partition(entry.thread) for entry in entries} == {number}
    assert (await log.store.totals()).outbox_depth == 4


async def test_indexed_is_true_once_everything_up_to_there_is_acknowledged(log: Log) -> None:
    positions = [(await log.append(f"t{number}", "x")).pos for number in range(12)]
    assert not await log.store.indexed(positions[0])

    for number in range(4):
        assert await log.outbox.lease(number, "me", ttl_ms=5_000)
        for entry in await log.outbox.pending(number, most=100):
            if entry.pos <= positions[5]:
                assert await log.outbox.acknowledge(number, "me", entry.id)
    assert await log.store.indexed(positions[5])
    assert not await log.store.indexed(positions[-1])


async def test_a_lease_has_one_holder_until_it_is_given_back_or_runs_out(log: Log) -> None:
    assert await log.outbox.lease(0, "one", ttl_ms=5_000)
    assert await log.outbox.lease(0, "one", ttl_ms=5_000)
    assert not await log.outbox.lease(0, "two", ttl_ms=5_000)
    assert await log.outbox.lease(1, "two", ttl_ms=5_000)
    await log.outbox.release(0, "two")
    assert not await log.outbox.lease(0, "two", ttl_ms=5_000)
    await log.outbox.release(0, "one")
    assert await log.outbox.lease(0, "two", ttl_ms=20)
    await asyncio.sleep(0.04)
    assert await log.outbox.lease(0, "one", ttl_ms=5_000)


async def test_a_worker_that_lost_its_lease_acknowledges_nothing(log: Log) -> None:
    await log.append("t", "a")
    number = partition("t")
    (entry,) = await log.outbox.pending(number, most=10)
    letter = DeadLetter("", "t", "1-1", "poison", 1, 0)

    assert not await log.outbox.acknowledge(number, "me", entry.id, [letter])
    assert await log.outbox.pending(number, most=10) == [entry]
    assert (await log.store.totals()).dead == 0


async def test_texts_of_messages_that_still_live_come_with_their_owner(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(owner="ada"), "replace"))
    g = (await log.append("t", "a", "b")).incarnation
    await log.store.mutate(DeleteMessage("t", f"{g}-1"))
    gone, live = await log.outbox.texts([Candidate("t", g, 1), Candidate("t", g, 2)])

    assert gone is None
    assert live is not None and live.owner == "ada" and texts([live.message]) == ["b"]
    assert await log.outbox.texts([]) == []


async def test_dead_letters_are_listed_and_put_back(log: Log) -> None:
    ids = (await log.append("t", "a", "b", "c")).ids
    number = partition("t")
    (entry,) = await log.outbox.pending(number, most=10)
    letters = [DeadLetter("", "t", message, "poison ☃", 3, 17) for message in ids]
    assert await log.outbox.lease(number, "me", ttl_ms=5_000)
    assert await log.outbox.acknowledge(number, "me", entry.id, letters)

    first, cursor = await log.outbox.dead(cursor=None, limit=2)
    rest, end = await log.outbox.dead(cursor=cursor, limit=2)
    assert [letter.message_id for letter in first + rest] == ids and end is None
    assert (first[0].error, first[0].attempts, first[0].since) == ("poison ☃", 3, 17)
    assert (await log.store.totals()).dead == 3

    assert await log.outbox.replay([first[0].id]) == 1
    assert await log.outbox.replay(None) == 2
    assert await log.outbox.replay(None) == 0
    assert [said(each) for each in await log.entries()] == [("add", 1, 1, 0, ()), ("add", 2, 3, 0, ())]
    with pytest.raises(Refused):
        await log.outbox.dead(cursor="x", limit=2)


async def test_only_messages_of_living_incarnations_are_put_back(log: Log) -> None:
    g = (await log.append("t", *"abcd")).incarnation
    candidates = [
        Candidate("t", g, 1),
        Candidate("t", g, 2),
        Candidate("t", g, 4),
        Candidate("t", g, 9),
        Candidate("u", 1, 1),
    ]

    assert await log.outbox.enqueue(candidates) == 3
    assert [said(entry) for entry in await log.entries()][1:] == [("add", 1, 2, 0, ()), ("add", 4, 4, 0, ())]


async def test_waiting_ends_with_a_write_and_misses_none(log: Log) -> None:
    await log.append("t", "a")
    started = time.monotonic()
    await log.outbox.wait(timeout_ms=5_000)
    assert time.monotonic() - started < 3

    await log.append("t", "written before the wait began")
    await log.outbox.wait(timeout_ms=5_000)
    assert time.monotonic() - started < 4.5

    await log.outbox.wait(timeout_ms=50)
    waiting = asyncio.create_task(log.outbox.wait(timeout_ms=5_000))
    await asyncio.sleep(0.05)
    await log.append("u", "b")
    await asyncio.wait_for(waiting, 1)


async def test_several_memories_wait_on_one_connection(log: Log) -> None:
    other = Log.new(log.stores, log.server)
    await log.outbox.wait(timeout_ms=10)
    waiting = asyncio.create_task(other.outbox.wait(timeout_ms=5_000))
    quiet = asyncio.create_task(log.outbox.wait(timeout_ms=5_000))
    await asyncio.sleep(0.05)
    await other.append("t", "a")
    await asyncio.wait_for(waiting, 3)

    assert not quiet.done()
    await log.append("t", "a")
    await asyncio.wait_for(quiet, 3)


async def test_every_living_thread_is_walked_in_order(log: Log) -> None:
    await asyncio.gather(*(log.append(f"t{number:02d}", "x") for number in range(23)))

    assert [facts.thread async for facts in log.outbox.walk(most=5)] == [f"t{number:02d}" for number in range(23)]


async def test_reapers_at_once_remove_and_count_each_thread_once(log: Log) -> None:
    short = log.with_policy(ttl_ms=10)
    await asyncio.gather(*(short.store.mutate(Append(f"t{number}", drafts("x"))) for number in range(300)))
    for number in range(300):
        await short.store.mutate(SetTtl(f"t{number}", "set", ttl_ms=5))
    await asyncio.sleep(0.02)
    steps = await asyncio.gather(*(short.outbox.reap(most=40) for _ in range(20)))

    assert sum(step.threads for step in steps) == 300
    assert sum(step.messages for step in steps) == 300
    assert sum(entry.kind == "gone" for entry in await log.entries()) == 300


async def test_the_reaper_trusts_the_header_not_the_index(log: Log) -> None:
    await log.append("lives", "x")
    with log.server.admin() as admin:
        (index,) = [key for key in log.key_names() if key.endswith(":exp")]
        admin.zadd(index, {"lives": 1, "nothing": 1})

    assert (await log.store.totals()).reaper_lag_ms > 0
    step = await log.outbox.reap(most=10)
    assert (step.threads, step.corrected) == (0, 2)
    assert await log.texts("lives") == ["x"]
    assert (await log.store.totals()).reaper_lag_ms == 0
