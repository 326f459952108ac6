"""POST flush: what it answers, under which conditions, and what it leaves to be read."""

from __future__ import annotations

import pytest

from tests.memory_service.web.harness import Api, problem

NAMES = {"kept", "removed", "tokens_kept", "tokens_freed", "summary", "actual_strategy", "would_flush", "version"}


async def test_a_flush_answers_exactly_these_numbers(api: Api) -> None:
    await api.append("t", *(f"m{number}" for number in range(10)))
    answer = await api.ask("POST", "threads/t/flush", {})
    body, facts = answer.json(), await api.facts("t")

    assert set(body) == NAMES
    assert (body["kept"], body["removed"], body["would_flush"], body["summary"]) == (5, 5, True, None)
    assert (body["tokens_kept"], body["version"]) == (facts["tokens"], facts["version"])
    assert answer.headers["etag"] == f'"{facts["version"]}"'
    assert facts["last_flush"]["removed"] == 5
    assert await api.contents("t") == ["m5", "m6", "m7", "m8", "m9"]


@pytest.mark.parametrize("where", ["body", "query"])
async def test_a_dry_run_is_exact_and_writes_nothing(api: Api, where: str) -> None:
    version = (await api.append("t", *"abcdefgh"))["version"]
    wish = {"strategy": "hybrid_summary", "target": 0.25}
    more = {"params": {"dry_run": "true"}} if where == "query" else {}
    asked = wish | ({"dry_run": True} if where == "body" else {})
    dry = (await api.ask("POST", "threads/t/flush", asked, **more)).json()
    assert await api.contents("t") == list("abcdefgh")
    done = (await api.ask("POST", "threads/t/flush", wish)).json()

    assert (dry.pop("dry_run"), dry.pop("version")) == (True, version)
    assert dry.pop("summary") == done["summary"] | {"id": None}
    assert dry == {name: done[name] for name in dry}


async def test_a_summary_is_a_system_message_that_names_what_it_stands_for(api: Api) -> None:
    ids = (await api.append("t", *"abcdefgh"))["ids"]
    body = (await api.ask("POST", "threads/t/flush", {"strategy": "hybrid_summary", "target": 0.25})).json()
    message = (await api.ask("GET", f"threads/t/messages/{body['summary']['id']}")).json()

    assert message["role"] == "system"
    assert message["content"] == body["summary"]["content"]
    assert message["metadata"] == {"summary_of": 6, "from": ids[1], "to": ids[6]}
    assert (body["summary"]["messages"], body["removed"], body["kept"]) == (6, 6, 3)


async def test_conditions_are_those_of_every_mutation(api: Api) -> None:
    version = (await api.append("t", *"abcd"))["version"]
    stale = await api.ask("POST", "threads/t/flush", {}, headers={"If-Match": f'"{version + 1}"'})
    problem(stale, 412, "version_mismatch")
    header = {"Idempotency-Key": "f1", "If-Match": f'"{version}"'}
    first = await api.ask("POST", "threads/t/flush", {}, headers=header)
    again = await api.ask("POST", "threads/t/flush", {}, headers=header)

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert await api.contents("t") == ["c", "d"]


async def test_an_absent_thread_and_a_short_one_have_nothing_to_flush(api: Api) -> None:
    absent = (await api.ask("POST", "threads/nobody/flush", {"force": True})).json()
    await api.append("t", "only")
    one = (await api.ask("POST", "threads/t/flush", {"force": True, "target": 0})).json()

    assert (absent["would_flush"], absent["kept"], absent["version"]) == (False, 0, 0)
    assert (one["would_flush"], one["kept"], one["removed"]) == (False, 1, 0)
    assert (await api.facts("nobody"))["exists"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"strategy": "lru"},
        {"strategy": "priority"},
        {"threshold": 2},
        {"target": -1},
        {"force": "yes"},
        {"max_keys": 5},
        [],
    ],
    ids=str,
)
async def test_bad_wishes_are_refused_by_name(api: Api, body: object) -> None:
    answer = await api.ask("POST", "threads/t/flush", json=body)

    assert answer.status_code == 400
    assert answer.json()["errors"]


async def test_flushed_messages_are_counted_by_strategy(api: Api) -> None:
    await api.append("t", *"abcd")
    await api.ask("POST", "threads/t/flush", {"dry_run": True})
    await api.ask("POST", "threads/t/flush", {})

    pages = (await api.management.get("/metrics")).text
    assert 'memory_evicted_messages_total{memory="support",strategy="simple_fifo"} 2.0' in pages


@pytest.mark.parametrize("api", [{"limits": {"metadataKeys": 0, "messageBytes": 100}}], indirect=True)
async def test_limits_of_what_callers_send_do_not_keep_a_thread_from_being_summarised(api: Api) -> None:
    await api.append("t", *"abcd")

    answer = await api.ask("POST", "threads/t/flush", {"strategy": "hybrid_summary", "force": True})

    assert answer.status_code == 200, answer.text
    assert answer.json()["summary"]["messages"] == 2
