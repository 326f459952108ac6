"""The memory's own window: exact after every step, by messages and by tokens, and every count with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_service.model.mutations import Append, Configure, Replace
from memory_service.model.values import Draft, Guard, Role, Settings

from tests.contracts.store.log import Log, draft, drafts, keyed
from tests.contracts.store.servers import Server

ROLES: tuple[Role, ...] = ("user", "assistant", "user", "assistant", "tool", "system")
batches = st.lists(st.builds(draft, st.text("abcdé", min_size=1, max_size=9), st.sampled_from(ROLES)), max_size=6)


async def test_a_thread_without_a_window_of_its_own_has_the_memory_s(log: Log) -> None:
    small = log.with_policy(window_messages=3)
    evicted = [(await small.append("t", text)).evicted for text in "abcde"]

    assert evicted == [0, 0, 0, 1, 1]
    assert await small.texts("t") == ["c", "d", "e"]
    assert (await small.store.facts("t")).max_messages == 3


@pytest.mark.parametrize("own", [2, 5])
async def test_a_thread_s_own_window_comes_first(log: Log, own: int) -> None:
    small = log.with_policy(window_messages=3)
    await small.store.mutate(Configure("t", Settings(max_messages=own), "replace"))
    await small.append("t", *"abcdefg")

    assert await small.texts("t") == list("abcdefg")[-own:]
    await small.store.mutate(Configure("t", Settings(max_messages=None), "merge"))
    assert (await small.append("t", "h")).total == 3


async def test_the_memory_s_window_is_no_other_setting(log: Log) -> None:
    small = log.with_policy(window_messages=3)
    await small.append("t", "a")
    same = await small.store.mutate(Configure("t", Settings(max_messages=3), "create"))
    other = await small.store.mutate(Configure("t", Settings(max_messages=4), "create"))

    assert (same.code, other.code) == ("ok", "settings_conflict")


async def test_the_oldest_leave_until_the_tokens_fit(log: Log) -> None:
    small = log.with_policy(window_tokens=10)
    await small.append("t", "aaaa", "bbb", "ccc")
    first = await small.append("t", "d")
    second = await small.append("t", "eeeeeeeee")

    assert (first.evicted, second.evicted) == (1, 2)
    assert await small.texts("t") == ["d", "eeeeeeeee"]
    facts, totals = await small.store.facts("t"), await small.store.totals()
    assert (facts.tokens, totals.tokens, totals.bytes) == (10, 10, facts.bytes)


async def test_the_tokens_of_system_messages_are_not_counted(log: Log) -> None:
    small = log.with_policy(window_tokens=5)
    await small.append("t", draft("S" * 50, "system"), "aaa", "bb")
    outcome = await small.append("t", draft("R" * 50, "system"), "c")

    assert outcome.evicted == 1
    assert await small.texts("t") == ["S" * 50, "bb", "R" * 50, "c"]


async def test_a_message_larger_than_the_window_is_refused_and_nothing_written(log: Log) -> None:
    small = log.with_policy(window_tokens=5)
    await small.append("t", "aaa")
    for change in (Append("t", drafts("b", "c" * 6, "d")), Replace("t", drafts("c" * 6))):
        refused = await small.store.mutate(change)
        assert (refused.code, refused.limit, refused.total) == ("token_limit", 5, 1)
    new = await small.append("u", "c" * 6, guard=keyed("k"))
    again = await small.append("u", "c" * 6, guard=keyed("k"))

    assert (new.code, again.code, again.replayed) == ("token_limit", "token_limit", True)
    assert not (await small.store.facts("u")).exists
    assert await small.texts("t") == ["aaa"]
    assert (await small.append("t", draft("S" * 6, "system"))).code == "ok"


async def test_a_call_leaves_with_its_results_for_lack_of_tokens(log: Log) -> None:
    small = log.with_policy(window_tokens=6)
    await small.append("t", draft("ca", "assistant"), draft("re", "tool"), draft("re", "tool"))
    outcome = await small.append("t", "n")

    assert (outcome.evicted, await small.texts("t")) == (3, ["n"])


async def test_both_sizes_hold_at_once(log: Log) -> None:
    small = log.with_policy(window_messages=3, window_tokens=6)
    await small.append("t", "a", "b", "c")
    assert (await small.append("t", "d")).evicted == 1
    assert (await small.append("t", "eeeee")).evicted == 2
    assert await small.texts("t") == ["d", "eeeee"]


async def test_a_window_of_tokens_leaves_the_ceiling_in_place(log: Log) -> None:
    small = log.with_policy(window_tokens=100, thread_messages=3)
    await small.append("t", "a", "b", "c")

    assert (await small.append("t", "d")).code == "thread_full"
    assert (await small.append("t", "d" * 99)).evicted == 2


async def test_what_a_window_pushes_out_leaves_the_index_in_order(log: Log) -> None:
    small = log.with_policy(window_tokens=3)
    for text in ("aaa", "b", "c"):
        await small.append("t", text)
    adds = [(entry.first, entry.last, entry.cut) for entry in await small.entries()]
    assert adds == [(1, 1, 0), (2, 2, 1), (3, 3, 0)]
    spared = log.with_policy(window_tokens=3)
    await spared.append("u", draft("S", "system"), "aaa")
    await spared.append("u", "bbb")
    assert [entry.seqs for entry in await spared.entries() if entry.kind == "remove"] == [(2,)]


async def test_a_smaller_window_acts_on_the_next_write(log: Log) -> None:
    await log.append("t", *(f"m{number}" for number in range(200)))
    small = log.with_policy(window_messages=3)
    assert len(await small.texts("t", limit=1000)) == 200

    assert (await small.append("t", "new")).evicted == 198
    assert await small.texts("t") == ["m198", "m199", "new"]
    assert (await small.store.totals()).messages == 3


async def test_a_window_far_smaller_than_the_thread_takes_its_oldest_in_parts(log: Log) -> None:
    for number in range(3):
        await log.append("t", *(f"{number}.{place}" for place in range(900)))
    await log.append("t", draft("S", "system"))
    small = log.with_policy(window_messages=5)
    outcome = await small.append("t", "new")

    assert outcome.evicted == 2696
    assert await small.texts("t") == ["2.896", "2.897", "2.898", "2.899", "S", "new"]
    facts, totals = await small.store.facts("t"), await small.store.totals()
    assert (facts.tokens, totals.tokens) == (24, 24)
    removed = [seq for entry in await small.entries() for seq in entry.seqs]
    assert removed == list(range(1, 2697))


async def test_a_dry_run_counts_what_would_leave(log: Log) -> None:
    small = log.with_policy(window_tokens=4)
    await small.append("t", "aa", "bb")
    dry = await small.append("t", "cc", guard=Guard(dry_run=True))
    done = await small.append("t", "cc")

    assert (dry.evicted, dry.total) == (done.evicted, done.total) == (1, 2)


@pytest.mark.parametrize(("messages", "tokens"), [(4, 0), (0, 12), (3, 9)])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=st.lists(batches, min_size=1, max_size=10))
def test_after_any_appends_the_window_holds_and_every_count_is_exact(
    server: Server, messages: int, tokens: int, said: list[list[Draft]]
) -> None:
    asyncio.run(appended(server, messages, tokens, said))


async def appended(server: Server, messages: int, tokens: int, said: Sequence[Sequence[Draft]]) -> None:
    stores = server.stores()
    try:
        log = Log.new(stores, server, window_messages=messages, window_tokens=tokens)
        every: list[Draft] = []
        left = 0
        for batch in said:
            outcome = await log.append("t", *batch)
            every += batch
            left += outcome.evicted
            kept = (await log.page("t", limit=1000)).messages
            facts, totals = await log.store.facts("t"), await log.store.totals()
            assert (facts.messages, facts.messages + left) == (len(kept), len(every))
            assert facts.tokens == totals.tokens == sum(int(raw[10 : raw.index(b",")]) for raw in kept)
            assert facts.bytes == totals.bytes == sum(map(len, kept))
            assert [raw[raw.index(b'"role"') :] for raw in kept] == [each.tail for each in windowed(every, left)]
            holds(windowed(every, left), messages, tokens)
    finally:
        await stores.close()


def windowed(every: Sequence[Draft], left: int) -> list[Draft]:
    """All system messages, and the others without the `left` oldest."""
    talk = [place for place, each in enumerate(every) if each.role != "system"]
    gone = set(talk[:left])
    return [each for place, each in enumerate(every) if place not in gone]


def holds(kept: Sequence[Draft], messages: int, tokens: int) -> None:
    talk = [each for each in kept if each.role != "system"]
    assert not messages or len(talk) <= messages
    assert not tokens or sum(each.tokens for each in talk) <= tokens
