"""What every mutation of a thread honours: versions, If-Match, dry runs, idempotency keys, positions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES

from tests.memory_service.web.harness import Api, problem

MUTATIONS: list[tuple[str, str, Any]] = [
    ("POST", "threads/t/messages", {"content": "more"}),
    ("PUT", "threads/t/messages", {"messages": [{"content": "instead"}]}),
    ("DELETE", "threads/t/messages", None),
    ("PUT", "threads/t", {"title": "New"}),
    ("PATCH", "threads/t", {"title": "New"}),
    ("POST", "threads/t/ttl", {"ttl": "1h", "mode": "set"}),
    ("DELETE", "threads/t", None),
]


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
async def test_a_stale_version_changes_nothing(api: Api, method: str, path: str, body: Any) -> None:
    await api.append("t", "a")
    stale = (await api.facts("t"))["version"]
    await api.append("t", "b")
    before = await api.facts("t")
    document = problem(await api.ask(method, path, body, headers={"If-Match": f'"{stale}"'}), 412, "version_mismatch")
    assert document["version"] == before["version"]
    assert await api.facts("t") == before
    fresh = await api.ask(method, path, body, headers={"If-Match": f'"{before["version"]}"'})
    assert fresh.status_code == 200, fresh.text


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
async def test_a_dry_run_answers_and_writes_nothing(api: Api, method: str, path: str, body: Any) -> None:
    version = (await api.append("t", "a"))["version"]
    before = await api.facts("t")
    answer = await api.ask(method, path, body, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["version"]) == (200, True, version), answer.text
    assert "memory-consistency" not in answer.headers
    assert await api.facts("t") == before
    real = await api.ask(method, path, body)
    predicted, done = answer.json(), real.json()
    for name in ("dry_run", "version", "expires_at"):
        predicted.pop(name, None), done.pop(name, None)
    assert predicted == done


async def test_a_dry_run_may_be_asked_for_in_a_body_but_not_against_the_query(api: Api) -> None:
    body = {"messages": [{"content": "a"}], "dry_run": True}
    answer = await api.ask("POST", "threads/t/messages", body)
    assert (answer.json()["dry_run"], answer.json()["ids"]) == (True, ["1-1"])
    conflict = await api.ask("POST", "threads/t/messages", body, params={"dry_run": "false"})
    assert problem(conflict, 400, "invalid_parameter")["errors"][0]["path"] == "query:dry_run"
    assert (await api.facts("t"))["exists"] is False


COUNTDOWN = {"ttl_seconds": "runs on by itself"}


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
async def test_a_repeated_key_repeats_the_first_answer(api: Api, method: str, path: str, body: Any) -> None:
    await api.append("t", "a")
    headers = {"Idempotency-Key": "k-1"}
    first = await api.ask(method, path, body, headers=headers)
    assert first.status_code in (200, 201), first.text
    state = await api.facts("t")
    second = await api.ask(method, path, body, headers=headers)
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await api.facts("t") | COUNTDOWN == state | COUNTDOWN


async def test_the_same_key_with_another_body_or_query_is_a_mismatch(api: Api) -> None:
    headers = {"Idempotency-Key": '"quoted key"'}
    await api.ask("POST", "threads/t/messages", {"content": "a"}, headers=headers)
    other = await api.ask("POST", "threads/t/messages", {"content": "b"}, headers=headers)
    problem(other, 422, "idempotency_mismatch")
    assert await api.contents("t") == ["a"]


async def test_a_key_belongs_to_its_path(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    await api.ask("POST", "threads/t/messages", {"content": "a"}, headers=headers)
    other = await api.ask("POST", "threads/u/messages", {"content": "a"}, headers=headers)
    assert (other.status_code, "idempotent-replayed" in other.headers) == (200, False)


async def test_a_refusal_by_the_log_is_repeated_with_its_own_request_id(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"owner": "ada"})
    headers = {"Idempotency-Key": "k"}
    first = await api.ask("PATCH", "threads/t", {"owner": "bob"}, headers=headers)
    second = await api.ask("PATCH", "threads/t", {"owner": "bob"}, headers=headers)
    problem(first, 409, "settings_conflict"), problem(second, 409, "settings_conflict")
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json()["request_id"] != first.json()["request_id"]


async def test_a_validation_fault_does_not_use_up_the_key(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    problem(await api.ask("POST", "threads/t/messages", {"content": ""}, headers=headers), 400, "invalid_message")
    assert (await api.ask("POST", "threads/t/messages", {"content": "a"}, headers=headers)).status_code == 200


async def test_concurrent_twins_write_once(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(
        *(api.ask("POST", "threads/t/messages", {"content": "a"}, headers=headers) for _ in range(8))
    )
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) >= 1 and len({answer.text for answer in good}) == 1
    assert await api.contents("t") == ["a"]


async def test_a_mutation_says_its_position_in_the_log(api: Api) -> None:
    first = await api.ask("POST", "threads/t/messages", {"content": "a"})
    second = await api.ask("POST", "threads/u/messages", {"content": "a"})
    (epoch, position), (same, later) = (answer.headers["memory-consistency"].split(".") for answer in (first, second))
    assert (epoch, int(position) < int(later)) == (same, True)


async def test_versions_rise_over_delete_and_recreation(api: Api) -> None:
    old = (await api.append("t", "a"))["version"]
    await api.ask("DELETE", "threads/t")
    new = await api.append("t", "a")
    assert new["version"] > old
    problem(await api.ask("DELETE", "threads/t", headers={"If-Match": f'"{old}"'}), 412, "version_mismatch")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-Match", "5"), ("If-Match", 'W/"5"'), ("If-Match", "*"), ("If-Match", '"1", "2"'), ("If-Match", '"-1"'),
        ("If-None-Match", '"5"'), ("Idempotency-Key", ""), ("Idempotency-Key", "x" * 256), ("Idempotency-Key", '"'),
        ("Memory-Consistency", "nowhere"), ("Memory-Consistency", "a.b"),
    ],
)  # fmt: skip
async def test_a_header_that_cannot_be_honoured_is_refused_by_name(api: Api, name: str, value: str) -> None:
    answer = await api.ask("PUT", "threads/t", {}, headers={name: value})
    assert problem(answer, 400, "invalid_header")["errors"][0]["path"] == f"header:{name}"


async def test_a_header_sent_twice_is_refused(api: Api) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await api.client.put("/v1/memories/support/threads/t", json={}, headers=headers)
    assert problem(answer, 400, "invalid_header")["errors"][0]["path"] == "header:Idempotency-Key"


async def test_faults_are_listed_in_the_order_header_query_body(api: Api) -> None:
    answer = await api.ask(
        "POST", "threads/t/messages", {"content": ""}, headers={"If-Match": "x"}, params={"colour": "red"}
    )
    document = problem(answer, 400, "invalid_header")
    assert [fault["path"] for fault in document["errors"]] == ["header:If-Match", "query:colour", "/content"]


async def test_bulk_appends_give_each_thread_its_own_result(api: Api) -> None:
    await api.append("old", "a")
    body = {
        "items": [
            {"thread": "new", "messages": [{"content": "a"}, {"content": "b"}]},
            {"thread": "old", "messages": [{"content": "b"}], "expected_version": 999},
            {"thread": "huge", "messages": [{"content": "x" * 70_000}]},
        ]
    }
    answer = await api.ask("POST", "messages", body, headers={"Idempotency-Key": "bulk"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [(item["thread"], item["status"]) for item in results] == [("new", 200), ("old", 412), ("huge", 413)]
    assert (results[0]["total"], results[1]["error"]["code"]) == (2, "version_mismatch")
    epoch, position = answer.headers["memory-consistency"].split(".")
    assert (bool(epoch), int(position)) == (True, results[0]["version"])
    again = await api.ask("POST", "messages", body, headers={"Idempotency-Key": "bulk"})
    assert again.json()["results"][0] == results[0]
    assert await api.contents("new") == ["a", "b"]


async def test_bulk_counts_the_messages_of_all_items(api: Api) -> None:
    items = [{"thread": f"t{number}", "messages": [{"content": "a"}] * 501} for number in range(2)]
    problem(await api.ask("POST", "messages", {"items": items}), 413, "request_too_large")
    assert (await api.facts("t0"))["exists"] is False


async def test_bulk_lists_the_faults_of_all_items(api: Api) -> None:
    items = [{"thread": "a b", "messages": []}, {"thread": "t", "messages": [{}], "x": 1}]
    document = problem(await api.ask("POST", "messages", {"items": items}), 400, "invalid_thread")
    assert [fault["path"] for fault in document["errors"]] == [
        "/items/0/thread",
        "/items/1/messages/0/content",
        "/items/1/x",
    ]


def filled(route: Route) -> str:
    """A route's path, with something in each of its places."""
    return "/v1" + route.path.format(memory="support", thread="t", owner="ann", id="1-1")


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.guarded], ids=lambda route: route.operation)
async def test_a_route_that_changes_no_single_thread_refuses_if_match(api: Api, route: Route) -> None:
    answer = await api.ask(route.method, filled(route), headers={"If-Match": '"1"'})
    document = problem(answer, 400, "invalid_header")
    assert document["errors"][0]["path"] == "header:If-Match"


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.method != "GET" and not (route.guarded and route.method == "PUT")],
    ids=lambda route: f"{route.method} {route.operation}",
)
async def test_only_a_put_can_insist_on_creating(api: Api, route: Route) -> None:
    answer = await api.ask(route.method, filled(route), headers={"If-None-Match": "*"})
    document = problem(answer, 400, "invalid_header")
    assert document["errors"][0]["path"] == "header:If-None-Match"


async def test_a_reader_may_say_what_it_has_and_gets_the_answer_anew(api: Api) -> None:
    version = (await api.append("t", "a"))["version"]
    answer = await api.ask("GET", "threads/t/messages", headers={"If-None-Match": f'"{version}"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{version}"')
