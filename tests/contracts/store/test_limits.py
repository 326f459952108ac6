"""Windows, caps and quotas: what must leave, and what is refused with nothing written."""

from __future__ import annotations

import pytest
from memory_service.model.mutations import Append, Clear, Configure, Delete, Replace
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import Log, draft, drafts


async def windowed(log: Log, most: int) -> None:
    await log.store.mutate(Configure("t", Settings(max_messages=most), "replace"))


async def test_a_window_keeps_exactly_the_newest(log: Log) -> None:
    await windowed(log, 3)
    evicted = [(await log.append("t", text)).evicted for text in "abcde"]

    assert evicted == [0, 0, 0, 1, 1]
    assert await log.texts("t") == ["c", "d", "e"]
    facts = await log.store.facts("t")
    assert (facts.messages, facts.tokens) == (3, 3)
    assert facts.bytes == sum(map(len, (await log.page("t")).messages))


async def test_system_messages_stay_outside_the_window(log: Log) -> None:
    await windowed(log, 2)
    await log.append("t", draft("profile", "system"), "a", "b", "c", draft("rule", "system"), "d")

    assert await log.texts("t") == ["profile", "c", "rule", "d"]


async def test_a_batch_larger_than_the_window_leaves_its_end(log: Log) -> None:
    await windowed(log, 2)
    await log.append("t", "old")
    outcome = await log.append("t", *"abcde")

    assert (outcome.count, outcome.total, outcome.evicted) == (5, 2, 4)
    assert await log.texts("t") == ["d", "e"]
    assert (await log.store.totals()).messages == 2


async def test_tool_results_leave_with_their_call(log: Log) -> None:
    await windowed(log, 3)
    call, result = draft("call", "assistant"), draft("result", "tool")
    await log.append("t", call, result, draft("result 2", "tool"))
    outcome = await log.append("t", "next")

    assert outcome.evicted == 3
    assert await log.texts("t") == ["next"]


async def test_the_newest_message_never_leaves(log: Log) -> None:
    await windowed(log, 1)
    await log.append("t", draft("call", "assistant"))
    await log.append("t", draft("result", "tool"))

    assert await log.texts("t") == ["result"]


async def test_a_smaller_window_acts_at_once(log: Log) -> None:
    await log.append("t", draft("S", "system"), *"abcd")
    outcome = await log.store.mutate(Configure("t", Settings(max_messages=2), "merge"))

    assert outcome.evicted == 2
    assert await log.texts("t") == ["S", "c", "d"]
    assert (await log.store.totals()).messages == 3


async def test_a_full_thread_refuses_and_writes_nothing(log: Log) -> None:
    small = log.with_policy(thread_messages=3)
    await small.append("t", "a", "b")
    refused = await small.append("t", "c", "d")

    assert (refused.code, refused.limit, refused.total) == ("thread_full", 3, 2)
    assert await log.texts("t") == ["a", "b"]
    assert (await small.append("t", "c")).code == "ok"
    assert (await small.store.mutate(Replace("t", drafts(*"abcd")))).code == "thread_full"
    assert (await small.store.mutate(Replace("t", drafts(*"xyz")))).code == "ok"


async def test_a_windowed_thread_is_never_full(log: Log) -> None:
    small = log.with_policy(thread_messages=3)
    await windowed(small, 5)

    assert (await small.append("t", *"abcdefg")).total == 5


async def test_system_messages_have_a_cap_of_their_own(log: Log) -> None:
    for _ in range(2):
        await log.append("t", *(draft("S", "system") for _ in range(32)))
    refused = await log.append("t", "a", draft("S", "system"))

    assert (refused.code, refused.limit) == ("system_cap", 64)
    assert (await log.store.facts("t")).messages == 64


async def test_the_quota_of_threads_counts_living_ones(log: Log) -> None:
    small = log.with_policy(threads=2)
    await small.append("a", "x")
    await small.append("b", "x")
    refused = await small.append("c", "x")

    assert (refused.code, refused.quota, refused.used, refused.limit) == ("quota_exceeded", "threads", 2, 2)
    assert refused.version == 0 and not (await log.store.facts("c")).exists
    assert (await small.append("a", "y")).code == "ok"
    assert (await small.store.mutate(Configure("c", Settings(), "replace"))).code == "quota_exceeded"
    document = await small.store.set_working(b"x", thread="c", owner=None, if_match=None, ttl_ms=None)
    assert document.code == "quota_exceeded"
    await small.store.mutate(Delete("b"))
    assert (await small.append("c", "x")).code == "ok"


async def test_the_quota_of_bytes_counts_what_stays(log: Log) -> None:
    await log.append("t", "x" * 100)
    size = (await log.store.facts("t")).bytes
    small = log.with_policy(bytes=3 * size)
    await small.append("t", "x" * 100)
    await small.append("t", "x" * 100)
    refused = await small.append("t", "x" * 100)

    assert (refused.code, refused.quota, refused.limit) == ("quota_exceeded", "bytes", 3 * size)
    assert refused.used == (await log.store.totals()).bytes == 3 * size
    await small.store.mutate(Configure("t", Settings(max_messages=3), "merge"))
    assert (await small.append("t", "y" * 100)).evicted == 1
    await small.store.mutate(Clear("t"))
    assert (await small.append("u", "x" * 100)).code == "ok"


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_refusal_says_the_same_dry_or_not(log: Log, dry_run: bool) -> None:
    small = log.with_policy(thread_messages=1)
    refused = await small.store.mutate(Append("t", drafts("a", "b"), Guard(dry_run=dry_run)))

    assert (refused.code, refused.version, refused.created) == ("thread_full", 0, False)
    assert log.key_names() == []
