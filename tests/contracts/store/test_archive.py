"""Whole threads out of the log, and into it in one step."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from memory_service.model.archive import Snapshot
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Configure, Import, Outcome, SetMessageTtl, SetTtl
from memory_service.model.values import Draft, Settings

from tests.contracts.store.log import HOUR, Log, draft, drafts, texts

THEN = 1_700_000_000_000
PLAIN = Settings(type="CHAT", owner=None, title=None, max_messages=None, pinned=False, metadata=None)
FULL = Settings(type="AGENT", owner="ada", title="Ada", max_messages=9, ttl_ms=HOUR, metadata={"k": [1]}, pinned=False)
LARGE = 1 << 20


def whole(thread: str, *messages: str | Draft, settings: Settings = PLAIN, **more: object) -> Import:
    """A thread to import; texts are a user's."""
    given = tuple(draft(each) if isinstance(each, str) else each for each in messages)
    return replace(Import(thread, settings, given, THEN, THEN + 1), **more)  # type: ignore[arg-type]


async def taken(log: Log, thread: str) -> Snapshot:
    found = await log.store.snapshot(thread, LARGE)
    assert found is not None
    return found


async def test_a_whole_thread_comes_in_in_one_step(log: Log) -> None:
    far = THEN * 2
    await log.store.mutate(
        whole("t", draft("sys", "system"), "a", settings=FULL, expires_at=far, document=b"doc", document_at=THEN)
    )
    facts = await log.store.facts("t")

    assert await log.texts("t") == ["sys", "a"]
    assert (facts.type, facts.owner, facts.title, facts.max_messages) == ("AGENT", "ada", "Ada", 9)
    assert (facts.metadata, facts.ttl_ms, facts.expires_at) == ({"k": [1]}, HOUR, far)
    assert (facts.created_at, facts.updated_at, facts.messages, facts.system_messages) == (THEN, THEN + 1, 2, 1)
    assert await log.store.working(thread="t", owner=None) == WorkingDocument(b"doc", facts.version, THEN)
    assert [owner.name for owner in (await log.store.owners(after=None, limit=9))[0]] == ["ada"]


async def test_what_was_imported_is_told_to_the_index(log: Log) -> None:
    await log.store.mutate(whole("t", "a", "b"))
    entry = (await log.entries())[-1]
    assert (entry.kind, entry.thread, entry.first, entry.last) == ("add", "t", 1, 2)


async def test_a_thread_that_exists_is_left_alone(log: Log) -> None:
    first = await log.append("t", "old")
    outcome = await log.store.mutate(whole("t", "new"))
    assert (outcome.code, outcome.version, await log.texts("t")) == ("exists", first.version, ["old"])


async def test_replacing_leaves_nothing_of_the_one_before(log: Log) -> None:
    await log.store.mutate(whole("t", draft("x", expires_at=THEN * 2), settings=FULL, document=b"doc"))
    before = await log.store.facts("t")
    await log.store.mutate(whole("t", "new", replacing=True))
    facts, totals = await log.store.facts("t"), await log.store.totals()

    assert facts.incarnation > before.incarnation
    assert (facts.owner, facts.type, facts.expires_at, await log.texts("t")) == (None, "CHAT", None, ["new"])
    assert (totals.threads, totals.messages, totals.bytes) == (1, 1, facts.bytes)
    assert (await log.store.working(thread="t", owner=None)).version == 0
    assert (await log.store.owners(after=None, limit=9))[0] == []
    assert (await log.entries())[-1].dead == before.incarnation
    assert await log.store.born(0, 9) == [(facts.incarnation, "t")]


async def test_a_thread_without_messages_comes_in_too(log: Log) -> None:
    before = await log.append("t", "old")
    outcome = await log.store.mutate(whole("t", settings=FULL, replacing=True))
    facts = await log.store.facts("t")

    assert (outcome.created, outcome.count, facts.messages, facts.owner) == (True, 0, 0, "ada")
    gone = (await log.entries())[-1]
    assert (gone.kind, gone.incarnation) == ("gone", before.incarnation)


async def test_a_message_that_is_over_by_now_stays_out(log: Log) -> None:
    outcome = await log.store.mutate(whole("t", draft("over", expires_at=THEN), "stays"))
    assert (outcome.count, await log.texts("t")) == (1, ["stays"])


