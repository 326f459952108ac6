"""Each of the eight operations on one key: what it takes, what it answers, what it leaves."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
import redis

from tests.memory_service.operations.keyed.asking import Tasks

SOON = {"ttl": {"after": "1h", "required": True}}


# --- write and append -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "stored"),
    [
        ("hi", [("user", "hi")]),
        ({"content": "hi"}, [("user", "hi")]),
        ({"role": "assistant", "content": "hi"}, [("assistant", "hi")]),
        (["a", {"role": "tool", "content": "b"}], [("user", "a"), ("tool", "b")]),
        ([{"role": "system", "content": "s"}], [("system", "s")]),
    ],
)
@pytest.mark.parametrize("operation", ["write", "append"])
async def test_a_payload_is_a_text_a_map_or_a_list(
    tasks: Tasks, operation: str, payload: Any, stored: list[tuple[str, str]]
) -> None:
    output = await tasks.do(operation, payload=payload)
    read = await tasks.do("read")

    assert output["success"] is True
    assert output["key"] == "k"
    assert [(message["role"], message["content"]) for message in read["messages"]] == stored
    assert output["count" if operation == "write" else "appended"] == len(stored)


async def test_write_replaces_what_was_there_in_one_step(tasks: Tasks) -> None:
    await tasks.fill("k", 3)
    output = await tasks.do("write", payload=["new"])

    assert (output["count"], output["created"], await tasks.contents()) == (1, False, ["new"])


async def test_append_answers_what_it_added_and_what_is_there(tasks: Tasks) -> None:
    await tasks.fill("k", 2)
    output = await tasks.do("append", payload=["a", "b"])

    assert {name: output[name] for name in ("appended", "total_count", "evicted")} == {
        "appended": 2,
        "total_count": 4,
        "evicted": 0,
    }
    assert len(output["ids"]) == 2


async def test_time_and_metadata_are_kept_with_their_types(tasks: Tasks) -> None:
    payload = {
        "content": "n is {{ .n }}",
        "timestamp": "2024-03-20T10:30:00Z",
        "metadata": {"n": "{{ .n }}", "tags": "{{ .tags }}", "text": "{{ .n }}!"},
    }
    await tasks.do("write", payload=payload, context={"n": 5, "tags": ["a"]})
    (message,) = (await tasks.do("read", read_config={"include_metadata": True}))["messages"]

    assert message["content"] == "n is 5"
    assert message["timestamp"] == "2024-03-20T10:30:00.000Z"
    assert message["metadata"] == {"n": 5, "tags": ["a"], "text": "5!"}


async def test_a_path_may_stand_for_a_whole_payload(tasks: Tasks) -> None:
    context = {"messages": ["a", {"role": "assistant", "content": "b"}], "number": 7}

    assert (await tasks.do("write", payload="{{ .messages }}", context=context))["count"] == 2
    await tasks.do("append", payload={"content": "{{ .number }}"}, context=context)
    assert await tasks.contents() == ["a", "b", "7"]


async def test_what_came_out_of_data_is_never_rendered_again(tasks: Tasks) -> None:
    await tasks.do("write", payload="{{ .said }}", context={"said": "{{ now }} {{ .secret }}"})

    assert await tasks.contents() == ["{{ now }} {{ .secret }}"]


@pytest.mark.parametrize("payload", ["", [], None])
async def test_an_empty_payload_is_an_error_in_a_task(tasks: Tasks, payload: Any) -> None:
    assert await tasks.faults(operation="append", key="k", payload=payload) == [("/payload", "invalid_message")]


async def test_every_fault_of_a_task_is_found_at_once_and_nothing_is_written(tasks: Tasks) -> None:
    payload = ["ok", {"role": "robot", "content": "x"}, {"content": "{{ .gone }}"}, {"content": "y", "mood": 1}, {}]

    assert await tasks.faults(
        operation="append", key_template="k:{{ nosuch }}", payload=payload, memory_ref="other", flush_config={}
    ) == [
        ("/memory_ref", "invalid_field"),
        ("/flush_config", "unknown_field"),
        ("/key_template", "invalid_template"),
        ("/payload/2/content", "invalid_template"),
        ("/payload/1/role", "invalid_message"),
        ("/payload/3/mood", "unknown_field"),
        ("/payload/4/content", "invalid_message"),
    ]
    assert (await tasks.do("stats", "k"))["exists"] is False


async def test_limits_hold_before_anything_is_written(tasks: Tasks) -> None:
    many, large = ["x"] * 1_001, ["ok", "x" * 70_000]

    assert await tasks.faults(operation="write", key="k", payload=many) == [("/payload", "request_too_large")]
    assert await tasks.faults(operation="write", key="k", payload=large) == [("/payload/1", "message_too_large")]
    assert (await tasks.do("stats"))["exists"] is False


@pytest.mark.parametrize("operation", ["write", "append", "delete", "clear", "flush"])
async def test_another_version_than_expected_is_refused(tasks: Tasks, operation: str) -> None:
    await tasks.fill("k", 3)
    more: dict[str, Any] = {"payload": "x"} if operation in ("write", "append") else {}
    if operation == "clear":
        more["clear_config"] = {"confirm": True}
    version = (await tasks.do("stats"))["version"]

    await tasks.refused(412, "version_mismatch", operation=operation, key="k", expected_version=version + 9, **more)
    assert len(await tasks.contents()) == 3
    await tasks.do(operation, expected_version=version, **more)


@pytest.mark.parametrize("operation", ["write", "append", "delete", "clear", "flush"])
async def test_a_dry_run_answers_exactly_and_writes_nothing(tasks: Tasks, operation: str) -> None:
    await tasks.fill("k", 4)
    more: dict[str, Any] = {"payload": "x"} if operation in ("write", "append") else {}
    if operation == "clear":
        more["clear_config"] = {"confirm": True, "backup": True}
    dry = await tasks.do(operation, dry_run=True, **more)
    assert await tasks.contents() == ["m1", "m2", "m3", "m4"]
    done = await tasks.do(operation, **more)

    assert dry["dry_run"] is True
    for field in done.keys() - {"version", "dry_run", "backup_id", "ids"}:
        assert dry[field] == done[field], field


async def test_an_idempotency_key_repeats_the_first_answer_of_each_task_of_a_list(tasks: Tasks) -> None:
    header = {"Idempotency-Key": "once"}
    both = ({"operation": "append", "key": "a", "payload": "x"}, {"operation": "append", "key": "a", "payload": "y"})
    first = await tasks.each(*both, headers=header)
    again = await tasks.each(*both, headers=header)

    assert [result["output"] for result in first] == [result["output"] for result in again]
    assert await tasks.contents("a") == ["x", "y"]


# --- read -------------------------------------------------------------------------------------------------------------


async def test_read_pages_from_the_oldest_on(tasks: Tasks) -> None:
    await tasks.fill("k", 7)
    first = await tasks.do("read", read_config={"limit": 3, "offset": 2})
    rest = await tasks.do("read", read_config={"limit": 3, "offset": 5})

    assert [message["content"] for message in first["messages"]] == ["m3", "m4", "m5"]
    assert (first["total_count"], first["offset"], first["limit"], first["has_more"]) == (7, 2, 3, True)
    assert ([message["content"] for message in rest["messages"]], rest["has_more"]) == (["m6", "m7"], False)


async def test_read_filters_and_turns_around(tasks: Tasks) -> None:
    payload = [{"role": role, "content": str(day), "timestamp": f"2024-01-0{day}T00:00:00Z"} for day, role in
               ((1, "user"), (2, "assistant"), (3, "user"), (4, "system"))]  # fmt: skip
    await tasks.do("write", payload=payload)

    async def said(**config: Any) -> list[str]:
        return [message["content"] for message in (await tasks.do("read", read_config=config))["messages"]]

    assert await said(role="user") == ["1", "3"]
    assert await said(since="2024-01-02T00:00:00Z", until="2024-01-04T00:00:00Z") == ["2", "3"]
    assert await said(order="desc", limit=2) == ["4", "3"]
    assert await said(last=2) == ["3", "4"]
    assert await said(last=1, role="user") == ["3"]
    assert await said(offset=9) == []


async def test_an_absent_key_reads_as_empty(tasks: Tasks) -> None:
    output = await tasks.do("read", "nobody")

    assert (output["messages"], output["count"], output["total_count"], output["has_more"]) == ([], 0, 0, False)


async def test_without_include_metadata_a_message_is_role_content_and_time(tasks: Tasks) -> None:
    await tasks.do("write", payload={"content": "x", "metadata": {"a": 1}})
    (short,) = (await tasks.do("read"))["messages"]
    (whole,) = (await tasks.do("read", read_config={"include_metadata": True}))["messages"]

    assert set(short) == {"role", "content", "timestamp"}
    assert set(whole) == {"id", "tokens", "role", "content", "timestamp", "metadata"}


async def test_last_and_paging_exclude_each_other(tasks: Tasks) -> None:
    faults = await tasks.faults(operation="read", key="k", read_config={"last": 1, "offset": 1, "limit": 5})

    assert faults == [("/read_config/offset", "invalid_field"), ("/read_config/limit", "invalid_field")]


# --- delete and clear -------------------------------------------------------------------------------------------------


async def test_delete_removes_everything_and_is_idempotent(tasks: Tasks) -> None:
    await tasks.fill("k", 2)

    assert (await tasks.do("delete"))["deleted"] is True
    again = await tasks.do("delete")
    assert (again["success"], again["deleted"]) == (True, False)
    assert (await tasks.api.facts("k"))["exists"] is False


async def test_clear_needs_confirmation(tasks: Tasks) -> None:
    await tasks.fill("k", 2)

    await tasks.refused(400, "confirm_required", operation="clear", key="k")
    await tasks.refused(400, "confirm_required", operation="clear", key="k", clear_config={"confirm": False})
    assert len(await tasks.contents()) == 2


async def test_clear_keeps_the_key_and_a_backup_that_comes_back(tasks: Tasks) -> None:
    await tasks.fill("k", 2)
    output = await tasks.do("clear", clear_config={"confirm": True, "backup": True})

    assert (output["messages_cleared"], output["backup_created"]) == (2, True)
    assert (await tasks.api.facts("k"))["exists"] is True
    restored = await tasks.api.ask("POST", "threads/k/restore", {"backup_id": output["backup_id"]})
    assert restored.status_code == 200
    assert await tasks.contents() == ["m1", "m2"]


# --- flush ------------------------------------------------------------------------------------------------------------


async def test_flush_answers_what_was_kept_and_freed(tasks: Tasks) -> None:
    await tasks.fill("k", 10)
    before = await tasks.api.facts("k")
    output = await tasks.do("flush", flush_config={"strategy": "simple_fifo"})
    after = await tasks.api.facts("k")

    assert await tasks.contents() == ["m6", "m7", "m8", "m9", "m10"]
    assert (output["message_count"], output["messages_removed"], output["would_flush"]) == (5, 5, True)
    assert (output["actual_strategy"], output["summary_generated"], output["dry_run"]) == ("simple_fifo", False, False)
    assert output["token_count"] == after["tokens"] == before["tokens"] - output["tokens_freed"]
    assert output["bytes_freed"] == before["bytes"] - after["bytes"]
    assert after["last_flush"]["strategy"] == "simple_fifo"


async def test_a_threshold_is_honoured_and_force_passes_it(tasks: Tasks) -> None:
    await tasks.api.ask("PUT", "threads/k", {"max_messages": 100})
    await tasks.fill("k", 60)

    below = await tasks.do("flush", flush_config={"threshold": 0.8})
    assert (below["would_flush"], below["message_count"]) == (False, 60)
    above = await tasks.do("flush", flush_config={"threshold": 0.6, "target": 0.55})
    assert (above["would_flush"], above["message_count"]) == (True, 55)
    forced = await tasks.do("flush", flush_config={"force": True, "target": 0.1})
    assert forced["message_count"] == 10


async def test_hybrid_summary_leaves_one_system_message_that_says_what_left(tasks: Tasks) -> None:
    await tasks.fill("k", 40)
    first = await tasks.do("flush", flush_config={"strategy": "hybrid_summary", "target": 0.25})
    await tasks.fill("k", 40)
    second = await tasks.do("flush", flush_config={"strategy": "hybrid_summary", "target": 0.25})
    messages = (await tasks.do("read", read_config={"include_metadata": True, "role": "system"}))["messages"]

    assert first["summary_generated"] and first["summary"]["messages"] == 30
    assert second["summary"]["messages"] == 30 + second["messages_removed"]
    assert [message["metadata"]["summary_of"] for message in messages] == [second["summary"]["messages"]]
    assert messages[0]["content"] == second["summary"]["content"]
    assert (await tasks.contents())[0] == "m1"


async def test_lru_is_refused_with_what_to_use_instead(tasks: Tasks) -> None:
    document = await tasks.refused(400, "invalid_field", operation="flush", key="k", flush_config={"strategy": "lru"})

    assert document["errors"][0]["path"] == "/flush_config/strategy"
    assert "token_aware_lru" in document["errors"][0]["message"]


async def test_a_flush_among_many_writers_loses_nothing_newer(tasks: Tasks) -> None:
    await tasks.fill("k", 50)

    async def write(number: int) -> None:
        for turn in range(5):
            await tasks.do("append", payload=f"w{number}-{turn}")

    answers = await asyncio.gather(
        *(write(number) for number in range(4)),
        *(tasks.send({"operation": "flush", "key": "k", "flush_config": {"target": 0.5}}) for _ in range(3)),
    )
    assert all(answer.status_code in (200, 409) for answer in answers if answer is not None)
    kept = [content for content in await tasks.contents() if content.startswith("w")]
    assert sorted(kept) == sorted(f"w{number}-{turn}" for number in range(4) for turn in range(5))


# --- health and stats -------------------------------------------------------------------------------------------------


async def test_health_of_a_good_key(tasks: Tasks) -> None:
    await tasks.fill("k", 2)
    output = await tasks.do("health")

    assert (output["healthy"], output["status"], output["reasons"]) == (True, "ok", [])
    assert (output["message_count"], output["current_tokens"]) == (2, output["token_count"])
    assert (output["last_flush"], output["usage_percent"], output["recommendations"]) == (None, 0.0, [])
    assert "message_count" not in await tasks.do("health", health_config={"include_stats": False})


@pytest.mark.parametrize("tasks", [{"limits": {"threadMessages": 10}}], indirect=True)
async def test_health_near_the_limit_is_false_and_says_what_to_do(tasks: Tasks) -> None:
    await tasks.fill("k", 9)
    output = await tasks.do("health")

    assert (output["healthy"], output["status"], output["usage_percent"]) == (False, "degraded", 90.0)
    assert "flush it" in output["recommendations"][0]


async def test_health_is_false_when_counters_differ_from_the_messages(tasks: Tasks) -> None:
    await tasks.fill("k", 3)
    with redis.Redis.from_url(tasks.url) as client:
        (key,) = client.keys(f"{{{tasks.tenant}/support}}:l:k")
        stored = client.lindex(key, 0)
        client.lset(key, 0, stored.replace(b'"tokens":1,', b'"tokens":99,'))
    output = await tasks.do("health")

    assert (output["healthy"], output["status"]) == (False, "failed")
    assert output["reasons"] == ["counters say 3 messages and 3 tokens, there are 3 and 101"]


async def test_a_flush_counts_anew_what_is_counted_wrong(tasks: Tasks) -> None:
    await tasks.fill("k", 3)
    with redis.Redis.from_url(tasks.url) as client:
        (key,) = client.keys(f"{{{tasks.tenant}/support}}:l:k")
        client.lset(key, 0, client.lindex(key, 0).replace(b'"tokens":1,', b'"tokens":99,'))
    assert (await tasks.do("health"))["healthy"] is False
    await tasks.do("flush", flush_config={"strategy": "simple_fifo", "threshold": 1, "target": 1})
    output = await tasks.do("health")

    assert (output["healthy"], output["token_count"]) == (True, 101)


@pytest.mark.parametrize("tasks", [{"semanticRecall": {"enabled": True}}], indirect=True)
async def test_health_asks_the_stores_when_told_to(tasks: Tasks) -> None:
    await tasks.fill("k", 1)
    output = await tasks.do("health", health_config={"check_connectivity": True})

    assert (output["healthy"], output["status"]) == (False, "degraded")
    assert "store does not answer" in output["reasons"][0]


async def test_stats_count_by_role_and_day(tasks: Tasks) -> None:
    payload = [
        {"role": "user", "content": "abcd", "timestamp": "2024-01-01T10:00:00Z"},
        {"role": "user", "content": "abcdefgh", "timestamp": "2024-01-02T10:00:00Z"},
        {"role": "assistant", "content": "abcd", "timestamp": "2024-01-02T11:00:00Z"},
    ]
    await tasks.do("write", payload=payload)
    output = await tasks.do("stats", stats_config={"group_by": ["role", "day"], "include_content": True, "limit": 2})

    assert output["groups"] == {
        "role": {"assistant": {"messages": 1, "tokens": 1}, "user": {"messages": 2, "tokens": 3}},
        "day": {"2024-01-01": {"messages": 1, "tokens": 1}, "2024-01-02": {"messages": 2, "tokens": 3}},
    }
    assert (output["message_count"], output["token_count"], output["avg_tokens_per_message"]) == (3, 4, 1.33)
    assert output["oldest_timestamp"] == "2024-01-01T10:00:00.000Z"
    assert output["newest_timestamp"] == "2024-01-02T11:00:00.000Z"
    assert [message["content"] for message in output["messages"]] == ["abcdefgh", "abcd"]
    assert "groups" not in await tasks.do("stats")


async def test_a_limit_of_stats_without_content_is_refused(tasks: Tasks) -> None:
    assert await tasks.faults(operation="stats", key="k", stats_config={"limit": 2}) == [
        ("/stats_config/limit", "invalid_field")
    ]


@pytest.mark.parametrize("tasks", [SOON], indirect=True)
async def test_stats_say_how_long_a_key_has_left(tasks: Tasks) -> None:
    await tasks.fill("k", 1)
    output = await tasks.do("stats")

    assert 3_590 < output["ttl_seconds"] <= 3_604
    assert datetime.fromisoformat(output["expires_at"]).tzinfo is not None
    assert (await tasks.do("stats", "absent"))["ttl_seconds"] is None
