"""Messages in, messages out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest
from memory_service.model.facts import Slice
from memory_service.model.mutations import Append, Clear, Delete, DeleteMessage, Mutation, Outcome, Replace, Restore
from memory_service.model.values import Guard

from tests.contracts.store.log import HOUR, Log, draft, drafts, texts


async def test_an_append_creates_the_thread_and_answers_ids_and_counts(log: Log) -> None:
    outcome = await log.append("t", "one", "two")

    assert outcome.code == "ok"
    assert outcome.created and outcome.changed
    assert outcome.ids == [f"{outcome.incarnation}-1", f"{outcome.incarnation}-2"]
    assert (outcome.count, outcome.total, outcome.evicted) == (2, 2, 0)
    assert outcome.version == outcome.pos == outcome.incarnation == 1
    assert len(outcome.epoch) == 8


async def test_stored_bytes_are_the_draft_behind_tokens_and_id(log: Log) -> None:
    await log.append("t", draft('h"i\u2028 ☃ \x00', "assistant"))

    (stored,) = (await log.page("t")).messages
    message = msgspec.json.decode(stored)
    assert list(message) == ["tokens", "id", "role", "content", "timestamp"]
    assert message["content"] == 'h"i\u2028 ☃ \x00'
    assert message["id"] == "1-1"


async def test_an_append_of_nothing_writes_nothing(log: Log) -> None:
    outcome = await log.append("t")

    assert (outcome.code, outcome.changed, outcome.version) == ("ok", False, 0)
    assert log.key_names() == []


async def test_mutations_of_one_tick_are_grouped_and_each_succeeds_or_fails_alone(log: Log) -> None:
    stale = Guard(if_match=99)
    outcomes = await asyncio.gather(
        *(
            log.append(f"t{number % 7}", str(number), guard=stale if number % 5 == 0 else Guard())
            for number in range(100)
        )
    )

    assert {outcome.code for outcome in outcomes[::5]} == {"version_mismatch"}
    rest = [outcome for number, outcome in enumerate(outcomes) if number % 5]
    assert {outcome.code for outcome in rest} == {"ok"}
    assert sorted(outcome.pos for outcome in rest) == list(range(1, 81))
    assert (await log.store.totals()).messages == 80


async def test_the_newest_messages_come_oldest_first(log: Log) -> None:
    await log.append("t", *"abcde")

    assert await log.texts("t", last=2) == ["d", "e"]
    assert await log.texts("t", last=2, newest_first=True) == ["e", "d"]
    assert await log.texts("t", last=500) == list("abcde")


async def test_system_messages_keep_their_place_among_the_others(log: Log) -> None:
    await log.append("t", "a", draft("S1", "system"), "b", "c", draft("S2", "system"))

    assert await log.texts("t") == ["a", "S1", "b", "c", "S2"]
    assert await log.texts("t", last=2) == ["c", "S2"]
    assert await log.texts("t", newest_first=True) == ["S2", "c", "b", "S1", "a"]
    assert await log.texts("t", role="system", last=1) == ["S2"]


async def test_pages_follow_one_another_in_both_directions(log: Log) -> None:
    await log.append("t", *map(str, range(7)), draft("S", "system"), *map(str, range(7, 23)))
    whole = await log.texts("t", limit=1000)
    assert len(whole) == 24

    for newest_first in (False, True):
        found: list[str] = []
        step: dict[str, str] = {}
        while True:
            page = await log.page("t", limit=5, newest_first=newest_first, **step)
            found += texts(page.messages)
            assert page.total == 24
            if page.next_seq is None:
                break
            step = {"before" if newest_first else "after": f"{page.incarnation}-{page.next_seq}"}
        assert found == (whole[::-1] if newest_first else whole)


async def test_pages_stay_put_while_messages_come_and_go(log: Log) -> None:
    first = await log.append("t", *map(str, range(10)))
    page = await log.page("t", limit=4)
    await log.store.mutate(DeleteMessage("t", first.ids[1]))
    await log.store.mutate(DeleteMessage("t", first.ids[4]))
    await log.append("t", "later")

    rest = await log.page("t", limit=100, after=f"{page.incarnation}-{page.next_seq}")
    assert texts(page.messages) + texts(rest.messages) == ["0", "1", "2", "3", "5", "6", "7", "8", "9", "later"]


async def test_after_and_before_are_exclusive(log: Log) -> None:
    ids = (await log.append("t", *"abcdef")).ids

    assert await log.texts("t", after=ids[1], before=ids[4]) == ["c", "d"]
    assert await log.texts("t", after=ids[5]) == []
    assert await log.texts("t", before=ids[0]) == []


async def test_the_newest_are_those_within_the_bounds(log: Log) -> None:
    await log.append("t", *"abcdef")
    g = (await log.page("t")).incarnation

    assert await log.texts("t", last=2, before=f"{g}-5") == ["c", "d"]
    assert await log.texts("t", last=9, after=f"{g}-2", before=f"{g}-6") == ["c", "d", "e"]
    assert await log.texts("t", last=2, after=f"{g}-2", newest_first=True) == ["f", "e"]
    assert (await log.page("t", last=2, before="999-5")).gone


async def test_since_includes_and_until_excludes(log: Log) -> None:
    moments = [f"2026-01-0{day}T00:00:00.000Z" for day in (1, 2, 3)]
    await log.append("t", *(draft(text, at=at) for text, at in zip("abc", moments, strict=True)))
    second, third = 1_767_312_000_000, 1_767_398_400_000

    assert await log.texts("t", since=second) == ["b", "c"]
    assert await log.texts("t", until=third) == ["a", "b"]
    assert await log.texts("t", since=second, until=third) == ["b"]
    assert await log.texts("t", since=second, last=1) == ["c"]


@pytest.mark.parametrize("at", [-(10**15), -1, 0, 10**15])
async def test_any_moment_can_be_asked_for(log: Log, at: int) -> None:
    await log.append("t", "a")

    assert await log.texts("t", since=at) == ([] if at > 0 else ["a"])
    assert await log.texts("t", until=at) == (["a"] if at > 0 else [])


async def test_a_content_that_quotes_a_timestamp_does_not_fool_the_filter(log: Log) -> None:
    trap = '","timestamp":"1999-01-01T00:00:00.000Z"'
    await log.append("t", draft(trap))

    assert await log.texts("t", since=1_767_225_600_000) == [trap]
    assert await log.texts("t", until=1_767_225_600_000) == []


async def test_the_role_is_applied_before_last(log: Log) -> None:
    await log.append("t", "u1", draft("a1", "assistant"), "u2", draft("a2", "assistant"), "u3", draft("x", "tool"))

    assert await log.texts("t", role="assistant", last=1) == ["a2"]
    assert await log.texts("t", role="user") == ["u1", "u2", "u3"]
    assert await log.texts("t", role="tool", last=9) == ["x"]


async def test_a_filter_over_a_long_thread_finds_what_is_far_away(log: Log) -> None:
    await log.append("t", draft("needle", "assistant"))
    for _ in range(5):
        await log.append("t", *("hay" for _ in range(900)))

    assert await log.texts("t", role="assistant", last=5) == ["needle"]
    assert await log.texts("t", role="assistant") == ["needle"]
    assert (await log.page("t", role="assistant")).next_seq is None


async def test_a_page_ends_at_a_mebibyte_and_goes_on(log: Log) -> None:
    await log.append("t", *(str(number) * 60_000 for number in range(10)))
    await log.append("t", *(chr(97 + number) * 60_000 for number in range(20)))

    page = await log.page("t", limit=1000)
    assert 1 <= len(page.messages) <= 17
    assert sum(map(len, page.messages)) <= 1 << 20
    rest = await log.page("t", limit=1000, after=f"{page.incarnation}-{page.next_seq}")
    assert texts(page.messages + rest.messages)[:12][-1] == "b" * 60_000

    newest = await log.page("t", last=30)
    assert texts(newest.messages)[-1] == "t" * 60_000
    assert len(newest.messages) == 17 and newest.next_seq is not None
    before = await log.page("t", limit=2, before=f"{newest.incarnation}-{newest.next_seq}", newest_first=True)
    assert texts(before.messages)[0] == "c" * 60_000


async def test_an_id_of_an_earlier_incarnation_is_gone(log: Log) -> None:
    old = (await log.append("t", "a", "b")).ids
    await log.store.mutate(Delete("t"))

    assert (await log.page("t", after=old[0])).gone
    await log.append("t", "c")
    assert (await log.page("t", after=old[0])).gone
    assert (await log.page("t", before="no-id")).gone
    assert await log.store.message("t", old[0]) is None


async def test_an_absent_thread_reads_as_empty(log: Log) -> None:
    page = await log.page("nobody")

    assert (page.messages, page.total, page.version, page.gone) == ([], 0, 0, False)
    assert not (await log.store.facts("nobody")).exists


async def test_a_write_replaces_every_message_and_keeps_the_settings(log: Log) -> None:
    first = await log.append("t", "a", draft("S", "system"), "b")
    outcome = await log.store.mutate(Replace("t", drafts("x", "y")))

    assert await log.texts("t") == ["x", "y"]
    assert outcome.incarnation == first.incarnation and outcome.first_seq == 4
    assert not outcome.created and outcome.version > first.version
    facts = await log.store.facts("t")
    assert (facts.messages, facts.system_messages, facts.tokens) == (2, 0, 2)
    assert facts.bytes == sum(map(len, (await log.page("t")).messages))


async def test_a_write_of_nothing_empties_the_thread(log: Log) -> None:
    await log.append("t", "a")
    outcome = await log.store.mutate(Replace("t", ()))

    assert (outcome.code, outcome.total) == ("ok", 0)
    assert (await log.store.facts("t")).exists


async def test_clear_keeps_the_slot_and_never_reuses_a_seq(log: Log) -> None:
    first = await log.append("t", "a", "b")
    outcome = await log.store.mutate(Clear("t"))
    again = await log.append("t", "c")

    assert (outcome.count, outcome.total, outcome.backup_id) == (2, 0, None)
    assert outcome.version > first.version
    assert again.incarnation == first.incarnation and again.first_seq == 3 and not again.created


@pytest.mark.parametrize("thread", ["absent", "empty"])
async def test_clearing_what_is_empty_changes_nothing(log: Log, thread: str) -> None:
    if thread == "empty":
        await log.append(thread, "a")
        await log.store.mutate(Clear(thread))
    version = (await log.store.facts(thread)).version
    outcome = await log.store.mutate(Clear(thread, backup_ttl_ms=HOUR))

    assert (outcome.code, outcome.changed, outcome.version, outcome.backup_id) == ("ok", False, version, None)


async def test_a_backup_brings_everything_back_in_order_once(log: Log) -> None:
    await log.append("t", "a", draft("S", "system"), "b", draft("soon", ttl_ms=HOUR))
    cleared = await log.store.mutate(Clear("t", backup_ttl_ms=HOUR))
    assert cleared.backup_id is not None
    restored = await log.store.mutate(Restore("t", cleared.backup_id))

    assert (restored.code, restored.count, restored.total) == ("ok", 4, 4)
    assert await log.texts("t") == ["a", "S", "b", "soon"]
    assert (await log.store.facts("t")).system_messages == 1
    assert (await log.store.mutate(Clear("t"))).count == 4
    assert (await log.store.mutate(Restore("t", cleared.backup_id))).code == "backup_not_found"


async def test_a_backup_outlives_its_thread_but_serves_no_other(log: Log) -> None:
    await log.append("t", "a")
    cleared = await log.store.mutate(Clear("t", backup_ttl_ms=HOUR))
    assert cleared.backup_id is not None
    await log.store.mutate(Delete("t"))

    assert (await log.store.mutate(Restore("other", cleared.backup_id))).code == "backup_not_found"
    restored = await log.store.mutate(Restore("t", cleared.backup_id))
    assert restored.created and await log.texts("t") == ["a"]


async def test_a_backup_is_not_restored_over_messages(log: Log) -> None:
    await log.append("t", "a")
    cleared = await log.store.mutate(Clear("t", backup_ttl_ms=HOUR))
    assert cleared.backup_id is not None
    await log.append("t", "b")

    assert (await log.store.mutate(Restore("t", cleared.backup_id))).code == "not_empty"
    assert await log.texts("t") == ["b"]


async def test_a_deleted_thread_is_gone_with_all_it_had(log: Log) -> None:
    await log.append("t", "a", draft("S", "system"), draft("soon", ttl_ms=HOUR))
    outcome = await log.store.mutate(Delete("t"))

    assert outcome.deleted and outcome.count == 3 and outcome.version == 2
    assert not (await log.store.mutate(Delete("t"))).deleted
    assert [key for key in log.key_names() if not key.split(":")[1].startswith(("mem", "out", "cr"))] == []
    again = await log.append("t", "b")
    assert again.incarnation == 3 and again.first_seq == 1


async def test_one_message_is_read_and_deleted_by_its_id(log: Log) -> None:
    ids = (await log.append("t", "a", draft("S", "system"), "b")).ids

    assert texts([await log.store.message("t", ids[1]) or b""]) == ["S"]
    for message_id, rest in ((ids[1], ["a", "b"]), (ids[0], ["b"]), (ids[2], [])):
        outcome = await log.store.mutate(DeleteMessage("t", message_id))
        assert (outcome.code, outcome.count, outcome.total) == ("ok", 1, len(rest))
        assert await log.texts("t") == rest
        assert await log.store.message("t", message_id) is None
    assert (await log.store.facts("t")).tokens == 0


@pytest.mark.parametrize("message_id", ["1-9", "9-1", "0-0", "nonsense", "1-1-1", "-1", ""])
async def test_a_message_that_is_not_there_is_not_found(log: Log, message_id: str) -> None:
    await log.append("t", "a")

    assert (await log.store.mutate(DeleteMessage("t", message_id))).code == "message_not_found"
    assert await log.store.message("t", message_id) is None


async def test_a_batch_of_a_thousand_messages_is_one_step(log: Log) -> None:
    outcome = await log.append("t", *map(str, range(1000)))

    assert (outcome.count, outcome.version) == (1000, 1)
    assert (await log.page("t", last=1000)).messages[999].startswith(b'{"tokens":3,"id":"1-1000"')


async def test_memories_and_tenants_know_nothing_of_each_other(log: Log) -> None:
    other = log.open(log.stores, log.server, log.memory_id + "x")
    await log.append("t", "mine")

    assert not (await other.store.facts("t")).exists
    assert (await other.store.totals()).threads == 0


async def test_every_dry_run_says_exactly_what_then_happens(log: Log) -> None:
    await log.append("t", *"abc", draft("soon", ttl_ms=HOUR))
    ids = (await log.append("u", *"xyz")).ids
    steps: list[Mutation] = [
        Append("t", drafts("d", "e")),
        Append("new", drafts("d")),
        Replace("t", drafts("x")),
        DeleteMessage("u", ids[1]),
        Clear("t", HOUR),
        Delete("u"),
    ]
    for mutation in steps:
        before = await log.store.facts(mutation.thread)
        predicted = await log.store.mutate(replace(mutation, guard=Guard(dry_run=True)))
        assert await log.store.facts(mutation.thread) == before
        real = await log.store.mutate(mutation)
        assert predicted.version == before.version
        assert _answer(predicted) == _answer(real)


def _answer(outcome: Outcome) -> tuple[object, ...]:
    ids = outcome.ids if outcome.first_seq else None
    return (outcome.code, ids, outcome.count, outcome.total, outcome.evicted, outcome.created, outcome.deleted)


async def test_concurrent_readers_never_see_half_a_write(log: Log) -> None:
    await log.append("t", *("0" * 3 for _ in range(50)))

    async def write() -> None:
        for number in range(40):
            await log.store.mutate(Replace("t", drafts(*(str(number) for _ in range(50)))))

    async def look() -> None:
        for _ in range(80):
            seen = texts((await log.store.read("t", Slice(last=50))).messages)
            assert len(seen) == 50 and len(set(seen)) == 1

    await asyncio.gather(write(), look(), look())
