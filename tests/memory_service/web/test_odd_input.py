"""The stated answer to every odd kind of input; docs/limits.md lists them by the names of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem

MESSAGES = "threads/t/messages"


async def refused(api: Api, method: str, path: str, body: Any, status: int, code: str) -> list[str]:
    """The paths of the faults of a request that is refused so; nothing is written by it."""
    document = problem(await api.ask(method, path, body), status, code)
    assert (await api.facts("t"))["exists"] is False
    return [fault["path"] for fault in document["errors"]]


async def stored(api: Api, message: dict[str, Any]) -> dict[str, Any]:
    """A message as it is read after it was appended."""
    answer = await api.ask("POST", MESSAGES, message)
    assert answer.status_code == 200, answer.text
    return dict((await api.ask("GET", f"{MESSAGES}?last=1")).json()["messages"][0])


@pytest.mark.parametrize("said", ["1970-01-01T00:00:00.000Z", "2099-12-31T23:59:59.000Z", "9999-12-31T23:59:59.999Z"])
async def test_a_timestamp_of_a_wrong_clock_is_kept_and_moves_neither_order_nor_expiry(api: Api, said: str) -> None:
    await api.ask("PUT", "threads/t", {"ttl": "1h"})
    await api.append("t", "before")

    message = await stored(api, {"content": "odd", "timestamp": said})

    await api.append("t", "after")
    assert message["timestamp"] == said
    assert await api.contents("t") == ["before", "odd", "after"]
    assert 3590 <= (await api.facts("t"))["ttl_seconds"] <= 3604


@pytest.mark.parametrize(
    "text",
    ["e\u0301", "\u00e9", "x\u200by", "\u202eabc", "\ufeff", "\u0000", "\U0010ffff", "\uffff", "\r\n", " ", "{{ .a }}"],
)
async def test_any_unicode_text_is_kept_as_it_was_said(api: Api, text: str) -> None:
    message = await stored(api, {"content": text, "metadata": {text: [text]}})

    assert (message["content"], message["metadata"]) == (text, {text: [text]})


@pytest.mark.parametrize(
    "thread", ["t\u200b", "\u0442", "\uff54", "t\n", " t", "T\u0307", "t\u0000", "__t", "t__", "..", ""]
)
async def test_an_id_with_letters_that_look_alike_or_are_not_seen_is_refused_never_repaired(
    api: Api, thread: str
) -> None:
    item = {"items": [{"thread": thread, "messages": [{"content": "a"}]}]}
    action = {"operation": "STORE_MESSAGE", "conversationId": thread or "{x}", "content": "a", "variables": {"x": ""}}
    task = {"operation": "append", "key_template": "{{ .k }}", "context": {"k": thread}, "payload": "a"}

    assert await refused(api, "POST", "messages", item, 400, "invalid_thread") == ["/items/0/thread"]
    assert await refused(api, "POST", "actions", action, 400, "invalid_thread") == ["/conversationId"]
    assert await refused(api, "POST", "operations", task, 400, "invalid_thread") == ["/key_template"]


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("recall", {"query": "a", "max_results": "5"}, "/max_results"),
        ("recall", {"query": "a", "threshold": "0.5"}, "/threshold"),
        ("recall", {"query": "a", "max_results": True}, "/max_results"),
        ("recall", {"query": "a", "max_results": 5.5}, "/max_results"),
        ("recall", {"query": 5}, "/query"),
        (MESSAGES, {"content": 5}, "/content"),
        (MESSAGES, {"content": "a", "timestamp": 1769860800}, "/timestamp"),
        ("threads/t/flush", {"force": "true"}, "/force"),
        ("operations", {"operation": "read", "key": "t", "max_keys": "5"}, "/max_keys"),
        ("operations", {"operation": "read", "key": 5}, "/key"),
        ("actions", {"operation": "READ_HISTORY", "conversationId": "t", "limit": "5"}, "/limit"),
    ],
)
async def test_a_number_as_a_string_or_a_string_as_a_number_is_refused(
    api: Api, path: str, body: Any, place: str
) -> None:
    answer = await api.ask("POST", path, body)

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [place]


@pytest.mark.parametrize("version", [-1, 1 << 53, (1 << 64) - 1, 1e300, 0.5, "5"])
@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("messages", {"items": [{"thread": "t", "messages": [{"content": "a"}]}]}, "/items/0/expected_version"),
        ("operations", {"operation": "append", "key": "t", "payload": "a"}, "/expected_version"),
        ("actions", {"operation": "STORE_MESSAGE", "conversationId": "t", "content": "a"}, "/expected_version"),
    ],
)
async def test_a_version_that_no_thread_can_have_is_refused(
    api: Api, path: str, body: dict[str, Any], place: str, version: Any
) -> None:
    inner = body["items"][0] if "items" in body else body
    inner["expected_version"] = version

    answer = await api.ask("POST", path, body)

    assert answer.status_code == 400, answer.text
    assert [fault["path"] for fault in answer.json()["errors"]] == [place]


async def test_a_fault_of_a_payload_that_is_one_message_is_at_the_payload(api: Api) -> None:
    large = {"content": "x" * 70_000}
    task = {"operation": "append", "key": "t", "payload": large}

    assert await refused(api, "POST", "operations", task, 413, "message_too_large") == ["/payload"]
    task["payload"] = ["a", large]
    assert await refused(api, "POST", "operations", task, 413, "message_too_large") == ["/payload/1"]


async def test_a_whole_number_may_be_written_with_a_fraction_of_zero(api: Api) -> None:
    assert (await api.ask("PUT", "threads/t", {"max_messages": 5.0, "ttl": 3600.0})).status_code == 201
    assert (await api.facts("t"))["max_messages"] == 5


@pytest.mark.parametrize(
    "ttl", ["1 hour", "1h30m", "-1h", "1.5h", "1H", "٣h", "1h\n", "100000d", -1, 0.5, 8_639_913_601, True]
)
async def test_a_duration_of_another_form_is_an_invalid_ttl(api: Api, ttl: Any) -> None:
    assert await refused(api, "PUT", "threads/t", {"ttl": ttl}, 400, "invalid_ttl") == ["/ttl"]
    assert await refused(api, "POST", MESSAGES, {"content": "a", "ttl": ttl}, 400, "invalid_ttl") == ["/ttl"]


async def test_nobody_but_the_service_gives_ids(api: Api) -> None:
    body = {"messages": [{"content": "a", "id": "1-1"}, {"content": "b", "id": "1-1"}]}

    assert await refused(api, "POST", MESSAGES, body, 400, "unknown_field") == ["/messages/0/id", "/messages/1/id"]


async def test_a_thread_named_twice_in_one_request_gets_both_in_order(api: Api) -> None:
    items = [{"thread": "t", "messages": [{"content": each}]} for each in "abc"]

    results = (await api.ask("POST", "messages", {"items": items})).json()["results"]

    assert [each["total"] for each in results] == [1, 2, 3]
    assert await api.contents("t") == ["a", "b", "c"]


async def test_an_id_excluded_twice_is_excluded(api: Api) -> None:
    (message_id,) = (await api.append("t", "a"))["ids"]
    body = {"query": "a", "scope": "thread", "thread": "t", "exclude": [message_id] * 3, "timeout": "5ms"}

    answer = await api.ask("POST", "recall", body)

    assert (answer.status_code, answer.json()["hits"]) == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", MESSAGES, {"messages": []}, 200),
        ("POST", MESSAGES, {"content": "a", "metadata": {}}, 200),
        ("PUT", "threads/t", {}, 201),
        ("PATCH", "threads/t", {}, 200),
        ("POST", "threads/t/flush", {}, 200),
        ("POST", MESSAGES, {}, 400),
        ("POST", MESSAGES, "", 400),
        ("POST", MESSAGES, [], 400),
        ("POST", MESSAGES, {"content": ""}, 400),
        ("POST", "messages", {"items": []}, 400),
        ("POST", "operations", [], 400),
        ("POST", "operations", {}, 400),
        ("POST", "actions", {}, 400),
        ("POST", "recall", {}, 400),
        ("POST", "recall", {"query": ""}, 400),
        ("POST", "threads/t/ttl", {}, 400),
        ("POST", "threads/t/restore", {}, 400),
    ],
)
async def test_what_is_empty_is_a_change_of_nothing_or_refused(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    answer = await api.ask(method, path, body)

    assert answer.status_code == status, answer.text
    assert status < 400 or answer.json()["errors"]


async def test_a_body_nests_up_to_32_levels(api: Api) -> None:
    def nested(levels: int) -> Any:
        return [nested(levels - 1)] if levels > 1 else []

    message = await stored(api, {"content": "a", "metadata": {"d": nested(30)}})
    answer = await api.ask("POST", "threads/other/messages", {"content": "a", "metadata": {"d": nested(31)}})

    assert message["metadata"] == {"d": nested(30)}
    assert problem(answer, 400, "invalid_message")["errors"][0]["path"].startswith("/metadata/d")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("threads?match=" + "*a" * 127 + "b", 200),
        ("threads?match=" + "x" * 256, 400),
        ("threads?match=", 400),
        ("threads?prefix=%00", 200),
        ("threads?match=%5Ba-z%5D*", 200),
        ("threads?match=%5Ca*", 200),
    ],
)
async def test_a_pattern_knows_only_stars_and_question_marks_and_costs_little(api: Api, path: str, code: int) -> None:
    await api.append("a" * 200, "x")

    answer = await api.ask("GET", path)

    assert answer.status_code == code, answer.text
    assert code != 200 or answer.json()["items"] == []
