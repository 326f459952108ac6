"""Working-memory documents: versions of their own, the life of their thread or owner."""

from __future__ import annotations

import asyncio

import pytest
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Delete, Outcome

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
