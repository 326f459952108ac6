"""Entries of a thread that are no messages, as a stray hand may leave them: passed over, counted, never in the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from memory_service.adapters.redis.stores import RedisStores
from memory_service.model.mutations import Clear, Configure, Restore
from memory_service.model.search import Audience, Candidate
from memory_service.model.values import Settings

from tests.contracts.store.log import HOUR, Log, draft
from tests.contracts.store.servers import Server

EVERYONE = Audience(any_owner=True)
DAMAGE = {
    "torn off": lambda stored: stored[:-3],
    "not ours": lambda stored: b"garbage",
    "empty": lambda stored: b"",
}
Spoil = Callable[[bytes], bytes]


def spoil(log: Log, thread: str, place: int, how: Spoil) -> None:
    """Damage one entry of the thread's list where it stands."""
    with log.server.admin() as admin:
        (key,) = [key for key in log.key_names() if key.endswith(f":l:{thread}")]
        stored = admin.lindex(key, place)
        assert isinstance(stored, bytes)
        admin.lset(key, place, how(stored))


@pytest.fixture(params=DAMAGE.values(), ids=DAMAGE.keys())
def how(request: pytest.FixtureRequest) -> Spoil:
    """A way to damage an entry."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_reads_pass_over_it_in_either_direction_and_count_it(log: Log, how: Spoil, place: int) -> None:
    await log.append("t", *"abcde")
    spoil(log, "t", place, how)
    left = [text for at, text in enumerate("abcde") if at != place]

    assert await log.texts("t") == left
    assert await log.texts("t", newest_first=True) == left[::-1]
    assert await log.texts("t", last=3) == left[-3:]
    assert await log.texts("t", role="user") == left
    page = await log.page("t", limit=9)
    assert (page.corrupted, page.total) == (1, 5)


async def test_pages_go_on_behind_it(log: Log, how: Spoil) -> None:
    await log.append("t", *"abcdef")
    spoil(log, "t", 2, how)
    said, damaged, after = [], 0, None
    while True:
        page = await log.page("t", limit=2, after=after)
        said += [message.partition(b'"content":"')[2][:1] for message in page.messages]
        damaged += page.corrupted
        if page.next_seq is None:
            break
        after = f"{page.incarnation}-{page.next_seq}"

    assert b"".join(said) == b"abdef"
    assert damaged == 1


async def test_it_hides_no_system_message(log: Log, how: Spoil) -> None:
    await log.append("t", draft("s", "system"), *"abc")
    spoil(log, "t", 1, how)

    assert await log.texts("t", last=9) == ["s", "a", "c"]
    assert await log.texts("t") == ["s", "a", "c"]


async def test_others_are_still_found_and_have_no_damaged_neighbour(log: Log, how: Spoil) -> None:
    made = await log.append("t", *"abcde")
    spoil(log, "t", 1, how)
    asked = [Candidate("t", made.incarnation, made.first_seq + place) for place in range(5)]
    found = await log.store.check(asked, EVERYONE, before=1, after=1)

    assert [live is not None for live in found] == [True, False, True, True, True]
    assert found[2] is not None and (found[2].before, len(found[2].after)) == ([], 1)
    assert await log.store.message("t", f"{made.incarnation}-{made.first_seq + 4}") is not None


async def added_up(log: Log, thread: str) -> tuple[int, int, int]:
    """Messages, tokens and bytes of what can be read."""
    stored = (await log.page(thread, limit=100)).messages
    tokens = [int(message.split(b":", 2)[1].split(b",")[0]) for message in stored]
    return len(stored), sum(tokens), sum(map(len, stored))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("policy", [{"window_messages": 3}, {"window_tokens": 3}, {"window_messages": 9}], ids=str)
async def test_it_leaves_a_window_and_takes_its_cost_along(
    stores: RedisStores, server: Server, how: Spoil, place: int, policy: dict[str, int]
) -> None:
    log = Log.new(stores, server, **policy)
    for text in "abc":
        await log.append("t", text)
    spoil(log, "t", place, how)
    said = "defghijkl"
    for text in said:
        await log.append("t", text)
    facts, totals = await log.store.facts("t"), await log.store.totals()
    most = policy.get("window_messages", 3)

    assert await log.texts("t") == list(said[-most:])
    assert (facts.messages, facts.tokens, facts.bytes) == await added_up(log, "t")
    assert (totals.messages, totals.tokens, totals.bytes) == await added_up(log, "t")


async def test_a_smaller_window_pushes_it_out(log: Log, how: Spoil) -> None:
    await log.append("t", *"abcd")
    spoil(log, "t", 0, how)
    done = await log.store.mutate(Configure("t", Settings(max_messages=3), "merge"))
    facts = await log.store.facts("t")

    assert (done.code, await log.texts("t")) == ("ok", ["b", "c", "d"])
    assert (facts.messages, facts.tokens, facts.bytes) == await added_up(log, "t")


async def test_a_backup_comes_back_without_it(log: Log, how: Spoil) -> None:
    await log.append("t", *"abcd")
    spoil(log, "t", 1, how)
    cleared = await log.store.mutate(Clear("t", HOUR))
    assert cleared.backup_id is not None
    restored = await log.store.mutate(Restore("t", cleared.backup_id))

    assert (restored.code, restored.count, await log.texts("t")) == ("ok", 3, ["a", "c", "d"])
