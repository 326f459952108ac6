"""A thread's settings: replaced, merged, insisted on."""

from __future__ import annotations

import pytest
from memory_service.model.mutations import Clear, Configure, SetTtl
from memory_service.model.values import Settings

from tests.contracts.store.log import HOUR, Log

FULL = Settings(
    type="AGENT",
    owner="ada|1",
    title="Ada's ☃",
    max_messages=9,
    ttl_ms=HOUR,
    pinned=False,
    metadata={"b": [1], "a": None},
)


async def test_every_setting_is_kept_and_read_back(log: Log) -> None:
    outcome = await log.store.mutate(Configure("t", FULL, "replace"))
    facts = await log.store.facts("t")

    assert outcome.created
    assert (facts.type, facts.owner, facts.title, facts.max_messages) == ("AGENT", "ada|1", "Ada's ☃", 9)
    assert (facts.ttl_ms, facts.pinned, facts.metadata) == (HOUR, False, {"b": [1], "a": None})
    assert facts.expires_at is not None and facts.version == outcome.version


async def test_a_thread_without_settings_has_the_defaults(log: Log) -> None:
    await log.append("t", "a")
    facts = await log.store.facts("t")

    assert (facts.type, facts.owner, facts.title, facts.max_messages, facts.metadata) == ("CHAT", None, None, None, {})


async def test_put_defaults_what_it_does_not_name_but_the_owner(log: Log) -> None:
    day = log.with_policy(ttl_ms=24 * HOUR)
    await day.store.mutate(Configure("t", FULL, "replace"))
    await day.store.mutate(Configure("t", Settings(title="only"), "replace"))
    facts = await day.store.facts("t")

    assert (facts.owner, facts.title, facts.type, facts.max_messages) == ("ada|1", "only", "CHAT", None)
    assert (facts.metadata, facts.ttl_ms) == ({}, 24 * HOUR)


async def test_patch_changes_only_what_it_names(log: Log) -> None:
    await log.store.mutate(Configure("t", FULL, "replace"))
    await log.store.mutate(Configure("t", Settings(title=None, metadata={"c": 1}), "merge"))
    facts = await log.store.facts("t")

    assert (facts.title, facts.metadata) == (None, {"c": 1})
    assert (facts.type, facts.owner, facts.max_messages, facts.ttl_ms) == ("AGENT", "ada|1", 9, HOUR)


@pytest.mark.parametrize("mode", ["replace", "merge", "create"])
async def test_the_same_settings_again_change_nothing(log: Log, mode: str) -> None:
    first = await log.store.mutate(Configure("t", FULL, "replace"))
    again = await log.store.mutate(Configure("t", FULL, mode))  # type: ignore[arg-type]

    assert (again.code, again.changed, again.version) == ("ok", False, first.version)


@pytest.mark.parametrize("owner", ["grace", None])
@pytest.mark.parametrize("mode", ["replace", "merge", "create"])
async def test_an_owner_is_set_once(log: Log, mode: str, owner: str | None) -> None:
    await log.store.mutate(Configure("t", Settings(owner="ada"), "replace"))
    refused = await log.store.mutate(Configure("t", Settings(owner=owner), mode))  # type: ignore[arg-type]

    assert refused.code == "settings_conflict"
    assert (await log.store.facts("t")).owner == "ada"


async def test_an_owner_may_come_later_and_the_index_learns_it(log: Log) -> None:
    await log.append("t", "a")
    await log.store.mutate(Configure("t", Settings(owner="ada"), "merge"))

    entry = (await log.entries())[-1]
    assert (entry.kind, entry.thread, entry.owner) == ("owner", "t", "ada")


@pytest.mark.parametrize(
    "other",
    [
        Settings(type="CHAT"),
        Settings(title="x"),
        Settings(max_messages=8),
        Settings(max_messages=None),
        Settings(ttl_ms=HOUR + 1),
        Settings(pinned=True),
        Settings(metadata={"z": 1}),
        Settings(metadata=None),
    ],
    ids=repr,
)
async def test_create_insists_on_the_settings_it_names(log: Log, other: Settings) -> None:
    await log.store.mutate(Configure("t", FULL, "create"))

    assert (await log.store.mutate(Configure("t", other, "create"))).code == "settings_conflict"
    assert (await log.store.mutate(Configure("t", Settings(type="AGENT"), "create"))).code == "ok"


async def test_create_on_a_thread_that_a_message_made_takes_the_defaults_as_its_settings(log: Log) -> None:
    await log.append("t", "a")

    assert (await log.store.mutate(Configure("t", Settings(type="CHAT"), "create"))).code == "ok"
    assert (await log.store.mutate(Configure("t", Settings(max_messages=20), "create"))).code == "settings_conflict"


async def test_a_pin_is_a_setting_and_moves_the_version(log: Log) -> None:
    first = await log.append("t", "a")
    pinned = await log.store.mutate(Configure("t", Settings(pinned=True), "merge"))

    assert pinned.version > first.version
    assert (await log.store.facts("t")).pinned
    assert (await log.store.totals()).pinned == 1


async def test_pinned_at_creation_never_expires(log: Log) -> None:
    hour = log.with_policy(ttl_ms=HOUR)
    await hour.store.mutate(Configure("t", Settings(pinned=True), "replace"))
    assert (await hour.append("t", "a")).expires_at is None

    assert (await hour.store.mutate(SetTtl("t", pinned=False))).expires_at is not None


async def test_settings_outlive_a_clear(log: Log) -> None:
    await log.store.mutate(Configure("t", FULL, "replace"))
    await log.append("t", "a")
    await log.store.mutate(Clear("t"))

    assert (await log.store.facts("t")).title == "Ada's ☃"