async def test_a_thread_that_is_over_by_now_does_not_come_in(log: Log) -> None:
    assert (await log.store.mutate(whole("t", "a", expires_at=THEN))).code == "invalid_ttl"
    assert not (await log.store.facts("t")).exists


async def test_staged_messages_land_with_the_thread(log: Log) -> None:
    far = THEN * 2
    assert await log.store.stage("one", drafts("a", "b")) == 2
    assert await log.store.stage("one", (draft("c", "system"), draft("d", expires_at=far))) == 4
    assert (await log.store.totals()).messages == 0
    outcome = await log.store.mutate(whole("t", staged="one", staged_count=4))
    snapshot = await taken(log, "t")

    assert outcome.count == 4
    assert texts(snapshot.messages or []) == ["a", "b", "c", "d"]
    assert (snapshot.expiries, snapshot.facts.system_messages, snapshot.facts.tokens) == ({4: far}, 1, 4)
    assert [key for key in log.key_names() if ":im" in key] == []


async def test_nothing_lands_when_a_staged_part_is_missing(log: Log) -> None:
    await log.store.stage("one", drafts("a"))
    assert (await log.store.mutate(whole("t", staged="one", staged_count=2))).code == "busy"
    assert not (await log.store.facts("t")).exists


async def test_what_is_staged_and_never_used_expires(log: Log) -> None:
    await log.store.stage("one", drafts("a"))
    (key,) = [key for key in log.key_names() if ":im:" in key]
    with log.server.admin() as admin:
        assert 0 < admin.pttl(key) <= 120_000


async def test_what_is_staged_goes_with_the_memory(log: Log) -> None:
    await log.store.stage("one", drafts("a"))
    await log.append("t", "a")
    assert set((await log.outbox.erase()).values()) == {0}
    assert log.key_names() == []


async def test_a_window_holds_at_once(log: Log) -> None:
    outcome = await log.store.mutate(whole("t", "a", "b", "c", settings=replace(PLAIN, max_messages=2)))
    assert (outcome.count, outcome.evicted, outcome.total, await log.texts("t")) == (3, 1, 2, ["b", "c"])


@pytest.mark.parametrize(
    ("policy", "code"), [({"thread_messages": 1}, "thread_full"), ({"threads": 1}, "quota_exceeded")]
)
async def test_limits_hold_and_nothing_is_written(log: Log, policy: dict[str, int], code: str) -> None:
    await log.append("other", "x")
    limited = log.with_policy(**policy)
    assert (await limited.store.mutate(whole("t", "a", "b", document=b"doc"))).code == code
    assert (await limited.store.mutate(whole("u", settings=FULL))).code == (
        "quota_exceeded" if "threads" in policy else "ok"
    )
    assert not (await log.store.facts("t")).exists
    assert not [key for key in log.key_names() if key.endswith(":t")]


