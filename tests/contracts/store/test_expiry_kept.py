"""Whatever is done to threads in whatever order, content keys have their thread's exact expiry, and all of it goes."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
from memory_service.adapters.redis.headers import decode_header
from memory_service.model.mutations import (
    Append,
    Clear,
    Configure,
    Delete,
    DeleteMessage,
    Flush,
    Replace,
    Restore,
    SetMessageTtl,
    SetTtl,
)
from memory_service.model.search import Candidate
from memory_service.model.values import Draft, Settings

from tests.contracts.store.log import HOUR, Log, draft

THREADS = ("a", "b", "c")
CONTENT = ("l", "y", "w", "lru")
STAYS = {"mem", "cr", "out", "expired", "i", "b", "backups"}


def anything(dice: random.Random) -> Draft:
    """A message of some kind, perhaps with a time of its own."""
    own = {"ttl_ms": dice.choice([5, 50, HOUR])} if dice.random() < 0.3 else {}
    return draft("x" * dice.randint(1, 30), dice.choice(["user", "assistant", "system", "tool"]), **own)


def some(dice: random.Random, most: int = 3) -> tuple[Draft, ...]:
    return tuple(anything(dice) for _ in range(dice.randint(1, most)))


class Play:
    """Random steps on one memory; each is a call that a caller could make."""

    def __init__(self, log: Log, dice: random.Random) -> None:
        self.log, self.dice, self.backups = log, dice, [("a", "1-1")]
        self.steps: list[Callable[[str], Awaitable[object]]] = [
            *[lambda thread: self.log.store.mutate(Append(thread, some(dice)))] * 4,
            lambda thread: self.log.store.mutate(Replace(thread, some(dice))),
            self.clear,
            lambda thread: self.log.store.mutate(Restore(*self.dice.choice(self.backups))),
            lambda thread: self.log.store.mutate(Configure(thread, self.settings(), dice.choice(["merge", "replace"]))),
            lambda thread: self.log.store.mutate(SetTtl(thread, dice.choice(["set", "extend"]), ttl_ms=self.time())),
            lambda thread: self.log.store.mutate(SetTtl(thread, "set", forever=True)),
            lambda thread: self.log.store.mutate(SetTtl(thread, pinned=dice.random() < 0.5)),
            lambda thread: self.log.store.touch(thread),
            lambda thread: self.log.store.mutate(Delete(thread)) if dice.random() < 0.2 else self.use(thread),
            lambda thread: self.log.outbox.reap(most=dice.randint(1, 3)),
            self.use, self.document, self.one, self.flush,
        ]  # fmt: skip

    def time(self) -> int:
        return self.dice.choice([3, 40, HOUR // 2, 3 * HOUR])

    def settings(self) -> Settings:
        dice = self.dice
        return Settings(
            title=dice.choice([None, "title"]), max_messages=dice.choice([None, 2, 5]), ttl_ms=dice.choice([None, HOUR])
        )

    async def clear(self, thread: str) -> None:
        outcome = await self.log.store.mutate(Clear(thread, HOUR))
        if outcome.backup_id is not None:
            self.backups.append((thread, outcome.backup_id))

    async def document(self, thread: str) -> None:
        content = None if self.dice.random() < 0.3 else b"notes"
        await self.log.store.set_working(content, thread=thread, owner=None, if_match=None, ttl_ms=None)

    async def use(self, thread: str) -> None:
        facts = await self.log.store.facts(thread)
        await self.log.store.used([Candidate(thread, facts.incarnation, seq) for seq in range(1, 4)])

    async def one(self, thread: str) -> None:
        facts = await self.log.store.facts(thread)
        message = f"{max(1, facts.incarnation)}-{self.dice.randint(1, 9)}"
        if self.dice.random() < 0.5:
            await self.log.store.mutate(DeleteMessage(thread, message))
        else:
            await self.log.store.mutate(SetMessageTtl(thread, message, "set", ttl_ms=self.time()))

    async def flush(self, thread: str) -> None:
        seqs = tuple(sorted(self.dice.sample(range(1, 12), 3)))
        await self.log.store.mutate(Flush(thread, seqs, draft("summary", "system"), b"{}"))


def kept(log: Log) -> None:
    """Every content key of a thread has exactly the header's expiry."""
    with log.server.admin() as admin:
        for name in log.key_names():
            kind, _, thread = name.partition("}:")[2].partition(":")
            if kind != "t" or (raw := admin.get(name)) is None:
                continue
            header, tag = decode_header(raw), name.partition("}:")[0]
            for content in CONTENT:
                expiry = admin.pexpiretime(f"{tag}}}:{content}:{thread}")
                assert expiry in (-2, header.expires_at or -1), (content, thread)


@pytest.mark.parametrize("policy", [
    {"ttl_ms": HOUR, "refresh": "read"},
    {"ttl_ms": HOUR, "max_age_ms": 2 * HOUR, "required": True},
    {"refresh": "never", "window_messages": 4},
], ids=["read", "required", "never"])  # fmt: skip
async def test_no_content_key_ever_has_another_expiry_than_its_thread_and_none_outlives_it(
    log: Log, policy: dict[str, object]
) -> None:
    dice, log = random.Random(11), log.with_policy(**policy)
    play = Play(log, dice)
    for _ in range(250):
        await dice.choice(play.steps)(dice.choice(THREADS))
        kept(log)

    for thread in THREADS:
        await log.store.mutate(SetTtl(thread, pinned=False))
        await log.store.mutate(SetTtl(thread, "set", ttl_ms=1))
    while (await log.store.totals()).threads:
        pass
    while (await log.outbox.reap(most=2)).more:
        pass

    totals = await log.store.totals()
    assert (totals.threads, totals.messages, totals.tokens, totals.bytes) == (0, 0, 0, 0)
    assert {name.partition("}:")[2].partition(":")[0] for name in log.key_names()} <= STAYS
