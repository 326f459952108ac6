"""Threads: settings, facts, lists, expiry, deletion."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem

FACTS = {
    "thread", "exists", "type", "owner", "title", "metadata", "max_messages", "messages", "system_messages", "tokens",
    "bytes", "version", "created_at", "updated_at", "expires_at", "ttl_seconds", "pinned", "last_flush",
}  # fmt: skip


async def test_an_absent_thread_has_facts_that_say_so(api: Api) -> None:
    answer = await api.ask("GET", "threads/nobody")
    assert answer.status_code == 200
    assert set(answer.json()) == FACTS
    assert answer.json() == {
        "thread": "nobody", "exists": False, "type": None, "owner": None, "title": None, "metadata": {},
        "max_messages": None, "messages": 0, "system_messages": 0, "tokens": 0, "bytes": 0, "version": 0,
        "created_at": None, "updated_at": None, "expires_at": None, "ttl_seconds": None, "pinned": False,
        "last_flush": None,
    }  # fmt: skip


async def test_put_creates_a_thread_and_says_where_it_is(api: Api) -> None:
    settings = {
        "type": "AGENT",
        "owner": "ada|x",
        "title": "Notes",
        "max_messages": 9,
        "ttl": "1h",
        "metadata": {"a": 1},
    }
    answer = await api.ask("PUT", "threads/t", settings)
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/memories/support/threads/t")
    assert (answer.json()["created"], answer.headers["etag"]) == (True, f'"{answer.json()["version"]}"')
    facts = await api.facts("t")
    assert {name: facts[name] for name in ("type", "owner", "title", "max_messages", "metadata")} == {
        "type": "AGENT", "owner": "ada|x", "title": "Notes", "max_messages": 9, "metadata": {"a": 1},
    }  # fmt: skip
    assert 0 < facts["ttl_seconds"] <= 3604


async def test_put_again_is_200_and_resets_what_it_leaves_out_but_the_owner(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"owner": "ada", "title": "Notes", "max_messages": 9})
    answer = await api.ask("PUT", "threads/t", {})
    assert (answer.status_code, answer.json()["created"]) == (200, False)
    facts = await api.facts("t")
    assert (facts["owner"], facts["title"], facts["max_messages"]) == ("ada", None, None)


async def test_patch_keeps_what_it_leaves_out_and_null_takes_away(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"title": "Notes", "max_messages": 9})
    headers = {"content-type": "application/merge-patch+json"}
    answer = await api.client.patch(
        "/v1/memories/support/threads/t", content=b'{"max_messages": null}', headers=headers
    )
    assert (answer.status_code, answer.json()["changed"]) == (200, True)
    facts = await api.facts("t")
    assert (facts["title"], facts["max_messages"]) == ("Notes", None)


async def test_a_patch_without_change_moves_no_version(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"title": "Notes"})
    before = (await api.facts("t"))["version"]
    answer = await api.ask("PATCH", "threads/t", {"title": "Notes"})
    assert (answer.json()["changed"], answer.json()["version"]) == (False, before)


async def test_create_only_refuses_a_thread_that_exists(api: Api) -> None:
    headers = {"If-None-Match": "*"}
    assert (await api.ask("PUT", "threads/t", {}, headers=headers)).status_code == 201
    problem(await api.ask("PUT", "threads/t", {}, headers=headers), 412, "version_mismatch")


async def test_an_owner_is_set_once(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"owner": "ada"})
    problem(await api.ask("PATCH", "threads/t", {"owner": "bob"}), 409, "settings_conflict")
    assert (await api.facts("t"))["owner"] == "ada"


async def test_deleting_says_whether_there_was_anything_and_sends_no_etag(api: Api) -> None:
    await api.append("t", "a")
    answer = await api.ask("DELETE", "threads/t")
    assert (answer.status_code, answer.json()["deleted"], "etag" in answer.headers) == (200, True, False)
    again = await api.ask("DELETE", "threads/t")
    assert (again.status_code, again.json()["deleted"]) == (200, False)


async def test_threads_are_listed_by_id_in_pages(api: Api) -> None:
    for name in ("b", "a", "c"):
        await api.append(name, "x")
    first = (await api.ask("GET", "threads", params={"limit": 2})).json()
    assert [item["thread"] for item in first["items"]] == ["a", "b"]
    second = (await api.ask("GET", "threads", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([item["thread"] for item in second["items"]], second["next_cursor"]) == (["c"], None)
    assert set(first["items"][0]) == FACTS


async def test_threads_are_chosen_by_prefix_glob_owner_and_type(api: Api) -> None:
    await api.ask("PUT", "threads/user:1", {"owner": "ada", "type": "AGENT"})
    await api.ask("PUT", "threads/user:2", {"owner": "bob"})
    await api.ask("PUT", "threads/other", {"owner": "ada"})

    async def found(**params: Any) -> list[str]:
        answer = await api.ask("GET", "threads", params=params)
        assert answer.status_code == 200, answer.text
        return [item["thread"] for item in answer.json()["items"]]

    assert await found(prefix="user:") == ["user:1", "user:2"]
    assert await found(match="*er*1") == ["user:1"]
    assert await found(match="user:?", owner="ada") == ["user:1"]
    assert await found(owner="ada") == ["other", "user:1"]
    assert await found(type="AGENT") == ["user:1"]


async def test_threads_are_listed_by_age_and_by_expiry(api: Api) -> None:
    for name, ttl in (("b", "2h"), ("a", "3h"), ("c", "1h")):
        await api.ask("PUT", f"threads/{name}", {"ttl": ttl})
    created = (await api.ask("GET", "threads", params={"order": "created"})).json()["items"]
    expiring = (await api.ask("GET", "threads", params={"order": "expires_at"})).json()["items"]
    soon = (await api.ask("GET", "threads", params={"expiring_within": "90m"})).json()["items"]
    assert [item["thread"] for item in created] == ["b", "a", "c"]
    assert [item["thread"] for item in expiring] == ["c", "b", "a"]
    assert [item["thread"] for item in soon] == ["c"]


async def test_a_cursor_is_bound_to_its_list(api: Api) -> None:
    for name in ("a", "b"):
        await api.append(name, "x")
    cursor = (await api.ask("GET", "threads", params={"limit": 1})).json()["next_cursor"]
    other = await api.ask("GET", "threads", params={"cursor": cursor, "order": "created"})
    problem(other, 400, "invalid_cursor")


async def test_a_glob_that_looks_at_too_many_threads_says_so(api: Api) -> None:
    for number in range(5):
        await api.append(f"t{number}", "x")
    page = (await api.ask("GET", "threads", params={"match": "*4", "max_scan": 2})).json()
    assert page["truncated"] is True


async def test_a_ttl_can_be_set_extended_and_taken_away(api: Api) -> None:
    await api.append("t", "a")
    shorter = {"ttl": "1h", "mode": "set"}
    answer = await api.ask("POST", "threads/t/ttl", shorter)
    assert answer.json()["changed"] is True
    assert 3590 <= (await api.facts("t"))["ttl_seconds"] <= 3604
    assert (await api.ask("POST", "threads/t/ttl", {"ttl": "10m"})).json()["changed"] is False
    assert (await api.ask("POST", "threads/t/ttl", {"ttl": "2h"})).json()["changed"] is True
    gone = await api.ask("POST", "threads/t/ttl", {"ttl": 0, "mode": "set"})
    assert (gone.json()["changed"], gone.json()["expires_at"]) == (True, None)


async def test_a_ttl_change_moves_no_version(api: Api) -> None:
    version = (await api.append("t", "a"))["version"]
    answer = await api.ask("POST", "threads/t/ttl", {"ttl": "1h", "mode": "set"})
    assert (answer.json()["version"], answer.headers["etag"]) == (version, f'"{version}"')


async def test_an_expiry_can_be_an_instant_or_a_pin(api: Api) -> None:
    await api.append("t", "a")
    instant = await api.ask("POST", "threads/t/ttl", {"expires_at": "2999-01-01T00:00:00Z", "mode": "set"})
    assert instant.json()["expires_at"].startswith("2999-01-01")
    await api.ask("POST", "threads/t/ttl", {"pinned": True})
    facts = await api.facts("t")
    assert (facts["pinned"], facts["ttl_seconds"]) == (True, None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/ttl"),
        ({"ttl": "1h", "pinned": True}, "/pinned"),
        ({"ttl": "-1h"}, "/ttl"),
        ({"ttl": "1 hour"}, "/ttl"),
        ({"ttl": 1.5}, "/ttl"),
        ({"expires_at": "2020-01-01"}, "/expires_at"),
        ({"ttl": "1h", "mode": "shorten"}, "/mode"),
    ],
)
async def test_a_ttl_that_says_nothing_or_too_much_is_invalid(api: Api, body: dict[str, Any], path: str) -> None:
    await api.append("t", "a")
    document = problem(await api.ask("POST", "threads/t/ttl", body), 400, "invalid_ttl")
    assert document["errors"][0]["path"] == path


async def test_an_expiry_in_the_past_is_invalid(api: Api) -> None:
    await api.append("t", "a")
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    problem(await api.ask("POST", "threads/t/ttl", past), 400, "invalid_ttl")


async def test_only_the_ttl_of_an_absent_thread_is_not_found(api: Api) -> None:
    problem(await api.ask("POST", "threads/nobody/ttl", {"ttl": "1h"}), 404, "thread_not_found")


@pytest.mark.parametrize("api", [{"ttl": {"after": "30m"}}], indirect=True)
async def test_a_memory_gives_its_threads_their_ttl(api: Api) -> None:
    assert (await api.append("t", "a"))["expires_at"] is not None
    assert 1790 <= (await api.facts("t"))["ttl_seconds"] <= 1802


@pytest.mark.parametrize(
    ("settings", "path", "code"),
    [
        ({"type": "TALK"}, "/type", "invalid_field"),
        ({"owner": "a b"}, "/owner", "invalid_owner"),
        ({"max_messages": 0}, "/max_messages", "invalid_field"),
        ({"max_messages": "20"}, "/max_messages", "invalid_field"),
        ({"ttl": "never"}, "/ttl", "invalid_ttl"),
        ({"pinned": "yes"}, "/pinned", "invalid_field"),
        ({"title": "x" * 1025}, "/title", "invalid_field"),
        ({"colour": "red"}, "/colour", "unknown_field"),
        ({"metadata": {str(number): 1 for number in range(300)}}, "/metadata", "invalid_message"),
        ([], "", "invalid_field"),
    ],
)
async def test_settings_that_mean_nothing_are_refused_by_name(api: Api, settings: Any, path: str, code: str) -> None:
    document = problem(await api.ask("PUT", "threads/t", settings), 400, code)
    assert document["errors"][0]["path"] == path
    assert (await api.facts("t"))["exists"] is False


async def test_oversized_settings_metadata_is_refused(api: Api) -> None:
    body = {"metadata": {"a": "x" * 70_000}}
    problem(await api.ask("PUT", "threads/t", body), 413, "message_too_large")


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "place"),
    [
        ("GET", "threads?expiring_within=soon", None, "invalid_parameter", "query:expiring_within"),
        ("GET", "threads/t/context?timeout=soon", None, "invalid_parameter", "query:timeout"),
        ("POST", "threads/t/context", {"timeout": "soon"}, "invalid_query", "/timeout"),
        ("POST", "recall", {"query": "a", "timeout": "soon"}, "invalid_query", "/timeout"),
        ("POST", "threads/t/ttl", {"ttl": "soon"}, "invalid_ttl", "/ttl"),
    ],
)
async def test_a_length_of_time_that_is_none_is_a_fault_of_its_place(
    api: Api, method: str, path: str, body: Any, code: str, place: str
) -> None:
    document = problem(await api.ask(method, path, body), 400, code)
    assert [fault["path"] for fault in document["errors"]] == [place]
