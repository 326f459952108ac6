"""Messages added up by role and day inside the store, step by step."""

from __future__ import annotations

import asyncio

from memory_service.model.facts import Place, Share, Tally
from memory_service.model.mutations import Configure
from memory_service.model.values import Settings

from tests.contracts.store.log import Log, draft

DAY_1, DAY_2 = "2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.000Z"


async def steps(log: Log, most: int, thread: str | None = None) -> list[Tally]:
    """Every step to the end."""
    found, place = [], None
    while True:
        found.append(await log.store.tally(place, thread=thread, most=most))
        if (place := found[-1].next) is None:
            return found


def added(found: list[Tally], kind: str) -> dict[str, Share]:
    total: dict[str, Share] = {}
    for step in found:
        for name, share in step.groups[kind].items():
            before = total.get(name, Share())
            total[name] = Share(before.messages + share.messages, before.tokens + share.tokens)
    return total


async def test_a_memory_without_messages_adds_up_to_nothing(log: Log) -> None:
    [only] = await steps(log, 10)
    assert (only.threads, only.messages, only.oldest, only.groups) == (0, 0, None, {"role": {}, "day": {}})


async def test_messages_add_up_by_role_and_by_day(log: Log) -> None:
    await log.append("a", draft("xx", at=DAY_1), draft("x", "assistant", at=DAY_2), draft("xxx", "system", at=DAY_2))
    await log.append("b", draft("xxxx", "tool", at=DAY_2), draft("x", at=DAY_2))
    [only] = await steps(log, 100)

    assert only.groups == {
        "role": {"user": Share(2, 3), "assistant": Share(1, 1), "system": Share(1, 3), "tool": Share(1, 4)},
        "day": {"2026-01-01": Share(1, 2), "2026-01-02": Share(4, 9)},
    }
    assert (only.threads, only.messages, only.tokens, only.damaged) == (2, 5, 11, 0)
    assert (only.oldest, only.newest) == (DAY_1, DAY_2)


async def test_steps_of_any_size_add_up_to_the_same(log: Log) -> None:
    for number in range(7):
        several = (draft(str(at), "system" if at % 5 == 0 else "user") for at in range(number * 130))
        await log.append(f"t{number}", *several)
        await log.store.mutate(Configure(f"t{number}", Settings(title="x"), "merge"))
    whole = await log.store.totals()

    for most in (1, 150, 1_000):
        found = await steps(log, most)
        assert sum(step.messages for step in found) == whole.messages
        assert sum(step.threads for step in found) == whole.threads
        assert sum(share.tokens for share in added(found, "role").values()) == whole.tokens
        assert max(step.looked for step in found) <= most + 200


async def test_one_thread_adds_up_alone_and_says_its_version(log: Log) -> None:
    await log.append("a", "x")
    version = (await log.append("b", *("xx" for _ in range(450)))).version
    found = await steps(log, 100, thread="b")

    assert len(found) > 1
    assert {step.version for step in found} == {version}
    assert added(found, "role") == {"user": Share(450, 900)}
    assert (await log.store.tally(None, thread="absent", most=10)).version == 0


async def test_what_expired_counts_no_more(log: Log) -> None:
    await log.append("a", draft("x", ttl_ms=30), draft("kept"))
    await log.with_policy(ttl_ms=1).append("b", "x")
    await asyncio.sleep(1.1)
    [only] = await steps(log, 100)

    assert (only.threads, only.messages, only.groups["role"]) == (1, 1, {"user": Share(1, 4)})


async def test_a_damaged_entry_is_counted_as_such_and_stops_nothing(log: Log) -> None:
    await log.append("a", "x", "y", "z")
    with log.server.admin() as admin:
        [key] = [name for name in log.key_names() if name.endswith(":l:a")]
        admin.lset(key, 1, b"\x00 not a message")
    [only] = await steps(log, 100)

    assert (only.messages, only.damaged) == (2, 1)


async def test_a_place_in_a_thread_that_is_gone_goes_on_behind_it(log: Log) -> None:
    await log.append("a", "x")
    await log.append("c", "y")
    step = await log.store.tally(Place("b", 0, 5), most=10)

    assert (step.threads, step.next) == (1, None)


async def test_a_text_that_looks_like_a_timestamp_does_not_deceive(log: Log) -> None:
    await log.append("a", draft('","timestamp":"1999-01-01T00:00:00.000Z', at=DAY_1))

    assert list((await log.store.tally(None, most=10)).groups["day"]) == ["2026-01-01"]
