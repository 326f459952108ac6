"""Dead letters and audits over HTTP. What an audit finds is tested with a real worker: ../worker/test_audit_now.py."""

from __future__ import annotations

import pytest
from memory_service.model.outbox import DeadLetter
from memory_service.model.values import PARTITIONS

from tests.memory_service.web.harness import Api, problem

OFF = {"semanticRecall": {"enabled": False}}


async def bury(api: Api, *contents: str) -> list[str]:
    """Append messages that the indexer gives up on; their ids."""
    ids: list[str] = (await api.append("t", *contents))["ids"]
    outbox = api.service.registry.get("support").outbox
    letters = [DeadLetter("", "t", message, "poison", 3, 1_767_225_600_000) for message in ids]
    for partition in range(PARTITIONS):
        if entries := await outbox.pending(partition, most=100):
            assert await outbox.lease(partition, "me", ttl_ms=5_000)
            assert await outbox.acknowledge(partition, "me", entries[-1].id, letters)
    return ids


async def test_a_memory_without_dead_letters_lists_none(api: Api) -> None:
    assert (await api.ask("GET", "outbox/dead")).json() == {"items": [], "next_cursor": None}
    assert (await api.ask("POST", "outbox/dead/replay")).json() == {"replayed": 0}


async def test_dead_letters_say_which_message_why_and_since_when(api: Api) -> None:
    ids = await bury(api, "a", "b", "c")
    answer = await api.ask("GET", "outbox/dead", params={"limit": 2})
    page = answer.json()
    first = page["items"][0]
    assert {name: first[name] for name in ("thread", "message", "error", "attempts", "since")} == {
        "thread": "t", "message": ids[0], "error": "poison", "attempts": 3, "since": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    assert answer.headers["link"].endswith('rel="next"')
    rest = (await api.ask("GET", "outbox/dead", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [item["message"] for item in page["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None


async def test_dead_letters_are_tried_again_by_name_or_all(api: Api) -> None:
    await bury(api, "a", "b", "c")
    first = (await api.ask("GET", "outbox/dead")).json()["items"][0]["id"]
    assert (await api.ask("POST", "outbox/dead/replay", {"ids": [first, "1-1"]})).json() == {"replayed": 1}
    assert (await api.ask("POST", "outbox/dead/replay", {})).json() == {"replayed": 2}
    stats = (await api.ask("GET", "stats")).json()["outbox"]
    assert (stats["dead"], stats["depth"] > 0) == (0, True)


@pytest.mark.parametrize("cursor", ["x", "WyJkZWFkIiwic3VwcG9ydCIsIngiXQ", "WyJkZWFkIiwib3RoZXIiLCIxLTEiXQ"])
async def test_a_cursor_of_another_list_is_refused(api: Api, cursor: str) -> None:
    problem(await api.ask("GET", "outbox/dead", params={"cursor": cursor}), 400, "invalid_cursor")


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"ids": []}, "/ids", "invalid_field"),
        ({"ids": [1]}, "/ids/0", "invalid_field"),
        ({"ids": "1-1"}, "/ids", "invalid_field"),
        ({"id": "1-1"}, "/id", "unknown_field"),
    ],
)
async def test_a_bad_replay_tries_nothing_and_names_the_field(api: Api, body: object, path: str, code: str) -> None:
    await bury(api, "a")
    document = problem(await api.ask("POST", "outbox/dead/replay", body), 400, code)
    assert document["errors"][0]["path"] == path
    assert len((await api.ask("GET", "outbox/dead")).json()["items"]) == 1


@pytest.mark.parametrize("api", [OFF], indirect=True)
@pytest.mark.parametrize("path", ["outbox/dead/replay", "audit"])
async def test_without_recall_there_is_nothing_to_index_or_compare(api: Api, path: str) -> None:
    problem(await api.ask("POST", path), 409, "recall_disabled")


async def test_an_audit_without_a_worker_says_so(api: Api) -> None:
    document = problem(await api.ask("POST", "audit"), 503, "embedder_unavailable")
    assert "memory-worker does not answer" in document["detail"]


async def test_an_audit_takes_no_body(api: Api) -> None:
    problem(await api.ask("POST", "audit", {"repair": False}), 400, "invalid_field")
