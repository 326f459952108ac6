"""Working-memory documents: versions of their own, the life of their thread or owner."""

from __future__ import annotations

import asyncio

import pytest
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Configure, Delete, Outcome
from memory_service.model.values import IdempotencyKey, Settings, Writing

from tests.contracts.store.log import HOUR, Log

PLACES = [{"thread": "t", "owner": None}, {"thread": None, "owner": "ada|1"}]


async def put(
    log: Log, content: bytes | None, place: dict[str, str | None], seen: int | None = None, ttl: int | None = None
) -> Outcome:
    return await log.store.set_working(content, thread=place["thread"], owner=place["owner"], if_match=seen, ttl_ms=ttl)


async def get(log: Log, place: dict[str, str | None]) -> WorkingDocument:
    return await log.store.working(thread=place["thread"], owner=place["owner"])


@pytest.mark.parametrize("place", PLACES, ids=["thread", "owner"])
async def test_a_document_is_set_read_and_deleted(log: Log, place: dict[str, str | None]) -> None:
    assert await get(log, place) == WorkingDocument()
    first = await put(log, b"<a/>\x00\xff", place)
    document = await get(log, place)
    assert (document.content, document.version) == (b"<a/>\x00\xff", first.version) and document.updated_at
    second = await put(log, b"", place)
    assert second.version > first.version
    assert (await get(log, place)).content == b""
    gone = await put(log, None, place)
    assert gone.deleted and await get(log, place) == WorkingDocument()
    assert not (await put(log, None, place)).changed
    assert (await put(log, b"x", place)).version > gone.version


@pytest.mark.parametrize("place", PLACES, ids=["thread", "owner"])
async def test_a_stale_version_is_refused(log: Log, place: dict[str, str | None]) -> None:
    first = await put(log, b"a", place, 0)
    assert first.code == "ok"
    refused = await put(log, b"b", place, first.version + 1)

    assert (refused.code, refused.version) == ("version_mismatch", first.version)
    assert (await put(log, None, place, 0)).code == "version_mismatch"
    assert (await put(log, b"c", place, first.version)).code == "ok"


async def test_a_document_leaves_the_thread_s_version(log: Log) -> None:
    version = (await log.append("t", "a")).version
    await put(log, b"x", PLACES[0])

    assert (await log.store.facts("t")).version == version


async def test_a_document_creates_its_thread_and_goes_with_it(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR)
    outcome = await put(hour, b"x", PLACES[0])
    facts = await log.store.facts("t")

    assert outcome.created and facts.exists and facts.messages == 0 and facts.expires_at == outcome.expires_at
    await log.store.mutate(Delete("t"))
    assert await get(log, PLACES[0]) == WorkingDocument()


async def test_an_owner_s_document_lives_for_its_ttl(log: Log) -> None:
    await put(log, b"x", PLACES[1], ttl=30)
    assert (await get(log, PLACES[1])).content == b"x"
    await asyncio.sleep(0.06)

    assert await get(log, PLACES[1]) == WorkingDocument()


