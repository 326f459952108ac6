"""When threads and messages expire, and what an expired one is: absent, everywhere, at once."""

from __future__ import annotations

import asyncio

import pytest
from memory_service.model.facts import ThreadQuery
from memory_service.model.mutations import Append, Clear, Configure, Delete, Replace, Restore, SetMessageTtl, SetTtl
from memory_service.model.search import Audience, Candidate
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import HOUR, Log, draft, drafts

EVERYONE = Audience(any_owner=True)


async def shorten(log: Log, thread: str, ms: int = 30) -> None:
    outcome = await log.store.mutate(SetTtl(thread, "set", ttl_ms=ms))
    assert outcome.code == "ok"


async def test_a_new_thread_expires_a_ttl_from_now_within_a_grain(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    outcome = await day.append("t", "a")
    facts = await day.store.facts("t")

    assert facts.expires_at == outcome.expires_at
    assert facts.remaining_ms is not None
    assert 24 * HOUR - 1000 <= facts.remaining_ms <= 24 * HOUR + 24 * HOUR // 1024 + 1
    assert facts.ttl_ms == 24 * HOUR


async def test_without_a_ttl_nothing_expires(log: Log) -> None:
    assert (await log.append("t", "a")).expires_at is None
    assert (await log.store.totals()).without_ttl == 1


async def test_content_carries_the_exact_expiry_and_the_header_none(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    outcome = await day.append("t", "a", draft("S", "system"))
    await day.store.set_working(b"doc", thread="t", owner=None, if_match=None, ttl_ms=None)

    with log.server.admin() as admin:
        expiry = {key.split(":")[1]: admin.pexpiretime(key) for key in log.key_names() if key.endswith(":t")}
    assert expiry == {"t": -1, "l": outcome.expires_at, "y": outcome.expires_at, "w": outcome.expires_at}


async def test_a_list_that_was_emptied_and_refilled_expires_again(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    first = await day.append("t", "a", draft("S", "system"))
    await day.store.mutate(Clear("t"))
    await day.append("t", "b", draft("S", "system"))

    with log.server.admin() as admin:
        for kind in "ly":
            (key,) = [key for key in log.key_names() if key.endswith(f":{kind}:t")]
            assert admin.pexpiretime(key) == first.expires_at


async def test_an_expired_thread_is_absent_everywhere_before_anything_removed_it(log: Log) -> None:
    first = await log.append("t", "a", draft("S", "system"))
    await log.store.set_working(b"doc", thread="t", owner=None, if_match=None, ttl_ms=None)
    await shorten(log, "t")
    await asyncio.sleep(0.05)

    assert not (await log.store.facts("t")).exists
    assert (await log.page("t")).messages == (await log.page("t", last=9)).messages == []
    assert await log.store.message("t", first.ids[0]) is None
    found = await log.store.check([Candidate("t", first.incarnation, 1)], EVERYONE, before=1, after=1)
    assert found == [None]
    assert (await log.store.threads(ThreadQuery())).threads == []
    assert (await log.store.working(thread="t", owner=None)).version == 0
    assert (await log.store.totals()).threads == 0
    assert not (await log.store.mutate(Delete("t"))).deleted
    assert (await log.store.mutate(SetTtl("t", ttl_ms=HOUR))).code == "thread_not_found"
    assert (await log.append("t", "b", guard=Guard(if_match=first.version))).code == "version_mismatch"


@pytest.mark.parametrize("way", ["append", "replace", "configure", "document"])
async def test_a_thread_born_again_has_nothing_of_the_expired_one(log: Log, way: str) -> None:
    await log.store.mutate(Configure("t", Settings(owner="ada", title="old", max_messages=9), "replace"))
    await log.append("t", "a", draft("S", "system"), draft("soon", ttl_ms=HOUR))
    await log.store.set_working(b"doc", thread="t", owner=None, if_match=None, ttl_ms=None)
    old = await log.store.facts("t")
    await shorten(log, "t")
    await asyncio.sleep(0.05)

    if way == "append":
        assert (await log.append("t", "new")).created
    elif way == "replace":
        assert (await log.store.mutate(Replace("t", drafts("new")))).created
    elif way == "configure":
        assert (await log.store.mutate(Configure("t", Settings(title="new"), "merge"))).created
    else:
        assert (await log.store.set_working(b"new", thread="t", owner=None, if_match=0, ttl_ms=None)).created

    facts = await log.store.facts("t")
    assert facts.incarnation > old.incarnation
    assert (facts.owner, facts.max_messages, facts.expires_at, facts.system_messages) == (None, None, None, 0)
    assert await log.texts("t") == (["new"] if way in ("append", "replace") else [])
    totals = await log.store.totals()
    assert (totals.threads, totals.messages) == (1, facts.messages)
    assert (await log.store.threads(ThreadQuery(owner="ada"))).threads == []
    dead = [entry.dead or entry.incarnation for entry in await log.entries() if entry.dead or entry.kind == "gone"]
    assert dead == [old.incarnation]
    assert (await log.outbox.reap(most=100)).threads == 0


async def test_a_write_refreshes_and_never_shortens(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR)
    await hour.append("t", "a")
    far = await hour.store.mutate(SetTtl("t", ttl_ms=48 * HOUR))
    assert (await hour.append("t", "b")).expires_at == far.expires_at

    near = await hour.store.mutate(SetTtl("t", "set", ttl_ms=1000))
    again = await hour.append("t", "c")
    assert again.refreshed and again.expires_at is not None and near.expires_at is not None
    assert again.expires_at > near.expires_at + HOUR // 2


async def test_a_refresh_that_says_never_leaves_the_expiry(log: Log) -> None:
    fixed = log.with_policy(ttl_ms=HOUR, refresh="never")
    await fixed.append("t", "a")
    near = await fixed.store.mutate(SetTtl("t", "set", ttl_ms=60_000))

    assert (await fixed.append("t", "b")).expires_at == near.expires_at


async def test_reading_refreshes_only_where_the_policy_says_so(log: Log) -> None:
    hour, reading = log.with_policy(ttl_ms=HOUR), log.with_policy(ttl_ms=HOUR, refresh="read")
    version = (await reading.append("t", "a")).version
    near = await reading.store.mutate(SetTtl("t", "set", ttl_ms=60_000))

    assert not await hour.store.touch("t")
    assert await reading.store.touch("t")
    assert not await reading.store.touch("t")
    assert not await reading.store.touch("absent")
    facts = await log.store.facts("t")
    assert facts.version == version
    assert facts.expires_at is not None and near.expires_at is not None and facts.expires_at > near.expires_at


async def test_the_maximum_age_bounds_every_refresh(log: Log) -> None:
    aged = log.with_policy(ttl_ms=HOUR, max_age_ms=2 * HOUR)
    await aged.append("t", "a")
    created = (await aged.store.facts("t")).created_at
    assert created is not None

    far = await aged.store.mutate(SetTtl("t", ttl_ms=48 * HOUR))
    assert far.expires_at == created + 2 * HOUR
    forever = await aged.store.mutate(SetTtl("t", "set", forever=True))
    assert forever.expires_at == created + 2 * HOUR


async def test_no_expiry_counts_as_the_furthest(log: Log) -> None:
    await log.append("t", "a")

    assert not (await log.store.mutate(SetTtl("t", ttl_ms=HOUR))).changed
    assert (await log.store.mutate(SetTtl("t", "set", ttl_ms=HOUR))).changed
    assert (await log.store.mutate(SetTtl("t", forever=True))).expires_at is None


async def test_an_instant_is_kept_exactly_and_one_in_the_past_is_refused(log: Log) -> None:
    created = await log.append("t", "a")
    now = (await log.store.facts("t")).created_at
    assert now is not None
    at = now + 12_345_678

    assert (await log.store.mutate(SetTtl("t", "set", expires_at=at))).expires_at == at
    refused = await log.store.mutate(SetTtl("t", "set", expires_at=now - 1))
    assert (refused.code, refused.version) == ("invalid_ttl", created.version)
    assert not (await log.store.mutate(SetTtl("t", expires_at=at - 1))).changed


async def test_moving_an_expiry_leaves_the_version(log: Log) -> None:
    first = await log.append("t", "a")
    moved = await log.store.mutate(SetTtl("t", "set", ttl_ms=HOUR))

    assert moved.changed and moved.version == first.version == (await log.store.facts("t")).version


async def test_while_pinned_nothing_expires_and_unpinning_gives_the_later(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR)
    await hour.append("t", "a")
    await shorten(hour, "t", 40)
    pinned = await hour.store.mutate(SetTtl("t", pinned=True))
    await asyncio.sleep(0.06)

    assert pinned.expires_at is None
    facts = await log.store.facts("t")
    assert facts.pinned and facts.expires_at is None and await log.texts("t") == ["a"]
    totals = await log.store.totals()
    assert (totals.pinned, totals.without_ttl) == (1, 1)
    assert (await log.outbox.reap(most=10)).threads == 0
    unpinned = await hour.store.mutate(SetTtl("t", pinned=False))
    assert unpinned.expires_at is not None and facts.created_at is not None
    assert unpinned.expires_at > facts.created_at + HOUR - 1000


async def test_a_shorter_ttl_setting_governs_later_refreshes_only(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    first = await day.append("t", "a")
    patched = await day.store.mutate(Configure("t", Settings(ttl_ms=HOUR), "merge"))

    assert patched.changed and patched.expires_at == first.expires_at
    assert (await day.store.facts("t")).ttl_ms == HOUR
    assert (await day.append("t", "b")).expires_at == first.expires_at


async def test_a_ttl_setting_gives_a_thread_that_had_none_one_at_once(log: Log) -> None:
    await log.append("t", "a")
    patched = await log.store.mutate(Configure("t", Settings(ttl_ms=HOUR), "merge"))
    taken = await log.store.mutate(Configure("t", Settings(ttl_ms=None), "merge"))

    assert patched.expires_at is not None
    assert taken.expires_at is None


async def test_where_a_ttl_is_required_none_is_refused_and_missing_ones_are_repaired(log: Log) -> None:
    await log.append("old", "a")
    await log.append("written", "a")
    strict = log.with_policy(ttl_ms=HOUR, required=True)
    await strict.append("t", "a")

    assert (await strict.store.mutate(SetTtl("t", forever=True))).code == "invalid_ttl"
    assert (await strict.store.mutate(Configure("t", Settings(ttl_ms=None), "merge"))).code == "invalid_ttl"
    assert (await strict.append("written", "b")).expires_at is not None
    assert (await strict.store.totals()).without_ttl == 1
    assert (await strict.outbox.reap(most=100)).repaired == 1
    assert (await strict.store.totals()).without_ttl == 0
    assert (await strict.store.facts("old")).expires_at is not None


async def test_a_message_expires_on_its_own(log: Log) -> None:
    outcome = await log.append("t", "a", draft("soon", ttl_ms=30), draft("S", "system", ttl_ms=30), "b")
    assert await log.texts("t") == ["a", "soon", "S", "b"]
    await asyncio.sleep(0.05)

    found = await log.store.check(
        [Candidate("t", outcome.incarnation, seq) for seq in (1, 2, 3, 4)], EVERYONE, before=2, after=2
    )
    assert [each is not None for each in found] == [True, False, False, True]
    assert found[0] is not None and len(found[0].after) == 1
    facts = await log.store.facts("t")
    assert (facts.messages, facts.system_messages, facts.tokens, facts.version) == (2, 0, 2, outcome.version)
    assert await log.texts("t") == await log.texts("t", last=9) == ["a", "b"]
    assert (await log.store.totals()).messages == 2
    removed = [entry.seqs for entry in await log.entries() if entry.kind == "remove"]
    assert removed == [(2, 3)]


async def test_messages_that_expired_are_gone_before_the_next_mutation_counts(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(max_messages=2), "replace"))
    await log.append("t", draft("soon", ttl_ms=20), "a")
    await asyncio.sleep(0.04)

    assert (await log.append("t", "b")).evicted == 0
    assert await log.texts("t") == ["a", "b"]


async def test_a_message_ttl_is_set_extended_and_taken_away(log: Log) -> None:
    first = await log.append("t", "a", "b")
    one = first.ids[0]

    assert not (await log.store.mutate(SetMessageTtl("t", one, ttl_ms=HOUR))).changed
    set_ = await log.store.mutate(SetMessageTtl("t", one, "set", ttl_ms=HOUR))
    assert set_.changed and set_.expires_at is not None and set_.version == first.version
    assert not (await log.store.mutate(SetMessageTtl("t", one, ttl_ms=HOUR // 2))).changed
    assert (await log.store.mutate(SetMessageTtl("t", one, forever=True))).expires_at is None
    assert (await log.store.mutate(SetMessageTtl("t", "9-9", ttl_ms=HOUR))).code == "message_not_found"
    assert (await log.store.mutate(SetMessageTtl("t", one, "set", expires_at=1))).code == "invalid_ttl"
    await log.store.mutate(SetMessageTtl("t", one, "set", ttl_ms=20))
    await asyncio.sleep(0.04)
    assert await log.texts("t") == ["b"]


async def test_a_draft_that_expired_already_is_refused(log: Log) -> None:
    refused = await log.append("t", "a", draft("late", expires_at=1))

    assert refused.code == "invalid_ttl" and log.key_names() == []


async def test_expiries_of_many_messages_at_once_are_purged_in_bounded_steps(log: Log) -> None:
    for _ in range(3):
        await log.append("t", *(draft("soon", ttl_ms=150) for _ in range(1000)))
    await log.append("t", "stays")
    await asyncio.sleep(0.3)

    assert await log.texts("t") == ["stays"]
    assert (await log.store.totals()).messages == 1


async def test_counts_are_exact_zero_after_thousands_of_expiries(log: Log) -> None:
    grown = await asyncio.gather(
        *(
            log.store.mutate(Append(f"t{number}", (draft("a"), draft("S", "system"), draft("x", ttl_ms=HOUR))))
            for number in range(2000)
        )
    )
    assert {outcome.code for outcome in grown} == {"ok"}
    await asyncio.gather(
        *(log.store.mutate(Configure(f"t{number}", Settings(owner=f"o{number % 9}"), "merge")) for number in range(200))
    )
    await asyncio.gather(*(log.store.mutate(SetTtl(f"t{number}", "set", ttl_ms=1)) for number in range(2000)))
    await asyncio.sleep(0.005)
    expired = 0
    while step := (await log.outbox.reap(most=500)).threads:
        expired += step

    totals = await log.store.totals()
    assert expired == 2000
    assert (totals.threads, totals.messages, totals.tokens, totals.bytes) == (0, 0, 0, 0)
    left = {key.split(":")[1] for key in log.key_names()}
    assert left <= {"mem", "cr", "out", "expired"}


async def test_while_a_thread_is_pinned_none_of_its_messages_expires_either(log: Log) -> None:
    first = await log.append("t", "a", draft("soon", ttl_ms=30))
    await log.store.mutate(SetTtl("t", pinned=True))
    await log.append("t", draft("late", ttl_ms=20))
    await asyncio.sleep(0.05)

    assert (await log.outbox.reap(most=10)).messages == 0
    assert await log.texts("t") == ["a", "soon", "late"]
    assert await log.store.message("t", first.ids[1]) is not None
    await log.store.mutate(SetTtl("t", pinned=False))
    assert await log.store.message("t", first.ids[1]) is None
    step = await log.outbox.reap(most=10)
    assert (step.messages, step.ever_messages) == (2, 2)
    assert await log.texts("t") == ["a"]


async def test_a_backup_comes_back_into_a_pinned_thread_with_what_the_pin_keeps(log: Log) -> None:
    await log.append("t", "a", draft("kept", ttl_ms=20))
    await log.store.mutate(SetTtl("t", pinned=True))
    await asyncio.sleep(0.04)
    cleared = await log.store.mutate(Clear("t", backup_ttl_ms=HOUR))
    assert cleared.backup_id is not None
    restored = await log.store.mutate(Restore("t", cleared.backup_id))

    assert (restored.count, await log.texts("t")) == (2, ["a", "kept"])
    await log.store.mutate(SetTtl("t", pinned=False))
    assert await log.texts("t") == ["a"]


async def test_messages_that_expire_among_others_leave_exactly_the_others(log: Log) -> None:
    texts = [f"m{number}" for number in range(60)]
    await log.append(
        "t",
        *(draft(text, "system" if at % 5 == 0 else "user", **({"ttl_ms": 20} if at % 3 else {}))
          for at, text in enumerate(texts)),
    )  # fmt: skip
    await asyncio.sleep(0.04)

    stays = [text for at, text in enumerate(texts) if at % 3 == 0]
    assert await log.texts("t", limit=100) == stays
    facts = await log.store.facts("t")
    assert (facts.messages, facts.system_messages) == (20, 4)
    assert facts.tokens == sum(map(len, stays)) == (await log.store.totals()).tokens
    assert facts.bytes == sum(map(len, (await log.page("t", limit=100)).messages)) == (await log.store.totals()).bytes


async def test_a_reaper_s_step_says_what_it_did_and_what_ever_expired(log: Log) -> None:
    await asyncio.gather(*(log.append(f"t{number}", "a", "b") for number in range(5)))
    await asyncio.gather(*(shorten(log, f"t{number}", 20) for number in range(5)))
    await asyncio.sleep(0.06)
    await log.append("t0", "anew")

    first, second = await log.outbox.reap(most=3), await log.outbox.reap(most=3)
    assert (first.threads, first.messages, first.more) == (3, 6, True)
    assert 30 < first.lag_ms < 10_000
    assert (second.threads, second.more, second.ever_threads, second.ever_messages) == (1, False, 5, 10)
    assert (await log.outbox.reap(most=3)).lag_ms == 0


async def test_a_full_server_still_reaps(log: Log) -> None:
    strict = log.with_policy(ttl_ms=HOUR, required=True)
    await log.append("forever", "x")
    await asyncio.gather(*(log.append(f"t{number}", "a", draft("soon", ttl_ms=1)) for number in range(5)))
    await shorten(log, "t0", 1)
    await asyncio.sleep(0.02)
    with log.server.admin() as admin:
        admin.config_set("maxmemory", 1)
        try:
            step = await strict.outbox.reap(most=100)
        finally:
            admin.config_set("maxmemory", 0)

    assert (step.threads, step.ever_messages, step.repaired) == (1, 6, 5)


async def test_a_longer_ttl_of_the_memory_holds_for_present_threads_from_their_next_use(log: Log) -> None:
    first = await log.with_policy(ttl_ms=HOUR).append("t", "a")
    day = log.with_policy(ttl_ms=24 * HOUR)

    assert (await day.store.facts("t")).expires_at == first.expires_at
    assert first.expires_at is not None
    assert ((await day.append("t", "b")).expires_at or 0) > first.expires_at + 22 * HOUR


async def test_a_shorter_ttl_of_the_memory_shortens_no_present_thread(log: Log) -> None:
    first = await log.with_policy(ttl_ms=24 * HOUR).append("t", "a")
    hour = log.with_policy(ttl_ms=HOUR)

    assert (await hour.append("t", "b")).expires_at == first.expires_at
    assert ((await hour.append("new", "a")).expires_at or 0) < (first.expires_at or 0) - 22 * HOUR


async def test_a_first_ttl_of_the_memory_leaves_present_threads_alone_unless_it_is_required(log: Log) -> None:
    await log.append("t", "a")

    assert (await log.with_policy(ttl_ms=HOUR).append("t", "b")).expires_at is None
    assert (await log.with_policy(ttl_ms=HOUR, required=True).append("t", "c")).expires_at is not None


async def test_without_a_ttl_of_the_memory_any_more_present_threads_keep_their_expiry(log: Log) -> None:
    first = await log.with_policy(ttl_ms=HOUR).append("t", "a")

    assert (await log.append("t", "b")).expires_at == first.expires_at
    assert (await log.append("new", "a")).expires_at is None


async def test_a_maximum_age_of_the_memory_bounds_later_refreshes_and_shortens_none(log: Log) -> None:
    day = await log.with_policy(ttl_ms=24 * HOUR).append("day", "a")
    hour = await log.with_policy(ttl_ms=HOUR).append("hour", "a")
    aged = log.with_policy(ttl_ms=24 * HOUR, max_age_ms=2 * HOUR)
    created = (await aged.store.facts("hour")).created_at
    assert created is not None and hour.expires_at is not None

    assert (await aged.append("day", "b")).expires_at == day.expires_at
    assert (await aged.append("hour", "b")).expires_at == created + 2 * HOUR


async def test_a_message_never_outlives_its_thread(log: Log) -> None:
    first = await log.append("t", draft("late", ttl_ms=HOUR))
    await shorten(log, "t")
    await asyncio.sleep(0.05)

    assert await log.store.message("t", first.ids[0]) is None


async def test_a_refresh_of_a_pinned_thread_moves_nothing(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR, refresh="read")
    await hour.append("t", "a")
    await hour.store.mutate(SetTtl("t", pinned=True))

    assert not (await hour.append("t", "b")).refreshed
    assert not (await hour.page("t")).stale and not await hour.store.touch("t")


async def test_unpinned_beyond_its_maximum_age_a_thread_expires_at_once(log: Log) -> None:
    aged = log.with_policy(ttl_ms=HOUR, max_age_ms=150)
    await aged.append("t", "a")
    await aged.store.mutate(SetTtl("t", pinned=True))
    await asyncio.sleep(0.2)

    assert await aged.texts("t") == ["a"]
    await aged.store.mutate(SetTtl("t", pinned=False))
    assert not (await aged.store.facts("t")).exists
    assert (await aged.outbox.reap(most=10)).threads == 1
