"""The store's side of a flush: chosen messages leave in one guarded step, whatever is around them."""

from __future__ import annotations

import pytest
from memory_service.model.mutations import Append, Configure, Flush, SetMessageTtl
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import HOUR, Log, draft, keyed

RECORD = b'{"strategy":"simple_fifo","removed":2}'


def flush(seqs: tuple[int, ...], version: int, summary: str | None = None, **guard: object) -> Flush:
    made = draft(summary, "system") if summary is not None else None
    return Flush("t", seqs, made, RECORD, Guard(if_match=version, **guard))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seqs", "left"), [((1, 2), ["S", "d", "e"]), ((1, 4), ["b", "S", "e"]), ((2, 5), ["a", "S", "d"])]
)
async def test_chosen_messages_leave_and_the_others_stay_in_order(
    log: Log, seqs: tuple[int, ...], left: list[str]
) -> None:
    first = await log.append("t", "a", "b", draft("S", "system"), "d", "e")
    done = await log.store.mutate(flush(seqs, first.version))
    facts, totals = await log.store.facts("t"), await log.store.totals()

    assert (done.count, done.total, done.tokens, done.tokens_freed) == (2, 3, 3, 2)
    assert await log.texts("t") == left
    assert (facts.messages, facts.tokens, facts.version) == (3, 3, done.version)
    assert facts.last_flush == {"strategy": "simple_fifo", "removed": 2}
    assert (totals.messages, totals.tokens, totals.bytes) == (3, 3, facts.bytes)
    assert facts.bytes == sum(map(len, (await log.page("t")).messages))
    removed = [entry.seqs for entry in await log.entries() if entry.kind == "remove"]
    assert removed == [seqs]


async def test_a_summary_takes_a_place_among_the_system_messages(log: Log) -> None:
    first = await log.append("t", "aaaa", "bbbb", "c")
    done = await log.store.mutate(flush((1, 2), first.version, "sum"))

    assert (done.first_seq, done.tokens_freed, done.total) == (4, 5, 2)
    assert await log.texts("t") == ["c", "sum"]
    assert (await log.store.facts("t")).system_messages == 1
    assert [(entry.first, entry.last) for entry in await log.entries() if entry.kind == "add"] == [(1, 3), (4, 4)]
    again = await log.store.mutate(flush((4,), done.version, "sum2"))
    assert (again.count, await log.texts("t")) == (0, ["c", "sum2"])


async def test_another_version_is_refused(log: Log) -> None:
    first = await log.append("t", "a", "b")
    await log.append("t", "c")

    assert (await log.store.mutate(flush((1,), first.version))).code == "version_mismatch"
    assert await log.texts("t") == ["a", "b", "c"]


async def test_a_dry_run_says_exactly_what_would_happen(log: Log) -> None:
    first = await log.append("t", "a", "b", "c")
    dry = await log.store.mutate(flush((1, 2), first.version, "summary", dry_run=True))
    assert await log.texts("t") == ["a", "b", "c"]
    done = await log.store.mutate(flush((1, 2), first.version, "summary"))

    for field in ("count", "total", "tokens", "tokens_freed", "changed", "first_seq"):
        assert getattr(dry, field) == getattr(done, field), field
    assert dry.version == first.version


async def test_a_key_repeats_the_first_answer(log: Log) -> None:
    first = await log.append("t", "a", "b", "c")
    change = Flush("t", (1, 2), None, RECORD, keyed("k"))
    done = await log.store.mutate(change)
    again = await log.store.mutate(change)

    assert again.replayed and not done.replayed
    assert (again.count, again.tokens, again.tokens_freed, again.version) == (2, 1, 2, done.version)
    assert done.version > first.version


async def test_nothing_chosen_changes_nothing(log: Log) -> None:
    first = await log.append("t", "a")

    for change in (flush((), first.version), flush((7,), first.version)):
        done = await log.store.mutate(change)
        assert (done.code, done.changed, done.version, done.total, done.tokens) == ("ok", False, first.version, 1, 1)
    absent = await log.store.mutate(Flush("absent", (), None, RECORD, Guard(if_match=0)))
    assert (absent.code, absent.changed, absent.total) == ("ok", False, 0)
    assert (await log.store.facts("t")).last_flush is None


async def test_expiries_of_messages_that_left_are_forgotten(log: Log) -> None:
    await log.append("t", draft("soon", ttl_ms=HOUR), "b")
    last = await log.append("t", draft("later", ttl_ms=2 * HOUR))
    await log.store.mutate(flush((1,), last.version))
    outcome = await log.store.mutate(SetMessageTtl("t", f"{last.incarnation}-3", "set", forever=True))

    assert outcome.code == "ok"
    assert [key for key in log.key_names() if ":mx" in key or ":x:" in key] == []


async def test_settings_and_expiry_survive(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    await day.store.mutate(Configure("t", Settings(owner="ada", title="T"), "replace"))
    first = await day.append("t", "a", "b")
    await day.store.mutate(flush((1,), first.version, "S"))
    facts = await day.store.facts("t")

    assert (facts.owner, facts.title, facts.expires_at) == ("ada", "T", first.expires_at)
    with log.server.admin() as admin:
        (key,) = [key for key in log.key_names() if ":y:" in key]
        assert admin.pexpiretime(key) == first.expires_at
    await day.store.mutate(Configure("t", Settings(title="U"), "replace"))
    assert (await day.store.facts("t")).last_flush is not None


async def test_a_full_house_of_system_messages_takes_no_summary(log: Log) -> None:
    first = await log.store.mutate(Append("t", (draft("a"), *(draft("s", "system"),) * 64)))

    assert (await log.store.mutate(flush((1,), first.version, "S"))).code == "system_cap"
    assert len(await log.texts("t", limit=100)) == 65


async def test_many_messages_leave_from_the_middle(log: Log) -> None:
    first = await log.append("t", *(f"m{number}" for number in range(1000)))
    seqs = tuple(range(2, 1000, 2))
    done = await log.store.mutate(flush(seqs, first.version))

    assert done.count == len(seqs)
    assert await log.texts("t", limit=1000) == [f"m{number}" for number in range(1000) if number + 1 not in seqs]
