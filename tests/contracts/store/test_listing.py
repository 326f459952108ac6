"""Lists of threads: orders, filters, pages that stay put."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import pytest
from memory_service.adapters.redis import listing
from memory_service.errors import Refused
from memory_service.model.facts import Facts, ThreadQuery
from memory_service.model.mutations import Configure, Delete, SetTtl
from memory_service.model.values import Settings

from tests.contracts.store.log import HOUR, Log, draft


async def walk(log: Log, limit: int = 3, **query: Any) -> list[Facts]:
    """Every page of a list, and that each but the last is full."""
    found: list[Facts] = []
    cursor = None
    while True:
        page = await log.store.threads(ThreadQuery(limit=limit, cursor=cursor, **query))
        found += page.threads
        if page.next_cursor is None:
            return found
        assert page.truncated or len(page.threads) == limit
        cursor = page.next_cursor


async def names(log: Log, **query: Any) -> list[str]:
    return [facts.thread for facts in await walk(log, **query)]


async def make(log: Log, *threads: str) -> None:
    for thread in threads:
        await log.append(thread, "x")


async def test_threads_come_in_order_of_bytes_of_their_ids(log: Log) -> None:
    await make(log, "b", "a", "B", "a:2", "a:10", "-", "~".replace("~", "z"))

    assert await names(log) == ["-", "B", "a", "a:10", "a:2", "b", "z"]


async def test_threads_come_in_order_of_creation(log: Log) -> None:
    await make(log, "b", "a", "c", "d", "e")
    await log.append("b", "again")
    await log.store.mutate(Delete("a"))
    await make(log, "a")

    assert await names(log, order="created") == ["b", "c", "d", "e", "a"]


async def test_threads_come_in_order_of_expiry_those_without_last(log: Log) -> None:
    await make(log, *"fedcba")
    for thread, hours in (("c", 3), ("a", 1), ("b", 2)):
        await log.store.mutate(SetTtl(thread, "set", ttl_ms=hours * HOUR))
    await log.store.mutate(SetTtl("d", pinned=True))

    assert await names(log, order="expires_at") == ["a", "b", "c", "e", "f", "d"]


async def test_many_threads_of_one_expiry_are_paged_by_id(log: Log) -> None:
    await asyncio.gather(*(log.append(f"t{number:03d}", "x") for number in range(250)))

    assert await names(log, order="expires_at", limit=7) == [f"t{number:03d}" for number in range(250)]


@pytest.mark.parametrize("order", ["id", "created", "expires_at"])
async def test_a_listing_goes_on_when_the_thread_at_its_cursor_is_deleted(log: Log, order: Any) -> None:
    await make(log, *"abcdef")
    page = await log.store.threads(ThreadQuery(limit=2, order=order))
    await log.store.mutate(Delete("b"))
    await log.store.mutate(Delete("a"))
    rest = await log.store.threads(ThreadQuery(limit=10, order=order, cursor=page.next_cursor))

    assert [facts.thread for facts in rest.threads] == ["c", "d", "e", "f"]


async def test_a_prefix_and_a_glob_choose_by_id(log: Log) -> None:
    await make(log, "user:1", "user:12", "user:2", "user", "users:1", "v")

    assert await names(log, prefix="user:") == ["user:1", "user:12", "user:2"]
    assert await names(log, match="user:?") == ["user:1", "user:2"]
    assert await names(log, match="*:1*") == ["user:1", "user:12", "users:1"]
    assert await names(log, prefix="user:1", match="*2", order="created") == ["user:12"]
    assert await names(log, match="user") == ["user"]


async def test_an_owner_has_only_threads_of_its_own(log: Log) -> None:
    for number in range(7):
        owner = "ada" if number % 2 else "grace"
        await log.store.mutate(Configure(f"t{6 - number}", Settings(owner=owner), "replace"))
    await make(log, "free")
    await log.store.mutate(SetTtl("t1", "set", ttl_ms=HOUR))

    assert await names(log, owner="ada", limit=1) == ["t1", "t3", "t5"]
    assert await names(log, owner="ada", limit=2, order="created") == ["t5", "t3", "t1"]
    assert await names(log, owner="ada", limit=2, order="expires_at") == ["t1", "t3", "t5"]
    assert await names(log, owner="nobody") == []


@pytest.mark.parametrize("order", ["id", "created", "expires_at"])
async def test_an_owner_of_more_threads_than_are_looked_at_is_listed_whole(
    log: Log, order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "OWNED", 2)
    for name in "ebdac":
        await log.store.mutate(Configure(name, Settings(owner="ann"), "merge"))
    seen: list[str] = []
    page = await log.store.threads(ThreadQuery(owner="ann", order=order, max_scan=2))
    while page.truncated:
        seen += [facts.thread for facts in page.threads]
        page = await log.store.threads(ThreadQuery(owner="ann", order=order, max_scan=2, cursor=page.next_cursor))
    seen += [facts.thread for facts in page.threads]

    assert seen == (list("ebdac") if order == "created" else list("abcde"))


async def test_type_and_time_left_choose_too(log: Log) -> None:
    await log.store.mutate(Configure("w", Settings(type="WORKFLOW"), "replace"))
    await make(log, "a", "b")
    await log.store.mutate(SetTtl("a", "set", ttl_ms=HOUR))

    assert await names(log, type="WORKFLOW") == ["w"]
    assert await names(log, type="CHAT") == ["a", "b"]
    for order in ("id", "created", "expires_at"):
        assert await names(log, order=order, expiring_within_ms=2 * HOUR) == ["a"]
    assert await names(log, expiring_within_ms=HOUR // 2) == []


async def test_a_search_says_when_it_stopped_looking(log: Log) -> None:
    await asyncio.gather(*(log.append(f"t{number:03d}", "x") for number in range(300)))
    await log.append("z", "x")
    page = await log.store.threads(ThreadQuery(match="*z", max_scan=250))

    assert (page.threads, page.truncated) == ([], True)
    rest = await log.store.threads(ThreadQuery(match="*z", max_scan=250, cursor=page.next_cursor))
    assert [facts.thread for facts in rest.threads] == ["z"] and not rest.truncated


async def test_facts_in_a_list_are_the_thread_s_own(log: Log) -> None:
    await log.store.mutate(Configure("t", Settings(owner="ada", title="x", metadata={"k": 1}), "replace"))
    await log.append("t", "a", draft("soon", ttl_ms=10))
    await asyncio.sleep(0.03)
    (listed,) = (await log.store.threads(ThreadQuery())).threads

    assert listed == await log.store.facts("t")
    assert listed.messages == 1


@pytest.mark.parametrize("order", ["id", "created", "expires_at"])
async def test_nothing_that_stays_is_missed_or_repeated_while_others_come_and_go(log: Log, order: Any) -> None:
    stays = [f"s{number:03d}" for number in range(60)]
    await make(log, *stays)
    found: list[str] = []
    cursor = None
    for round_ in range(100):
        page = await log.store.threads(ThreadQuery(limit=5, order=order, cursor=cursor))
        found += [facts.thread for facts in page.threads]
        cursor = page.next_cursor
        if cursor is None:
            break
        await log.append(f"new{round_ * 7 % 10}{round_}", "x")
        await log.store.mutate(Delete(f"new{(round_ - 2) * 7 % 10}{round_ - 2}"))

    assert [thread for thread in found if thread in set(stays)] == stays
    assert len(found) == len(set(found))


def forged(*parts: str) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(parts)).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!",
        "",
        "AAAA",
        forged("created", "", "x", "t"),
        forged("id", "ada", "", "t"),
        forged("created", "", "²", "t"),
    ],
)
@pytest.mark.parametrize("order", ["id", "created", "expires_at"])
async def test_a_cursor_of_another_list_is_refused(log: Log, cursor: str, order: Any) -> None:
    await make(log, "a")
    with pytest.raises(Refused) as refusal:
        await log.store.threads(ThreadQuery(order=order, cursor=cursor))

    assert refusal.value.code == "invalid_cursor"
    assert refusal.value.faults[0].path == "query:cursor"
