"""What recall may return: alive at the instant of the check, and for this audience."""

from __future__ import annotations

import pytest
from memory_service.model.mutations import Clear, Configure, Delete, DeleteMessage
from memory_service.model.search import Audience, Candidate
from memory_service.model.values import Settings

from tests.contracts.store.log import Log, draft, texts

EVERYONE = Audience(any_owner=True)


async def alive(log: Log, *candidates: Candidate) -> list[bool]:
    return [found is not None for found in await log.store.check(candidates, EVERYONE, before=0, after=0)]


async def test_hits_come_with_their_bytes_and_neighbours_in_the_order_given(log: Log) -> None:
    g = (await log.append("t", *"abcdefg")).incarnation
    found = await log.store.check([Candidate("t", g, 4), Candidate("t", g, 1)], EVERYONE, before=2, after=1)

    assert [texts([each.message]) for each in found if each] == [["d"], ["a"]]
    assert found[0] is not None and found[1] is not None
    assert (texts(found[0].before), texts(found[0].after)) == (["b", "c"], ["e"])
    assert (texts(found[1].before), texts(found[1].after)) == ([], ["b"])


async def test_system_messages_are_found_and_neighbour_only_each_other(log: Log) -> None:
    g = (await log.append("t", "a", draft("S1", "system"), "b", draft("S2", "system"))).incarnation
    found = await log.store.check([Candidate("t", g, 2), Candidate("t", g, 3)], EVERYONE, before=5, after=5)

    assert found[0] is not None and found[1] is not None
    assert (texts([found[0].message]), texts(found[0].after)) == (["S1"], ["S2"])
    assert (texts([found[1].message]), texts(found[1].before)) == (["b"], ["a"])


async def test_what_was_deleted_cleared_evicted_or_born_again_is_not_alive(log: Log) -> None:
    await log.store.mutate(Configure("w", Settings(max_messages=1), "replace"))
    first, window = await log.append("t", *"abc"), await log.append("w", "a")
    await log.append("w", "b")
    g = first.incarnation
    assert await alive(log, *(Candidate("t", g, seq) for seq in (1, 2, 3, 4))) == [True, True, True, False]

    await log.store.mutate(DeleteMessage("t", first.ids[1]))
    assert await alive(log, *(Candidate("t", g, seq) for seq in (1, 2, 3))) == [True, False, True]
    assert await alive(log, Candidate("w", window.incarnation, 1), Candidate("w", window.incarnation, 2)) == [
        False,
        True,
    ]
    await log.store.mutate(Clear("t"))
    assert await alive(log, Candidate("t", g, 1), Candidate("t", g, 3)) == [False, False]
    await log.store.mutate(Delete("t"))
    again = await log.append("t", *"xyz")
    assert await alive(log, Candidate("t", g, 1), Candidate("t", again.incarnation, 1)) == [False, True]
    assert await alive(log, Candidate("absent", 1, 1)) == [False]


async def test_messages_are_found_among_many_holes(log: Log) -> None:
    outcome = await log.append("t", *map(str, range(1, 301)))
    gone = set(range(1, 301, 3)) | set(range(100, 200)) | {299, 300}
    for seq in gone:
        await log.store.mutate(DeleteMessage("t", f"{outcome.incarnation}-{seq}"))

    found = await alive(log, *(Candidate("t", outcome.incarnation, seq) for seq in range(1, 301)))
    assert found == [seq not in gone for seq in range(1, 301)]
    assert await log.texts("t", after=f"{outcome.incarnation}-99", limit=2) == ["200", "201"]


@pytest.mark.parametrize(
    ("audience", "seen"),
    [
        (Audience(), {"free"}),
        (Audience(owner="ada"), {"free", "hers"}),
        (Audience(owner="ada", ownerless=False), {"hers"}),
        (Audience(owner="grace"), {"free", "other"}),
        (Audience(any_owner=True), {"free", "hers", "other"}),
        (Audience(thread="hers"), set()),
        (Audience(thread="hers", owner="ada"), {"hers"}),
        (Audience(thread="free", owner="ada"), {"free"}),
        (Audience(thread="other", any_owner=True), {"other"}),
    ],
    ids=[
        "nobody-sees-the-ownerless",
        "an-owner-sees-the-ownerless-too",
        "an-owner-alone",
        "another-owner",
        "an-administrator-sees-all",
        "an-owned-thread-without-its-owner",
        "an-owned-thread-by-its-owner",
        "an-ownerless-thread",
        "any-thread-by-an-administrator",
    ],
)
async def test_a_thread_with_an_owner_comes_back_only_for_that_owner(
    log: Log, audience: Audience, seen: set[str]
) -> None:
    await log.store.mutate(Configure("hers", Settings(owner="ada"), "replace"))
    await log.store.mutate(Configure("other", Settings(owner="grace"), "replace"))
    candidates = []
    for thread in ("free", "hers", "other"):
        candidates.append(Candidate(thread, (await log.append(thread, thread)).incarnation, 1))

    found = await log.store.check(candidates, audience, before=0, after=0)
    assert {each.candidate.thread for each in found if each} == seen
    assert {each.owner for each in found if each} == {{"hers": "ada", "other": "grace"}.get(name) for name in seen}


async def test_the_newest_of_a_thread_or_an_owner_without_a_vector_store(log: Log) -> None:
    for thread in ("one", "two"):
        await log.store.mutate(Configure(thread, Settings(owner="ada"), "replace"))
    await log.append("one", "a", "b")
    await log.append("two", "c", draft("S", "system"), "d")

    async def newest(audience: Audience, most: int = 10) -> list[str]:
        return texts([each.message for each in await log.store.newest(audience, most=most)])

    assert await newest(Audience(owner="ada")) == ["d", "S", "c", "b", "a"]
    assert await newest(Audience(owner="ada"), 3) == ["d", "S", "c"]
    assert await newest(Audience(thread="one", owner="ada")) == ["b", "a"]
    assert await newest(Audience(thread="one")) == []
    assert await newest(Audience()) == []
    assert await newest(Audience(owner="grace")) == []
