"""Times of access: kept for messages that are read, and gone with the messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_service.adapters.redis.reading import message_numbers
from memory_service.model.mutations import (
    Append,
    Clear,
    Configure,
    Delete,
    DeleteMessage,
    Flush,
    Mutation,
    Replace,
    SetTtl,
)
from memory_service.model.search import Candidate
from memory_service.model.values import Guard, Settings
from memory_service.policies.retention import Policy

from tests.contracts.store.log import HOUR, Log, draft, drafts
from tests.contracts.store.servers import Server
from tests.contracts.store.test_agreement import POLICIES, mutations


def read(incarnation: int, *seqs: int, thread: str = "t") -> list[Candidate]:
    return [Candidate(thread, incarnation, seq) for seq in seqs]


async def used(log: Log, *texts: str) -> int:
    """A thread of these messages, all of them read; its incarnation."""
    done = await log.append("t", *texts)
    await log.store.used(read(done.incarnation, *range(1, len(texts) + 1)))
    return done.incarnation


def key_of(log: Log, kind: str) -> str | None:
    return next((key for key in log.key_names() if key.endswith(f":{kind}:t")), None)


async def test_a_read_message_has_a_time_and_others_have_none(log: Log) -> None:
    done = await log.append("t", "a", "b", "c")
    before = int(time.time() * 1000)
    await log.store.used(read(done.incarnation, 2))

    times = await log.store.last_used("t")
    assert list(times) == [2]
    assert before - 1000 <= times[2] <= int(time.time() * 1000) + 1000
    assert (await log.store.facts("t")).version == done.version


async def test_several_threads_are_noted_in_one_call(log: Log) -> None:
    one, other = await log.append("t", "a"), await log.append("u", "b", "c")
    await log.store.used([*read(one.incarnation, 1), *read(other.incarnation, 1, 2, thread="u")])

    assert (list(await log.store.last_used("t")), list(await log.store.last_used("u"))) == ([1], [1, 2])


async def test_a_fresh_time_stays_and_an_old_one_is_renewed(log: Log) -> None:
    incarnation = await used(log, "a", "b")
    key = key_of(log, "lru")
    assert key is not None
    recent, old = int(time.time() * 1000) - 30_000, int(time.time() * 1000) - 61_000
    with log.server.admin() as admin:
        admin.zadd(key, {"1": recent, "2": old})
    await log.store.used(read(incarnation, 1, 2))

    times = await log.store.last_used("t")
    assert times[1] == recent
    assert times[2] > recent


async def test_a_thread_of_before_or_without_messages_is_not_noted(log: Log) -> None:
    done = await log.append("t", "a")
    await log.store.used([])
    await log.store.used(read(done.incarnation + 1, 1))
    await log.store.used(read(1, 1, thread="nobody"))

    assert key_of(log, "lru") is None
    assert not [key for key in log.key_names() if key.endswith(":nobody")]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (DeleteMessage("t", "{g}-2"), [1, 3]),
        (Flush("t", (1, 3), None, b"{}", Guard()), [2]),
        (Configure("t", Settings(max_messages=1), "merge"), [3]),
        (Append("t", (draft("d", ttl_ms=HOUR),)), [1, 2, 3]),
        (Clear("t"), []),
        (Clear("t", HOUR), []),
        (Replace("t", drafts("x")), []),
        (Delete("t"), []),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_time_leaves_with_its_message(log: Log, change: object, left: list[int]) -> None:
    incarnation = await used(log, "a", "b", "c")
    if isinstance(change, DeleteMessage):
        change = DeleteMessage("t", f"{incarnation}-2")
    await log.store.mutate(change)  # type: ignore[arg-type]

    assert sorted(await log.store.last_used("t")) == left


async def test_a_window_takes_the_times_of_what_it_evicts(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(max_messages=2), "merge"))
    await used(log, "a", "b")
    await log.append("t", "c")

    assert list(await log.store.last_used("t")) == [2]


async def test_times_expire_with_the_thread_and_move_with_its_expiry(log: Log) -> None:
    log = log.with_policy(ttl_ms=HOUR)
    incarnation = await used(log, "a")
    key, messages = key_of(log, "lru"), key_of(log, "l")
    with log.server.admin() as admin:
        assert admin.pexpiretime(key) == admin.pexpiretime(messages) > 0
        await log.store.mutate(SetTtl("t", ttl_ms=3 * HOUR))
        assert admin.pexpiretime(key) == admin.pexpiretime(messages)
        await log.store.mutate(SetTtl("t", pinned=True))
        assert admin.pexpiretime(key) == admin.pexpiretime(messages) == -1
        await log.store.mutate(Clear("t"))
        await log.append("t", "b")
        await log.store.mutate(SetTtl("t", pinned=False))
        await log.store.used(read(incarnation, 2))
        assert admin.pexpiretime(key) == admin.pexpiretime(messages) > 0


async def test_erasing_a_memory_leaves_no_times(log: Log) -> None:
    await used(log, "a")
    await log.store.summarising("t", "me", ttl_ms=HOUR)
    assert not any((await log.outbox.erase()).values())

    assert log.key_names() == []


async def test_one_at_a_time_holds_the_lease_of_a_summary(log: Log) -> None:
    await log.append("t", "a")
    assert await log.store.summarising("t", "me", ttl_ms=HOUR)
    assert await log.store.summarising("t", "me", ttl_ms=HOUR)
    assert not await log.store.summarising("t", "another", ttl_ms=HOUR)
    assert await log.store.summarising("u", "another", ttl_ms=HOUR)
    assert not await log.store.summarising("t", "another", ttl_ms=0)
    assert await log.store.summarising("t", "me", ttl_ms=0)
    assert await log.store.summarising("t", "another", ttl_ms=HOUR)
    await log.store.mutate(Delete("t"))
    assert key_of(log, "sum") is None


async def test_a_lease_ends_by_itself(log: Log) -> None:
    await log.store.summarising("t", "me", ttl_ms=HOUR)
    with log.server.admin() as admin:
        assert 0 < admin.pttl(key_of(log, "sum")) <= HOUR


async def test_a_read_of_what_is_fresh_runs_no_script(log: Log) -> None:
    incarnation = await used(log, "a", "b")

    def scripts() -> int:
        with log.server.admin() as admin:
            return int(admin.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])

    before = scripts()
    await log.store.used(read(incarnation, 1, 2))
    assert scripts() == before
    await log.append("t", "c")
    await log.store.used(read(incarnation, 1, 2, 3))
    assert list(await log.store.last_used("t")) == [1, 2, 3]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutations, min_size=5, max_size=40), st.sampled_from(POLICIES))
def test_after_any_history_only_messages_that_are_there_have_times(
    server: Server, history: list[Mutation], policy: Policy
) -> None:
    asyncio.run(read_after_each(server, history, policy))


async def read_after_each(server: Server, history: Sequence[Mutation], policy: Policy) -> None:
    stores = server.stores()
    log = Log.new(stores, server, **asdict(policy))
    try:
        for mutation in history:
            await log.store.mutate(replace(mutation, guard=replace(mutation.guard, if_match=None)))
            living = [message_numbers(message) for message in (await log.page(mutation.thread, limit=100)).messages]
            assert set(await log.store.last_used(mutation.thread)) <= {seq for _, seq in living}, mutation
            await log.store.used([Candidate(mutation.thread, *numbers) for numbers in living])
            assert set(await log.store.last_used(mutation.thread)) == {seq for _, seq in living}
    finally:
        await stores.close()
