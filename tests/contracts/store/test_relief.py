"""The store's side of automatic flushing: it says when one is due, and keeps an answer as the flush changed it."""

from __future__ import annotations

import pytest
from memory_service.model.mutations import Configure, Flush, Relief, Replace
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import Log, draft, drafts, keyed

RECORD = b'{"strategy":"simple_fifo"}'


@pytest.mark.parametrize("name", [None, "k"], ids=["plain", "keyed"])
async def test_a_flush_is_due_from_its_number_of_messages_on(log: Log, name: str | None) -> None:
    full = log.with_policy(flush_messages=3)
    due = [(await full.append("t", text, guard=keyed(name + text) if name else Guard())).flush_due for text in "abcd"]

    assert due == [False, False, True, True]


@pytest.mark.parametrize("name", [None, "k"], ids=["plain", "keyed"])
async def test_a_flush_is_due_from_its_number_of_tokens_on(log: Log, name: str | None) -> None:
    full = log.with_policy(flush_tokens=5)
    due = [
        (await full.append("t", text, guard=keyed(name + text) if name else Guard())).flush_due
        for text in ("aa", "bb", "c")
    ]

    assert due == [False, False, True]


async def test_system_messages_do_not_make_a_flush_due(log: Log) -> None:
    full = log.with_policy(flush_messages=2, flush_tokens=5)
    first = await full.append("t", draft("S" * 9, "system"), draft("S" * 9, "system"), "a")
    second = await full.append("u", draft("S" * 9, "system"), "aaa")
    third = await full.append("u", draft("S" * 9, "system"))

    assert not (first.flush_due or second.flush_due or third.flush_due)
    assert (await full.append("u", "aa")).flush_due


async def test_a_write_and_a_dry_run_say_it_too(log: Log) -> None:
    full = log.with_policy(flush_tokens=4)
    await full.append("t", "aaa")

    assert (await full.append("t", "b", guard=Guard(dry_run=True))).flush_due
    assert not (await full.store.mutate(Replace("t", drafts("bbb")))).flush_due
    assert (await full.store.mutate(Replace("t", (*drafts("bbb", "c"), draft("S", "system"))))).flush_due


async def test_a_memory_that_flushes_has_no_windows(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(max_messages=2), "replace"))
    full = log.with_policy(flush_messages=10, thread_messages=12)
    evicted = [(await full.append("t", text)).evicted for text in "abcd"]

    assert (sum(evicted), (await full.store.facts("t")).max_messages) == (0, None)
    assert (await full.append("t", *"0123456789")).code == "thread_full"


async def test_a_repeated_answer_tells_of_the_flush_as_the_first_did(log: Log) -> None:
    first = await log.append("t", "a", "b", "c", guard=keyed("k"))
    flush = Flush("t", (1, 2), None, RECORD, keyed_at(first.version, "k"), amends="simple_fifo")
    done = await log.store.mutate(flush)
    again = await log.append("t", "a", "b", "c", guard=keyed("k"))

    assert (done.replayed, done.count, again.replayed) == (False, 2, True)
    assert again.relief == Relief("simple_fifo", 2, 2)
    assert (again.version, again.pos, again.total) == (done.version, done.pos, 1)
    assert (again.ids, again.created) == (first.ids, True)


async def test_a_version_that_the_caller_has_not_seen_is_not_told(log: Log) -> None:
    first = await log.append("t", "a", "b", guard=keyed("k"))
    other = await log.append("t", "c")
    flush = Flush("t", (1,), None, RECORD, keyed_at(other.version, "k"), amends="token_aware_lru")
    await log.store.mutate(flush)
    again = await log.append("t", "a", "b", guard=keyed("k"))

    assert again.relief == Relief("token_aware_lru", 1, 1)
    assert (again.version, again.total) == (first.version, 2)


@pytest.mark.parametrize(
    ("seqs", "behind", "body"), [((), 0, "body"), ((1,), 1, "body"), ((1,), 0, "other")],
    ids=["nothing left", "refused", "another request"],
)  # fmt: skip
async def test_a_flush_that_was_not_of_this_request_changes_no_kept_answer(
    log: Log, seqs: tuple[int, ...], behind: int, body: str
) -> None:
    first = await log.append("t", "a", "b", guard=keyed("k"))
    guard = keyed_at(first.version - behind, "k", body)
    await log.store.mutate(Flush("t", seqs, None, RECORD, guard, amends="simple_fifo"))
    again = await log.append("t", "a", "b", guard=keyed("k"))

    assert (again.relief, again.version, again.total) == (None, first.version, 2)


def keyed_at(version: int, name: str, body: str = "body") -> Guard:
    return Guard(if_match=version, key=keyed(name, body).key)


async def test_counters_that_are_wrong_are_counted_anew(log: Log) -> None:
    await log.append("t", "aa", "bbb", draft("S", "system"))
    version = (await log.append("u", "c")).version
    assert not await log.store.recount("t") and not await log.store.recount("absent")
    with log.server.admin() as admin:
        (key,) = [key for key in log.key_names() if ":l:t" in key]
        admin.lset(key, 0, admin.lindex(key, 0).replace(b'"tokens":2', b'"tokens":7'))
        admin.rpop(key)
    assert (await log.store.facts("t")).tokens == 6

    assert await log.store.recount("t") and not await log.store.recount("t")
    facts, totals = await log.store.facts("t"), await log.store.totals()
    assert (facts.messages, facts.system_messages, facts.tokens) == (2, 1, 8)
    assert (totals.messages, totals.tokens, totals.pos) == (3, 9, version)
    assert facts.bytes == sum(map(len, (await log.page("t")).messages))
