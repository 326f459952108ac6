"""Messages of a thread: append, write, read, clear, one at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem


async def test_an_appended_message_is_read_back_with_id_time_and_metadata(api: Api) -> None:
    message = {"role": "assistant", "content": "Hello", "timestamp": "2026-01-02T03:04:05.678Z", "metadata": {"a": [1]}}
    answer = await api.ask("POST", "threads/t/messages", message)
    assert answer.status_code == 200, answer.text
    appended = answer.json()
    assert appended == {
        "version": 1,
        "appended": 1,
        "ids": ["1-1"],
        "total": 1,
        "evicted": 0,
        "created": True,
        "expires_at": None,
    }
    page = (await api.ask("GET", "threads/t/messages")).json()
    assert page["messages"] == [{"tokens": 2, "id": "1-1", **message}]
    assert (page["total"], page["version"], page["next_cursor"]) == (1, 1, None)


async def test_a_json_string_is_one_user_message(api: Api) -> None:
    answer = await api.ask("POST", "threads/t/messages", "just text")
    assert answer.json()["appended"] == 1
    (message,) = (await api.ask("GET", "threads/t/messages")).json()["messages"]
    assert (message["role"], message["content"]) == ("user", "just text")


async def test_a_message_without_time_gets_the_time_of_its_arrival(api: Api) -> None:
    await api.append("t", "now")
    (message,) = (await api.ask("GET", "threads/t/messages")).json()["messages"]
    assert message["timestamp"].endswith("Z") and len(message["timestamp"]) == len("2026-01-02T03:04:05.678Z")


async def test_an_empty_batch_changes_nothing(api: Api) -> None:
    answer = await api.ask("POST", "threads/t/messages", {"messages": []})
    assert (answer.status_code, answer.json()["appended"], answer.json()["created"]) == (200, 0, False)
    assert (await api.facts("t"))["exists"] is False


async def test_a_write_that_makes_its_thread_is_201_and_says_where_it_is(api: Api) -> None:
    body, key = {"messages": [{"content": "new"}]}, {"Idempotency-Key": "w"}
    dry = await api.ask("PUT", "threads/t/messages", body, params={"dry_run": "true"})
    made = await api.ask("PUT", "threads/t/messages", body, headers=key)
    again = await api.ask("PUT", "threads/t/messages", body, headers=key)
    then = await api.ask("PUT", "threads/t/messages", body)
    assert [answer.status_code for answer in (dry, made, again, then)] == [200, 201, 201, 200]
    assert made.headers["location"] == again.headers["location"] == "/v1/memories/support/threads/t/messages"


async def test_a_write_replaces_all_messages_and_keeps_settings(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"title": "Kept"})
    await api.append("t", "old", "older")
    answer = await api.ask("PUT", "threads/t/messages", {"messages": [{"content": "new"}]})
    assert (answer.json()["written"], answer.json()["total"]) == (1, 1)
    assert await api.contents("t") == ["new"]
    assert (await api.facts("t"))["title"] == "Kept"


async def test_the_last_before_a_message_are_those_before_it(api: Api) -> None:
    await api.append("t", *"abcdef")
    assert await api.contents("t", last=2, before="1-5") == ["c", "d"]
    assert await api.contents("t", last=9, after="1-4") == ["e", "f"]


async def test_reading_the_last_messages_gives_the_newest_oldest_first(api: Api) -> None:
    await api.append("t", *(f"m{number}" for number in range(5)))
    assert await api.contents("t", last=2) == ["m3", "m4"]
    assert await api.contents("t", order="desc", limit=2) == ["m4", "m3"]


async def test_pages_follow_their_cursor_and_link_and_stay_stable_under_writes(api: Api) -> None:
    await api.append("t", *(f"m{number}" for number in range(5)))
    first = await api.ask("GET", "threads/t/messages", params={"limit": 2})
    assert first.headers["link"].endswith('>; rel="next"')
    await api.append("t", "later")
    url, seen = first.headers["link"].split(">")[0].removeprefix("<"), [m["content"] for m in first.json()["messages"]]
    while url:
        page = await api.ask("GET", url)
        seen += [message["content"] for message in page.json()["messages"]]
        url = page.headers["link"].split(">")[0].removeprefix("<") if "link" in page.headers else ""
    assert seen == ["m0", "m1", "m2", "m3", "m4", "later"]


async def test_messages_are_chosen_by_role_and_time(api: Api) -> None:
    for hour, role in ((1, "user"), (2, "assistant"), (3, "user")):
        stamp = f"2026-01-01T0{hour}:00:00Z"
        await api.ask("POST", "threads/t/messages", {"role": role, "content": f"at {hour}", "timestamp": stamp})
    assert await api.contents("t", role="user") == ["at 1", "at 3"]
    assert await api.contents("t", since="2026-01-01T02:00:00Z", until="2026-01-01T03:00:00Z") == ["at 2"]
    assert await api.contents("t", role="user", last=1) == ["at 3"]


async def test_after_and_before_exclude_the_message_they_name(api: Api) -> None:
    ids = (await api.append("t", "a", "b", "c"))["ids"]
    assert await api.contents("t", after=ids[0]) == ["b", "c"]
    assert await api.contents("t", before=ids[2]) == ["a", "b"]


async def test_an_absent_thread_reads_as_empty(api: Api) -> None:
    page = (await api.ask("GET", "threads/nobody/messages")).json()
    assert page == {"thread": "nobody", "messages": [], "total": 0, "version": 0, "next_cursor": None}


async def test_a_cursor_of_another_thread_or_order_is_invalid(api: Api) -> None:
    await api.append("t", "a", "b")
    await api.append("u", "a", "b")
    cursor = (await api.ask("GET", "threads/t/messages", params={"limit": 1})).json()["next_cursor"]
    for path, params in (("threads/u/messages", {}), ("threads/t/messages", {"order": "desc"})):
        answer = await api.ask("GET", path, params={"cursor": cursor, **params})
        assert problem(answer, 400, "invalid_cursor")["errors"][0]["path"] == "query:cursor"
    problem(await api.ask("GET", "threads/t/messages", params={"cursor": "%%%"}), 400, "invalid_cursor")
    problem(await api.ask("GET", "threads/t/messages", params={"cursor": "WzFd"}), 400, "invalid_cursor")


async def test_a_cursor_of_a_deleted_thread_is_gone(api: Api) -> None:
    await api.append("t", "a", "b")
    cursor = (await api.ask("GET", "threads/t/messages", params={"limit": 1})).json()["next_cursor"]
    await api.ask("DELETE", "threads/t")
    await api.append("t", "again", "and again")
    problem(await api.ask("GET", "threads/t/messages", params={"cursor": cursor}), 410, "gone")


async def test_a_clear_keeps_the_slot_and_its_backup_comes_back(api: Api) -> None:
    await api.append("t", "a", "b")
    cleared = (await api.ask("DELETE", "threads/t/messages", params={"backup": "true"})).json()
    assert cleared["cleared"] == 2
    assert ((await api.facts("t"))["exists"], await api.contents("t")) == (True, [])
    restored = await api.ask("POST", "threads/t/restore", {"backup_id": cleared["backup_id"]})
    assert restored.json()["restored"] == 2
    assert await api.contents("t") == ["a", "b"]


async def test_a_backup_is_not_restored_over_messages(api: Api) -> None:
    await api.append("t", "a", "b")
    backup_id = (await api.ask("DELETE", "threads/t/messages", params={"backup": "true"})).json()["backup_id"]
    await api.append("t", "c")
    problem(await api.ask("POST", "threads/t/restore", {"backup_id": backup_id}), 409, "not_empty")


async def test_an_unknown_backup_is_not_found(api: Api) -> None:
    await api.ask("PUT", "threads/t", {})
    problem(await api.ask("POST", "threads/t/restore", {"backup_id": "b-1"}), 404, "backup_not_found")


async def test_clearing_an_absent_thread_clears_nothing(api: Api) -> None:
    answer = await api.ask("DELETE", "threads/nobody/messages")
    assert (answer.status_code, answer.json()["cleared"], answer.json()["backup_id"]) == (200, 0, None)


async def test_one_message_is_read_and_deleted_by_its_id(api: Api) -> None:
    ids = (await api.append("t", "a", "b"))["ids"]
    assert (await api.ask("GET", f"threads/t/messages/{ids[1]}")).json()["content"] == "b"
    deleted = await api.ask("DELETE", f"threads/t/messages/{ids[1]}")
    assert (deleted.json()["deleted"], deleted.headers["etag"]) == (True, f'"{deleted.json()["version"]}"')
    problem(await api.ask("GET", f"threads/t/messages/{ids[1]}"), 404, "message_not_found")
    problem(await api.ask("DELETE", f"threads/t/messages/{ids[1]}"), 404, "message_not_found")
    problem(await api.ask("GET", "threads/t/messages/not-an-id"), 404, "message_not_found")


async def test_a_message_may_expire_on_its_own(api: Api) -> None:
    ids = (await api.append("t", "a", "b"))["ids"]
    answer = await api.ask("POST", f"threads/t/messages/{ids[0]}/ttl", {"ttl": "1h", "mode": "set"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] is True and answer.json()["expires_at"] is not None
    problem(await api.ask("POST", "threads/t/messages/9-9/ttl", {"ttl": "1h"}), 404, "message_not_found")


BAD_MESSAGES: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"role": "user"}, [("/content", "invalid_message")]),
    ({"role": "robot", "content": ""}, [("/role", "invalid_message"), ("/content", "invalid_message")]),
    ({"content": 5}, [("/content", "invalid_message")]),
    ("", [("", "invalid_message")]),
    ({"content": "a", "extra": 1}, [("/extra", "unknown_field")]),
    ({"content": "a", "id": "1-1"}, [("/id", "unknown_field")]),
    ({"content": "a", "timestamp": "yesterday"}, [("/timestamp", "invalid_message")]),
    ({"content": "a", "timestamp": "2026-01-01T00:00:00"}, [("/timestamp", "invalid_message")]),
    ({"content": "a", "ttl": "soon"}, [("/ttl", "invalid_ttl")]),
    ({"content": "a", "ttl": 60, "expires_at": "2999-01-01T00:00:00Z"}, [("/expires_at", "invalid_ttl")]),
    ({"content": "a", "expires_at": "2020-01-01T00:00:00Z"}, [("/expires_at", "invalid_ttl")]),
    ({"content": "a", "metadata": []}, [("/metadata", "invalid_message")]),
    ({"messages": "a"}, [("/messages", "invalid_message")]),
    (
        {"messages": [{"content": "fine"}, {"role": "robot"}, {"content": ""}]},
        [("/messages/1/role", "invalid_message"), ("/messages/1/content", "invalid_message"),
         ("/messages/2/content", "invalid_message")],
    ),
    (7, [("", "invalid_message")]),
    (None, [("", "invalid_json")]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "faults"), BAD_MESSAGES)
async def test_every_fault_of_a_message_is_listed_and_nothing_is_written(
    api: Api, body: Any, faults: list[tuple[str, str]]
) -> None:
    answer = await api.ask("POST", "threads/t/messages", body)
    document = problem(answer, 400, faults[0][1])
    assert [(fault["path"], fault["code"]) for fault in document["errors"]] == faults
    assert (await api.facts("t"))["exists"] is False


async def test_a_message_over_the_limit_is_refused_before_anything_is_written(api: Api) -> None:
    body = {"messages": [{"content": "small"}, {"content": "x" * 70_000}]}
    document = problem(await api.ask("POST", "threads/t/messages", body), 413, "message_too_large")
    assert document["errors"][0]["path"] == "/messages/1"
    assert await api.contents("t") == []


async def test_too_many_metadata_keys_are_an_invalid_message(api: Api) -> None:
    body = {"content": "a", "metadata": {"nested": {str(number): 1 for number in range(256)}}}
    document = problem(await api.ask("POST", "threads/t/messages", body), 400, "invalid_message")
    assert document["errors"][0]["path"] == "/metadata"


async def test_a_thousand_and_one_messages_are_too_large_a_request(api: Api) -> None:
    body = {"messages": [{"content": "a"}] * 1001}
    problem(await api.ask("POST", "threads/t/messages", body), 413, "request_too_large")
    assert (await api.ask("POST", "threads/t/messages", {"messages": [{"content": "a"}] * 1000})).status_code == 200


@pytest.mark.parametrize("api", [{"limits": {"threadMessages": 3}}], indirect=True)
async def test_a_full_thread_refuses_more(api: Api) -> None:
    await api.append("t", "a", "b", "c")
    problem(await api.ask("POST", "threads/t/messages", {"content": "d"}), 413, "thread_full")
    assert await api.contents("t") == ["a", "b", "c"]


async def test_a_window_evicts_the_oldest_and_spares_system_messages(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"max_messages": 2})
    await api.ask("POST", "threads/t/messages", {"role": "system", "content": "profile"})
    appended = await api.append("t", "a", "b", "c")
    assert (appended["evicted"], await api.contents("t")) == (1, ["profile", "b", "c"])


async def test_system_messages_have_a_cap_of_their_own(api: Api) -> None:
    body = {"messages": [{"role": "system", "content": "rule"}] * 64}
    assert (await api.ask("POST", "threads/t/messages", body)).status_code == 200
    problem(await api.ask("POST", "threads/t/messages", {"role": "system", "content": "one more"}), 413, "system_cap")


@pytest.mark.parametrize("api", [{"limits": {"threads": 1}}], indirect=True)
async def test_a_quota_names_itself_and_what_is_used(api: Api) -> None:
    await api.append("t", "a")
    document = problem(await api.ask("POST", "threads/u/messages", {"content": "a"}), 429, "quota_exceeded")
    assert (document["quota"], document["used"], document["limit"]) == ("threads", 1, 1)
