"""If-Match, If-None-Match, Idempotency-Key: what every mutation honours."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from memory_service.model.mutations import Clear, Configure, Delete, Replace, Restore, SetTtl
from memory_service.model.values import Guard, Settings

from tests.contracts.store.log import HOUR, Log, drafts, keyed


async def test_a_stale_version_is_refused_with_the_present_one(log: Log) -> None:
    first = await log.append("t", "a")
    second = await log.append("t", "b", guard=Guard(if_match=first.version))
    stale = await log.append("t", "c", guard=Guard(if_match=first.version))

    assert second.code == "ok"
    assert (stale.code, stale.version) == ("version_mismatch", second.version)
    assert await log.texts("t") == ["a", "b"]


async def test_a_version_of_a_thread_that_was_deleted_never_passes_again(log: Log) -> None:
    first = await log.append("t", "a")
    await log.store.mutate(Delete("t"))

    assert (await log.append("t", "b", guard=Guard(if_match=first.version))).code == "version_mismatch"
    await log.append("t", "c")
    assert (await log.append("t", "d", guard=Guard(if_match=first.version))).code == "version_mismatch"


async def test_create_only_is_refused_where_the_thread_exists(log: Log) -> None:
    create = Configure("t", Settings(title="x"), "replace", Guard(if_absent=True))

    assert (await log.store.mutate(create)).created
    assert (await log.store.mutate(create)).code == "exists"


async def test_a_repeated_key_gets_the_first_answer_and_changes_nothing(log: Log) -> None:
    first = await log.append("t", "a", "b", guard=keyed("k"))
    await log.append("t", "c")
    again = await log.append("t", "a", "b", guard=keyed("k"))

    assert again.replayed and not first.replayed
    assert again == replace(first, replayed=True)
    assert await log.texts("t") == ["a", "b", "c"]


async def test_twins_in_one_batch_write_once(log: Log) -> None:
    outcomes = await asyncio.gather(*(log.append("t", "a", guard=keyed("k")) for _ in range(50)))

    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert {outcome.first_seq for outcome in outcomes} == {1}
    assert (await log.store.totals()).messages == 1


async def test_a_key_with_another_body_is_a_mismatch(log: Log) -> None:
    await log.append("t", "a", guard=keyed("k", "one"))
    outcome = await log.append("t", "b", guard=keyed("k", "two"))

    assert outcome.code == "idempotency_mismatch"
    assert await log.texts("t") == ["a"]


async def test_what_the_mutation_decided_is_repeated_refusals_included(log: Log) -> None:
    await log.append("t", "a")
    cleared = await log.store.mutate(Clear("t", HOUR))
    assert cleared.backup_id is not None
    await log.append("t", "b")
    guard = keyed("k")
    refused = await log.store.mutate(Restore("t", cleared.backup_id, guard))
    await log.store.mutate(Clear("t"))
    again = await log.store.mutate(Restore("t", cleared.backup_id, guard))

    assert (refused.code, again.code, again.replayed) == ("not_empty", "not_empty", True)


async def test_what_depends_on_the_moment_is_not_kept(log: Log) -> None:
    guard = replace(keyed("k"), if_match=7)
    assert (await log.append("t", "a", guard=guard)).code == "version_mismatch"
    assert (await log.append("t", "a", guard=keyed("k"))).code == "ok"

    missing = SetTtl("u", ttl_ms=HOUR, guard=keyed("k2"))
    assert (await log.store.mutate(missing)).code == "thread_not_found"
    await log.append("u", "a")
    assert (await log.store.mutate(missing)).code == "ok"


async def test_a_dry_run_leaves_its_key_unused(log: Log) -> None:
    await log.append("t", "a", guard=replace(keyed("k"), dry_run=True))

    assert not (await log.append("t", "a", guard=keyed("k"))).replayed


async def test_a_backup_id_is_repeated_too(log: Log) -> None:
    await log.append("t", "a")
    first = await log.store.mutate(Clear("t", HOUR, keyed("k")))
    again = await log.store.mutate(Clear("t", HOUR, keyed("k")))

    assert first.backup_id is not None and again.backup_id == first.backup_id


async def test_a_record_of_an_earlier_bucket_is_found(log: Log) -> None:
    first = await log.append("t", "a", guard=keyed("k"))
    (bucket,) = [key for key in log.key_names() if ":i:" in key]
    prefix, number = bucket.rsplit(":", 1)
    with log.server.admin() as admin:
        assert 24 * HOUR <= admin.pttl(bucket) <= 36 * HOUR
        admin.rename(bucket, f"{prefix}:{int(number) - 2}")

    again = await log.append("t", "a", guard=keyed("k"))
    assert again.replayed and again.version == first.version


async def test_keys_of_different_mutations_do_not_meet(log: Log) -> None:
    await log.append("t", "a", guard=keyed("k1"))
    outcome = await log.store.mutate(Replace("t", drafts("x"), keyed("k2")))

    assert not outcome.replayed and await log.texts("t") == ["x"]


async def test_a_race_of_conditional_writers_has_one_winner_a_version(log: Log) -> None:
    await log.append("t", "0")

    async def bump() -> int:
        won = 0
        for _ in range(10):
            version = (await log.store.facts("t")).version
            won += (await log.append("t", "x", guard=Guard(if_match=version))).code == "ok"
        return won

    wins = await asyncio.gather(*(bump() for _ in range(8)))
    assert (await log.store.facts("t")).messages == 1 + sum(wins)