async def test_the_expiry_is_the_one_written_down_whatever_the_memory_refreshes(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    await day.store.mutate(whole("t", "a", expires_at=THEN * 2))
    await day.store.mutate(whole("u", "a"))
    assert (await day.store.facts("t")).expires_at == THEN * 2
    assert (await day.store.facts("u")).expires_at is None


async def test_a_memory_that_requires_an_expiry_gives_one(log: Log) -> None:
    strict = log.with_policy(ttl_ms=HOUR, required=True)
    await strict.store.mutate(whole("t", "a", settings=replace(PLAIN, ttl_ms=0)))
    facts = await strict.store.facts("t")
    assert facts.remaining_ms is not None and facts.remaining_ms <= HOUR + 4_000
    assert facts.ttl_ms == HOUR


async def test_a_maximum_age_counts_from_the_creation_written_down(log: Log) -> None:
    aged = log.with_policy(max_age_ms=HOUR)
    assert (await aged.store.mutate(whole("t", "a"))).code == "invalid_ttl"
    assert not (await aged.store.facts("t")).exists


async def test_a_pinned_thread_keeps_the_expiry_for_later(log: Log) -> None:
    await log.store.mutate(whole("t", "a", settings=replace(PLAIN, pinned=True), expires_at=THEN * 2))
    assert ((await log.store.facts("t")).expires_at, (await taken(log, "t")).expires_at) == (None, THEN * 2)
    await log.store.mutate(SetTtl("t", pinned=False))
    assert (await log.store.facts("t")).expires_at == THEN * 2


async def test_a_snapshot_is_what_an_import_takes(log: Log) -> None:
    await log.store.mutate(Configure("t", FULL, "replace"))
    await log.append("t", "a", draft("sys", "system"), "b")
    await log.store.mutate(
        SetMessageTtl("t", f"{(await log.store.facts('t')).incarnation}-3", "set", expires_at=THEN * 2)
    )
    await log.store.set_working(b"doc", thread="t", owner=None, if_match=None, ttl_ms=None)
    snapshot = await taken(log, "t")

    assert texts(snapshot.messages or []) == ["a", "sys", "b"]
    assert (snapshot.ttl_ms, snapshot.last_seq, snapshot.expiries) == (HOUR, 3, {3: THEN * 2})
    assert (snapshot.facts.owner, snapshot.facts.messages, snapshot.document.content) == ("ada", 3, b"doc")


async def test_a_snapshot_leaves_large_threads_to_pages(log: Log) -> None:
    await log.append("t", "x" * 200, draft("y", ttl_ms=HOUR))
    snapshot = await log.store.snapshot("t", 100)
    assert snapshot is not None
    assert (snapshot.messages, snapshot.last_seq, snapshot.expiring) == (None, 2, True)
    assert list(await log.store.message_expiries("t", [1, 2])) == [2]


async def test_an_absent_thread_has_no_snapshot(log: Log) -> None:
    assert await log.store.snapshot("t", LARGE) is None


async def test_threads_come_in_order_of_creation(log: Log) -> None:
    for thread in "cab":
        await log.append(thread, "x")
    born = await log.store.born(0, 2)
    assert [thread for _, thread in born] == ["c", "a"]
    assert [thread for _, thread in await log.store.born(born[-1][0], 2)] == ["b"]


async def test_documents_of_owners_come_with_their_expiry(log: Log) -> None:
    await log.store.set_working(b"x", thread=None, owner="ada", if_match=None, ttl_ms=HOUR)
    await log.store.set_working(b"y", thread=None, owner="bob", if_match=None, ttl_ms=None)
    ada, bob = await log.store.owner_documents(["ada", "nobody", "bob"])
    assert (ada.owner, ada.document.content, bob.owner, bob.expires_at) == ("ada", b"x", "bob", None)
    assert ada.expires_at is not None


async def test_threads_of_one_call_land_up_to_the_first_that_is_refused(log: Log) -> None:
    await log.append("b", "old")
    outcomes = await log.store.land([whole("a", "x"), whole("b", "x"), whole("c", "x")])
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Outcome)] == ["ok", "exists", "busy"]
    assert (await log.texts("b"), (await log.store.facts("c")).exists) == (["old"], False)


async def test_a_thread_that_is_skipped_or_over_stops_none_behind_it(log: Log) -> None:
    await log.append("a", "old")
    threads = [whole("a", "x", skipping=True), whole("b", "x", expires_at=THEN), whole("c", "x")]
    outcomes = await log.store.land(threads)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Outcome)] == ["exists", "invalid_ttl", "ok"]


@pytest.mark.parametrize("messages", [("x",), ()], ids=["with messages", "without"])
async def test_a_living_thread_that_is_replaced_counts_as_none_that_expired(
    log: Log, messages: tuple[str, ...]
) -> None:
    await log.append("t", "a", "b")
    await log.store.mutate(whole("t", *messages, replacing=True))

    reaped = await log.outbox.reap(most=10)

    assert (reaped.ever_threads, reaped.ever_messages) == (0, 0)
    assert await log.texts("t") == list(messages)


async def test_a_pinned_thread_is_taken_with_the_messages_that_the_pin_keeps(log: Log) -> None:
    await log.append("t", "a", draft("kept", ttl_ms=20))
    await log.store.mutate(SetTtl("t", pinned=True))
    await asyncio.sleep(0.04)

    found = await taken(log, "t")

    assert found.messages is not None and texts(found.messages) == ["a", "kept"]
    assert found.facts.messages == 2 and list(found.expiries) == [2]
