"""Every way to choose threads or messages, with every other: none is passed over."""

from __future__ import annotations

import fnmatch
import itertools
from typing import Any

import pytest
from memory_service.model.facts import Facts, ThreadQuery
from memory_service.model.mutations import Configure, DeleteMessage, SetTtl
from memory_service.model.values import Settings

from tests.contracts.store.log import HOUR, Log, draft

CHOICES: dict[str, Any] = {
    "prefix": "a:", "match": "*:1*", "owner": "ann", "type": "AGENT", "expiring_within_ms": 2 * HOUR,
}  # fmt: skip
ORDERS = ("id", "created", "expires_at")


async def filled(log: Log) -> list[Facts]:
    """Threads of every kind that the choices tell apart."""
    for number, (prefix, owner, kind, ttl) in enumerate(
        itertools.product(("a:", "b:"), (None, "ann"), ("CHAT", "AGENT"), (HOUR, 3 * HOUR)), 8
    ):
        thread = f"{prefix}{number}"
        settings = Settings(type=kind, owner=owner) if owner else Settings(type=kind)
        await log.store.mutate(Configure(thread, settings, "merge"))
        await log.store.mutate(SetTtl(thread, "set", ttl_ms=ttl))
    return (await log.store.threads(ThreadQuery(limit=100))).threads


def fits(facts: Facts, chosen: dict[str, Any]) -> bool:
    """Whether a thread is what all choices say."""
    return (
        facts.thread.startswith(chosen.get("prefix", ""))
        and fnmatch.fnmatchcase(facts.thread, chosen.get("match", "*"))
        and chosen.get("owner") in (None, facts.owner)
        and chosen.get("type") in (None, facts.type)
        and (facts.remaining_ms or 0) <= chosen.get("expiring_within_ms", 9 * HOUR)
    )


@pytest.mark.parametrize("order", ORDERS)
async def test_choices_of_a_list_hold_together_in_every_order(log: Log, order: Any) -> None:
    every = await filled(log)
    for count in range(len(CHOICES) + 1):
        for names in itertools.combinations(CHOICES, count):
            chosen = {name: CHOICES[name] for name in names}
            found, cursor = [], None
            while True:
                page = await log.store.threads(ThreadQuery(order=order, limit=3, cursor=cursor, **chosen))
                found += [facts.thread for facts in page.threads]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert sorted(found) == sorted(facts.thread for facts in every if fits(facts, chosen)), (order, chosen)


ROLES = ("user", "assistant", "system", "tool")
STAMP = 1_767_225_600_000


async def conversation(log: Log) -> tuple[int, list[tuple[str, str, int]]]:
    """The incarnation of thread `t`, and role, text and second of each of its messages; holes included."""
    said = [(ROLES[number % 4], str(number), number * 7 % 12) for number in range(12)]
    for role, text, second in said:
        await log.append("t", draft(text, role, at=f"2026-01-01T00:00:{second:02}.000Z"))  # type: ignore[arg-type]
    g = (await log.page("t")).incarnation
    await log.store.mutate(DeleteMessage("t", f"{g}-6"))
    return g, said


@pytest.mark.parametrize("newest_first", [False, True])
async def test_choices_of_a_read_hold_together_in_either_order(log: Log, newest_first: bool) -> None:
    g, said = await conversation(log)
    choices: dict[str, Any] = {
        "last": 3, "after": f"{g}-2", "before": f"{g}-11", "since": STAMP + 2_000, "until": STAMP + 10_000,
        "role": "user",
    }  # fmt: skip
    for count in range(len(choices) + 1):
        for names in itertools.combinations(choices, count):
            chosen = {name: choices[name] for name in names}
            expected = [
                text
                for seq, (role, text, second) in enumerate(said, 1)
                if seq != 6
                and ("after" not in chosen or seq > 2)
                and ("before" not in chosen or seq < 11)
                and ("since" not in chosen or second >= 2)
                and ("until" not in chosen or second < 10)
                and ("role" not in chosen or role == "user")
            ][-chosen.get("last", 99) :]
            found = await log.texts("t", newest_first=newest_first, limit=99, **chosen)
            assert found == (expected[::-1] if newest_first else expected), chosen
