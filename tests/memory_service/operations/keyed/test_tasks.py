"""What holds for every task: keys, results, lists, what belongs where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.operations.keyed.asking import Tasks
from tests.memory_service.web.harness import problem


async def test_a_result_repeats_the_task_and_says_where_to_go_on(tasks: Tasks) -> None:
    body = {"id": "t1", "type": "memory", "operation": "append", "memory_ref": "support", "key": "k", "payload": "x"}
    answer = await tasks.send(body | {"on_success": {"next": "good"}, "on_error": {"next": "bad"}})

    result = answer.json()
    assert {name: result[name] for name in ("id", "operation", "key", "ok", "next", "error")} == {
        "id": "t1",
        "operation": "append",
        "key": "k",
        "ok": True,
        "next": "good",
        "error": None,
    }
    assert answer.headers["memory-consistency"]


async def test_one_failing_task_is_a_problem_document_with_the_next_of_its_error_branch(tasks: Tasks) -> None:
    body = {"operation": "append", "key": "bad key", "payload": "x", "on_error": {"next": "bad"}}

    assert problem(await tasks.send(body), 400, "invalid_thread")["next"] == "bad"


async def test_a_list_runs_in_order_and_stops_at_nothing(tasks: Tasks) -> None:
    results = await tasks.each(
        {"id": "1", "operation": "append", "key": "k", "payload": "a"},
        {"id": "2", "operation": "append", "key_template": "{{ .gone }}", "payload": "b", "on_error": {"next": "e"}},
        {"id": "3", "operation": "append", "key": "k", "payload": "c"},
        {"id": "4", "operation": "read", "key": "k"},
    )

    assert [(result["id"], result["ok"]) for result in results] == [("1", True), ("2", False), ("3", True), ("4", True)]
    assert (results[1]["next"], results[1]["output"]) == ("e", None)
    assert results[1]["error"]["errors"][0]["path"] == "/1/key_template"
    assert [message["content"] for message in results[3]["output"]["messages"]] == ["a", "c"]


async def test_a_list_with_a_malformed_task_is_refused_whole(tasks: Tasks) -> None:
    body = [
        {"operation": "append", "key": "k", "payload": "a"},
        {"operation": "increment", "key": "k"},
        {"operation": "read", "key": "k", "timeout": "5s", "read_config": {"limit": 0}},
    ]
    answer = await tasks.send(body)

    assert [(fault["path"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/1/operation", "invalid_field"),
        ("/2/timeout", "unknown_field"),
        ("/2/read_config/limit", "invalid_field"),
    ]
    assert (await tasks.do("stats"))["exists"] is False


@pytest.mark.parametrize("body", [[], [1], "read", 5, None, {}, {"operation": []}, [[{"operation": "read"}]]])
async def test_what_is_no_task_is_refused(tasks: Tasks, body: Any) -> None:
    answer = await tasks.api.ask("POST", "operations", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"]


async def test_101_tasks_are_too_many(tasks: Tasks) -> None:
    answer = await tasks.send([{"operation": "read", "key": "k"}] * 101)

    assert answer.json()["errors"][0]["message"] == "must have 1 to 100 items"


@pytest.mark.parametrize("said", [{}, {"key": "a", "key_template": "b"}, {"key": "a", "pattern": "b*"}], ids=str)
async def test_a_key_is_named_in_exactly_one_way(tasks: Tasks, said: dict[str, str]) -> None:
    ((path, code),) = await tasks.faults(operation="read", **said)

    assert code == "invalid_field"
    assert path in ("/key", "/key_template", "/pattern")


@pytest.mark.parametrize("key", ["", "a b", "ä", "a/b", "__a", "a__", "...", "a\n", "x" * 256, "a{b"])
async def test_a_key_is_matched_in_full_and_never_repaired(tasks: Tasks, key: str) -> None:
    answer = await tasks.send(
        {"operation": "append", "key_template": "{{ .key }}", "context": {"key": key}, "payload": "x"}
    )

    assert problem(answer, 400, "invalid_thread")["errors"][0]["path"] == "/key_template"


async def test_a_key_of_255_characters_is_fine(tasks: Tasks) -> None:
    assert (await tasks.do("append", "k" * 255, payload="x"))["appended"] == 1


@pytest.mark.parametrize("star", ["*", "?", "user:*"])
async def test_data_cannot_smuggle_a_pattern_into_a_key(tasks: Tasks, star: str) -> None:
    await tasks.fill("user:1", 1)
    body = {"operation": "delete", "key_template": "{{ .id }}", "context": {"id": star}, "confirm": True}

    problem(await tasks.send(body), 400, "invalid_thread")
    assert await tasks.contents("user:1") == ["m1"]


@pytest.mark.parametrize("operation", ["write", "append"])
async def test_a_pattern_takes_no_payload(tasks: Tasks, operation: str) -> None:
    assert await tasks.faults(operation=operation, key="user:*", payload="x") == [("/key", "invalid_thread")]


@pytest.mark.parametrize("config", ["read_config", "clear_config", "flush_config", "health_config", "stats_config"])
async def test_a_config_belongs_to_its_operation(tasks: Tasks, config: str) -> None:
    assert await tasks.faults(operation="delete", key="k", **{config: {}}) == [(f"/{config}", "unknown_field")]


@pytest.mark.parametrize(
    "task",
    [
        {"operation": "read", "payload": "x"},
        {"operation": "read", "expected_version": 1},
        {"operation": "stats", "dry_run": True},
        {"operation": "read", "max_keys": 5},
        {"operation": "delete", "batch_size": 5},
        {"operation": "append", "payload": "x", "confirm": True},
        {"operation": "health", "health_config": {"deep": True}},
    ],
    ids=str,
)
async def test_nothing_is_accepted_and_ignored(tasks: Tasks, task: dict[str, Any]) -> None:
    ((_, code),) = await tasks.faults(key="k", **task)

    assert code in ("invalid_field", "unknown_field")


async def test_an_if_match_header_belongs_elsewhere(tasks: Tasks) -> None:
    body = {"operation": "read", "key": "k"}
    answer = await tasks.api.ask("POST", "operations", body, headers={"If-Match": '"1"'})

    assert "expected_version" in problem(answer, 400, "invalid_header")["detail"]


async def test_templates_of_one_request_share_a_budget(tasks: Tasks) -> None:
    costly = {"operation": "append", "key": "k", "payload": "{{ range 3000 }}{{ end }}"}
    results = await tasks.each(*[costly] * 10)

    assert results[-1]["error"]["code"] == "invalid_template"
    assert "too many steps" in results[-1]["error"]["detail"]