@pytest.mark.parametrize("place", [{"thread": "t", "owner": "o"}, {"thread": None, "owner": None}], ids=repr)
async def test_a_document_belongs_to_a_thread_or_an_owner(log: Log, place: dict[str, str | None]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        await get(log, place)


# --- dry runs and keys ------------------------------------------------------------------------------------------------


def under(name: str, body: str = "body", *, keep: bool = False) -> Writing:
    """A change under a key."""
    return Writing(key=IdempotencyKey(name.encode().ljust(16, b"."), body.encode().ljust(8, b".")), keep=keep)


async def change(log: Log, content: bytes | None, place: dict[str, str | None], how: Writing) -> Outcome:
    return await log.store.set_working(content, **place, if_match=None, ttl_ms=None, how=how)


@pytest.mark.parametrize("place", PLACES, ids=["thread", "owner"])
async def test_a_dry_run_answers_and_writes_nothing(log: Log, place: dict[str, str | None]) -> None:
    tried = await change(log, b"x", place, Writing(dry_run=True))
    assert (tried.code, tried.version, tried.updated_at, log.key_names()) == ("ok", 0, None, [])
    first = await put(log, b"x", place)
    before = await get(log, place)
    again = await change(log, b"y", place, Writing(dry_run=True))
    gone = await change(log, None, place, Writing(dry_run=True))

    assert (again.version, again.updated_at) == (first.version, before.updated_at)
    assert (gone.deleted, gone.version) == (True, first.version)
    assert await get(log, place) == before


@pytest.mark.parametrize("place", PLACES, ids=["thread", "owner"])
async def test_a_key_repeats_the_first_answer_and_writes_once(log: Log, place: dict[str, str | None]) -> None:
    first = await change(log, b"x", place, under("k"))
    await put(log, b"newer", place)
    again = await change(log, b"x", place, under("k"))

    assert again.replayed and not first.replayed
    assert (again.version, again.updated_at) == (first.version, first.updated_at)
    assert (await get(log, place)).content == b"newer"
    assert (await change(log, b"x", place, under("k", "other"))).code == "idempotency_mismatch"
    removed = await change(log, None, place, under("d"))
    await put(log, b"back", place)
    assert removed.deleted and (await change(log, None, place, under("d"))).deleted
    assert (await get(log, place)).content == b"back"


async def test_what_was_answered_under_a_key_can_be_asked_for(log: Log) -> None:
    how = under("k")
    assert how.key is not None
    assert await log.store.answered(how.key) is None
    first = await change(log, b"x", PLACES[0], how)
    known = await log.store.answered(how.key)

    assert known is not None
    assert (known.version, known.replayed) == (first.version, True)


@pytest.mark.parametrize("place", PLACES, ids=["thread", "owner"])
async def test_the_latest_kept_contents_are_known_until_the_document_goes(
    log: Log, place: dict[str, str | None]
) -> None:
    versions = [(await change(log, b"%d" % at, place, under(str(at), keep=True))).version for at in range(6)]
    await put(log, b"plain", place)

    known = [await log.store.working_at(version, **place) for version in versions]
    assert known == [None, None, b"2", b"3", b"4", b"5"]
    await put(log, None, place)
    await put(log, b"anew", place)
    assert await log.store.working_at(versions[5], **place) is None


async def test_contents_that_no_key_can_ask_for_any_more_go_with_the_next_change(log: Log) -> None:
    old = (await change(log, b"old", PLACES[0], under("k", keep=True))).version
    await put(log, b"newer", PLACES[0])
    assert await log.store.working_at(old, **PLACES[0]) == b"old"
    with log.server.admin() as admin:
        [name] = [key for key in log.key_names() if key.endswith(":w:t")]
        admin.hincrby(name, "kept", -37 * HOUR)
    await put(log, b"newest", PLACES[0])

    assert await log.store.working_at(old, **PLACES[0]) is None


async def test_an_owner_s_document_does_not_outlive_its_maximum_age(log: Log) -> None:
    short = log.with_policy(max_age_ms=80)
    await put(short, b"x", PLACES[1], ttl=HOUR)
    await asyncio.sleep(0.05)
    await put(short, b"y", PLACES[1], ttl=HOUR)
    await asyncio.sleep(0.05)

    assert await get(log, PLACES[1]) == WorkingDocument()


async def test_an_owner_s_document_that_is_never_refreshed_goes_when_it_was_to_go(log: Log) -> None:
    never = log.with_policy(refresh="never")
    await put(never, b"x", PLACES[1], ttl=60)
    await put(never, b"y", PLACES[1], ttl=HOUR)
    assert (await get(log, PLACES[1])).content == b"y"
    await asyncio.sleep(0.08)

    assert await get(log, PLACES[1]) == WorkingDocument()


async def test_a_shorter_ttl_does_not_shorten_an_owner_s_document(log: Log) -> None:
    await put(log, b"x", PLACES[1], ttl=HOUR)
    await put(log, b"y", PLACES[1], ttl=30)
    await asyncio.sleep(0.05)

    assert (await get(log, PLACES[1])).content == b"y"


async def test_a_read_keeps_an_owner_s_document_alive_by_a_grain_at_least(log: Log) -> None:
    reading = log.with_policy(refresh="read")
    await put(reading, b"x", PLACES[1], ttl=60)
    assert await reading.store.touch_document("ada|1", HOUR)
    assert not await reading.store.touch_document("ada|1", HOUR)
    assert not await reading.store.touch_document("nobody", HOUR)
    await asyncio.sleep(0.08)

    assert (await get(reading, PLACES[1])).content == b"x"


async def test_an_owner_whose_document_expired_and_who_has_no_thread_is_no_owner_any_more(log: Log) -> None:
    await log.append("t", "a")
    await log.store.mutate(Configure("t", Settings(owner="bea"), "merge"))
    for owner in ("ada", "bea", "cid", "dan"):
        await put(log, b"notes", {"thread": None, "owner": owner}, ttl=HOUR if owner == "cid" else 30)
    await put(log, None, {"thread": None, "owner": "dan"})
    await asyncio.sleep(0.06)

    await log.outbox.reap(most=10)

    owners, _ = await log.store.owners(after=None, limit=10)
    assert [(each.name, each.threads, each.document) for each in owners] == [("bea", 1, False), ("cid", 0, True)]


async def test_an_erased_owner_is_not_remembered_by_the_time_of_a_document(log: Log) -> None:
    await put(log, b"notes", {"thread": None, "owner": "ada"}, ttl=HOUR)
    await log.store.forget("ada", cursor=0, erase=True)

    with log.server.admin() as admin:
        kept = [key for key in log.key_names() if key.endswith((":owners", ":oexp"))]
        assert [admin.zrange(key, 0, -1) for key in kept] == []
