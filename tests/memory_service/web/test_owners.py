"""Owners over HTTP: lists, and erasure without vectors. With vectors: ../operations/test_owners.py."""

from __future__ import annotations

import pytest

from tests.memory_service.web.harness import Api, problem

OFF = {"semanticRecall": {"enabled": False}, "workingMemory": {"enabled": True, "scope": "owner", "template": "<u/>"}}
pytestmark = pytest.mark.parametrize("api", [OFF], indirect=True)


async def give(api: Api, owner: str, *threads: str) -> None:
    for thread in threads:
        await api.ask("PUT", f"threads/{thread}", {"owner": owner})
        await api.append(thread, f"of {owner}")


async def test_owners_come_in_pages(api: Api) -> None:
    for owner in ("ada", "bob", "cleo"):
        await give(api, owner, f"{owner}-1")
    answer = await api.ask("GET", "owners", params={"limit": 2})
    first = answer.json()
    assert 'rel="next"' in answer.headers["link"]
    second = (await api.ask("GET", "owners", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["owner"] for item in first["items"] + second["items"]] == ["ada", "bob", "cleo"]
    assert first["items"][0] == {"owner": "ada", "threads": 1, "working_memory": False}
    assert second["next_cursor"] is None


async def test_an_owners_threads_come_in_pages(api: Api) -> None:
    await give(api, "ada", "a", "b", "c")
    await give(api, "bob", "d")
    first = (await api.ask("GET", "owners/ada/threads", params={"limit": 2})).json()
    second = (await api.ask("GET", "owners/ada/threads", params={"cursor": first["next_cursor"]})).json()
    assert [item["thread"] for item in first["items"] + second["items"]] == ["a", "b", "c"]
    assert (await api.ask("GET", "owners/nobody/threads")).json()["items"] == []


async def test_an_erased_owner_leaves_a_receipt_and_nothing_else(api: Api) -> None:
    await give(api, "ada", "a", "b")
    await give(api, "bob", "c")
    await api.ask("PUT", "owners/ada/working-memory", {"content": "<u>ada</u>"})
    backup = (await api.ask("DELETE", "threads/b/messages", params={"backup": "true"})).json()["backup_id"]
    receipt = (await api.ask("DELETE", "owners/ada")).json()
    erased = {"threads": 2, "messages": 1, "working_memory": 1, "vectors": 0, "backups": 1}
    assert (receipt["owner"], receipt["removed"], receipt["verified"]) == ("ada", erased, True)
    assert receipt["remaining"] == dict.fromkeys(erased, 0)
    assert [item["owner"] for item in (await api.ask("GET", "owners")).json()["items"]] == ["bob"]
    assert (await api.facts("a"))["exists"] is False
    problem(await api.ask("POST", "threads/b/restore", {"backup_id": backup}), 404, "backup_not_found")
    assert (await api.ask("GET", "owners/ada/working-memory")).json()["version"] == 0
    assert await api.contents("c") == ["of bob"]


async def test_erasing_again_finds_nothing(api: Api) -> None:
    await give(api, "ada", "a")
    await api.ask("DELETE", "owners/ada")
    receipt = (await api.ask("DELETE", "owners/ada")).json()
    assert (set(receipt["removed"].values()), receipt["verified"]) == ({0}, True)


@pytest.mark.parametrize("owner", ["a%20b", "%2F", "a%2Fb", "x" * 256])
@pytest.mark.parametrize(("method", "rest"), [("GET", "/threads"), ("DELETE", "")])
async def test_a_bad_owner_is_refused_by_name(api: Api, owner: str, method: str, rest: str) -> None:
    document = problem(await api.ask(method, f"owners/{owner}{rest}"), 400, "invalid_owner")
    assert document["errors"][0]["path"] == "path:owner"


@pytest.mark.parametrize("path", ["owners", "owners/ada/threads"])
async def test_a_cursor_of_another_list_is_refused(api: Api, path: str) -> None:
    problem(await api.ask("GET", path, params={"cursor": "x"}), 400, "invalid_cursor")


async def test_an_erasure_takes_no_other_parameters(api: Api) -> None:
    await give(api, "ada", "a")
    problem(await api.ask("DELETE", "owners/ada", params={"force": "true"}), 400, "invalid_parameter")
    assert await api.contents("a") == ["of ada"]


async def test_a_dry_run_of_an_erasure_says_exactly_what_would_go(api: Api) -> None:
    await give(api, "ada", "a", "b")
    await api.ask("PUT", "owners/ada/working-memory", {"content": "<u>ada</u>"})
    await api.ask("DELETE", "threads/b/messages", params={"backup": "true"})
    headers = {"Idempotency-Key": "k"}
    tried = (await api.ask("DELETE", "owners/ada", params={"dry_run": "true"}, headers=headers)).json()
    assert (tried["dry_run"], tried["verified"], set(tried["remaining"].values())) == (True, False, {0})
    assert await api.contents("a") == ["of ada"]
    done = (await api.ask("DELETE", "owners/ada", headers=headers)).json()
    assert (tried["removed"], "dry_run" in done) == (done["removed"], False)
