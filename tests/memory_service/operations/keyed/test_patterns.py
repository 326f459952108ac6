"""One operation on every key that matches: explicit, bounded, confirmed where it destroys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.operations.keyed.asking import Tasks

KEYS = ("user:1", "user:2", "user:22", "team:1")


@pytest.fixture
async def filled(tasks: Tasks) -> Tasks:
    for key in KEYS:
        await tasks.fill(key, 4)
    return tasks


def keys(output: dict[str, Any]) -> list[str]:
    return [result["key"] for result in output["results"]]


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [("user:*", KEYS[:3]), ("user:?", KEYS[:2]), ("*:1", ("team:1", "user:1")), ("*", sorted(KEYS)), ("nobody*", ())],
)
async def test_a_star_is_any_run_and_a_question_mark_one_character(
    filled: Tasks, pattern: str, matching: tuple[str, ...]
) -> None:
    output = await filled.do("read", None, pattern=pattern)

    assert sorted(keys(output)) == sorted(matching)
    assert (output["matched"], output["processed"], output["truncated"]) == (len(matching), len(matching), False)


@pytest.mark.parametrize("place", ["key", "pattern", "key_template", "read_config"])
async def test_a_pattern_may_stand_in_each_of_these_places(filled: Tasks, place: str) -> None:
    named = {place: "user:*"} if place != "read_config" else {place: {"pattern": "user:*"}}
    answer = await filled.send({"operation": "read"} | named)

    assert answer.json()["output"]["matched"] == 3


@pytest.mark.parametrize("operation", ["clear", "delete", "flush"])
async def test_a_pattern_that_removes_needs_confirmation(filled: Tasks, operation: str) -> None:
    await filled.refused(400, "confirm_required", operation=operation, pattern="user:*")
    dry = await filled.do(operation, None, pattern="user:*", dry_run=True)

    assert (dry["matched"], dry["processed"], dry["dry_run"]) == (3, 3, True)
    assert [len(await filled.contents(key)) for key in KEYS] == [4, 4, 4, 4]


async def test_delete_by_pattern(filled: Tasks) -> None:
    output = await filled.do("delete", None, pattern="user:*", confirm=True)

    assert [result["deleted"] for result in output["results"]] == [True] * 3
    assert (await filled.do("read", None, pattern="*"))["matched"] == 1


async def test_clear_by_pattern_keeps_the_keys(filled: Tasks) -> None:
    output = await filled.do("clear", None, clear_config={"confirm": True, "backup": True, "pattern": "user:*"})

    assert output["messages_cleared"] == 12
    assert all(result["backup_created"] for result in output["results"])
    assert (await filled.api.facts("user:1"))["exists"] is True
    assert await filled.contents("team:1") == ["m1", "m2", "m3", "m4"]


async def test_flush_by_pattern_answers_the_documented_totals(filled: Tasks) -> None:
    output = await filled.do("flush", None, pattern="user:*", confirm=True)

    assert (output["flushed_keys"], output["remaining_keys"], output["messages_removed"]) == (3, 0, 6)
    assert output["memory_freed"] == sum(result["bytes_freed"] for result in output["results"]) > 0


async def test_stats_by_pattern_add_up(filled: Tasks) -> None:
    output = await filled.do("stats", None, pattern="*")

    assert (output["message_count"], output["processed"]) == (16, 4)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
async def test_a_scan_stops_at_max_keys_and_says_so(filled: Tasks, batch_size: int) -> None:
    some = await filled.do("read", None, pattern="*", max_keys=3, batch_size=batch_size)
    all_four = await filled.do("read", None, pattern="*", max_keys=4, batch_size=batch_size)

    assert (some["matched"], some["truncated"]) == (3, True)
    assert (all_four["matched"], all_four["truncated"]) == (4, False)


async def test_max_keys_is_one_limit_per_call(filled: Tasks) -> None:
    task = {"operation": "flush", "pattern": "*", "confirm": True, "max_keys": 5, "flush_config": {"max_keys": 6}}

    assert await filled.faults(**task) == [("/flush_config/max_keys", "invalid_field")]
    assert (await filled.do("flush", None, pattern="*", confirm=True, flush_config={"max_keys": 1}))["matched"] == 1


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        ({"operation": "health", "pattern": "*"}, ("/pattern", "invalid_thread")),
        ({"operation": "read", "pattern": "a b*"}, ("/pattern", "invalid_thread")),
        ({"operation": "read", "pattern": "[ab]*"}, ("/pattern", "invalid_thread")),
        ({"operation": "stats", "pattern": "*", "confirm": True}, ("/confirm", "invalid_field")),
        (
            {"operation": "flush", "pattern": "*", "dry_run": True, "expected_version": 1},
            ("/expected_version", "invalid_field"),
        ),
    ],
)
async def test_what_does_not_go_with_a_pattern_is_named(
    filled: Tasks, task: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert await filled.faults(**task) == [fault]


async def test_a_key_that_fails_stops_no_other(filled: Tasks) -> None:
    for _ in range(64):
        await filled.do("append", "user:1", payload={"role": "system", "content": "s"})
    config = {"strategy": "hybrid_summary", "force": True}
    output = await filled.do("flush", None, pattern="user:*", confirm=True, flush_config=config)

    assert (output["matched"], output["processed"]) == (3, 2)
    (failed,) = [result for result in output["results"] if not result["success"]]
    assert (failed["key"], failed["error"]["code"]) == ("user:1", "system_cap")


async def test_other_memories_are_never_reached(filled: Tasks) -> None:
    answer = await filled.send({"operation": "delete", "pattern": "*", "confirm": True}, memory="user_session")

    assert answer.json()["output"]["matched"] == 0
    assert len(await filled.contents("user:1")) == 4
