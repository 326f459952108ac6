"""options.flushing over HTTP: threads are flushed by themselves, and every answer says so."""

from __future__ import annotations

import asyncio
import os

import pytest
from memory_service.model.mutations import Append
from memory_service.model.values import Draft

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

BY_MESSAGES = {"flushing": {"type": "simple_fifo", "maxMessages": 10}}
BY_TOKENS = {"flushing": {"type": "token_aware_lru", "maxTokens": 10, "threshold": 1.0}}
SUMMARISED = {"flushing": {"type": "hybrid_summary", "maxMessages": 10, "summaryTokens": 12}}


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_thread_is_flushed_to_half_when_it_reaches_the_threshold(api: Api) -> None:
    for number in range(7):
        assert "flushed" not in await api.append("t", f"m{number}")
    appended = await api.append("t", "m7")

    assert appended["flushed"] == {"removed": 3, "tokens_freed": 3, "actual_strategy": "simple_fifo"}
    assert (appended["total"], appended["evicted"]) == (5, 0)
    assert await api.contents("t") == ["m3", "m4", "m5", "m6", "m7"]
    facts = await api.facts("t")
    assert (facts["version"], facts["messages"], facts["tokens"]) == (appended["version"], 5, 5)
    assert (facts["last_flush"]["strategy"], facts["last_flush"]["removed"]) == ("simple_fifo", 3)


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_the_version_of_the_answer_matches_the_next_condition(api: Api) -> None:
    version = 0
    for number in range(25):
        answer = await api.ask("POST", "threads/t/messages", f"m{number}", headers={"If-Match": f'"{version}"'})
        assert answer.status_code == 200, answer.text
        version = answer.json()["version"]
        assert answer.headers["etag"] == f'"{version}"'


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_repeated_append_answers_as_the_first_did(api: Api) -> None:
    body = {"messages": [{"content": f"m{number}"} for number in range(9)]}
    first = await api.ask("POST", "threads/t/messages", body, headers={"Idempotency-Key": "k"})
    again = await api.ask("POST", "threads/t/messages", body, headers={"Idempotency-Key": "k"})

    assert first.json()["flushed"]["removed"] == 4
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    assert again.headers["memory-consistency"] == first.headers["memory-consistency"]
    assert len(await api.contents("t")) == 5


@pytest.mark.parametrize("api", [BY_MESSAGES, BY_TOKENS, SUMMARISED], indirect=True)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_dry_run_of_a_write_foresees_its_flush(api: Api, method: str) -> None:
    before = await api.append("t", "one two three", "four five six", "seven")
    body = {"messages": [{"content": f"message {number}"} for number in range(8)]}
    dry = (await api.ask(method, "threads/t/messages", body, params={"dry_run": "true"})).json()
    assert (await api.facts("t"))["version"] == before["version"]
    done = (await api.ask(method, "threads/t/messages", body)).json()

    assert (dry.pop("dry_run"), dry.pop("version"), done.pop("version") > before["version"]) == (
        True, before["version"], True,
    )  # fmt: skip
    assert dry == done and dry["flushed"]["removed"] > 0


@pytest.mark.parametrize("api", [SUMMARISED], indirect=True)
async def test_a_dry_run_foresees_that_no_summary_fits(api: Api) -> None:
    rules = [{"role": "system", "content": f"rule {number}"} for number in range(64)]
    await api.ask("POST", "threads/t/messages", {"messages": rules})
    body = {"messages": [{"content": text} for text in "abcdefgh"]}
    dry = (await api.ask("POST", "threads/t/messages", body, params={"dry_run": "true"})).json()
    done = (await api.ask("POST", "threads/t/messages", body)).json()

    assert dry["flushed"] == done["flushed"] and dry["total"] == done["total"]


@pytest.mark.parametrize("api", [BY_TOKENS], indirect=True)
async def test_tokens_make_a_flush_due_as_messages_do(api: Api) -> None:
    appended = await api.append("t", "a" * 4, "b" * 24, "c" * 4, "d" * 8)

    assert appended["flushed"] == {"removed": 1, "tokens_freed": 6, "actual_strategy": "token_aware_lru"}
    assert await api.contents("t") == ["a" * 4, "c" * 4, "d" * 8]


@pytest.mark.parametrize("api", [SUMMARISED], indirect=True)
async def test_a_summary_has_the_tokens_that_the_policy_allows(api: Api) -> None:
    appended = await api.append("t", *(f"message {number}" for number in range(8)))
    messages = (await api.ask("GET", "threads/t/messages")).json()["messages"]
    (summary,) = [message for message in messages if message["role"] == "system"]

    assert (appended["flushed"]["actual_strategy"], appended["flushed"]["removed"]) == ("hybrid_summary", 3)
    assert (appended["total"], len(messages)) == (6, 6)
    assert summary["tokens"] <= 12 and summary["content"].startswith("Summary of 3 earlier messages.")


@pytest.mark.parametrize("api", [SUMMARISED], indirect=True)
async def test_where_no_summary_fits_the_oldest_leave_without_one(api: Api) -> None:
    rules = [{"role": "system", "content": f"rule {number}"} for number in range(64)]
    await api.ask("POST", "threads/t/messages", {"messages": rules})
    appended = await api.append("t", *"abcdefgh")

    assert appended["flushed"]["actual_strategy"] == "simple_fifo"
    assert (await api.facts("t"))["last_flush"]["strategy"] == "simple_fifo"
    newest = (await api.ask("GET", "threads/t/messages", params={"last": 6})).json()["messages"]
    assert [message["content"] for message in newest] == ["rule 63", *"defgh"]


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_every_way_in_flushes(api: Api) -> None:
    eight = [{"content": text} for text in "abcdefgh"]
    written = (await api.ask("PUT", "threads/w/messages", {"messages": eight})).json()
    bulk = (await api.ask("POST", "messages", {"items": [{"thread": "b", "messages": eight}]})).json()
    task = {"operation": "append", "key": "k", "payload": eight}
    keyed = (await api.ask("POST", "operations", task)).json()["output"]
    for message in eight:
        store = {"operation": "STORE_MESSAGE", "conversationId": "c", "role": "user", "content": message["content"]}
        stored = (await api.ask("POST", "actions", store)).json()

    assert written["flushed"]["removed"] == bulk["results"][0]["flushed"]["removed"] == keyed["flushed"]["removed"] == 3
    assert written["total"] == bulk["results"][0]["total"] == keyed["total_count"] == stored["total"] == 5
    stats = (await api.ask("POST", "operations", {"operation": "stats", "key": "k"})).json()["output"]
    assert (stats["actual_strategy"], stats["last_flush"]["removed"]) == ("simple_fifo", 3)
    assert [len(await api.contents(thread)) for thread in "wbkc"] == [5, 5, 5, 5]


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_flush_by_hand_goes_by_the_policy_unless_told_otherwise(api: Api) -> None:
    await api.append("t", *"abcdefg")
    early = (await api.ask("POST", "threads/t/flush", {})).json()
    forced = (await api.ask("POST", "threads/t/flush", {"threshold": 0.7, "target": 0.2})).json()

    assert (early["would_flush"], early["actual_strategy"]) == (False, "simple_fifo")
    assert (forced["would_flush"], await api.contents("t")) == (True, ["f", "g"])


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_window_of_a_thread_s_own_is_refused(api: Api) -> None:
    put = problem(await api.ask("PUT", "threads/t", {"max_messages": 5}), 400, "invalid_field")
    create = {"operation": "CREATE_CONVERSATION", "conversationId": "t", "maxMessages": 5}
    action = problem(await api.ask("POST", "actions", create), 400, "invalid_field")

    assert [fault["errors"][0]["path"] for fault in (put, action)] == ["/max_messages", "/maxMessages"]
    assert (await api.facts("t"))["exists"] is False
    assert (await api.ask("PUT", "threads/t", {"max_messages": None})).status_code == 201


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_a_flush_that_was_due_when_a_process_died_is_made_at_the_next_write(api: Api) -> None:
    memory = api.service.registry.get("support")
    drafts = tuple(Draft("user", b'"role":"user","content":"m%d","timestamp":"2026-01-01T00:00:00.000Z"}' % n, 1)
                   for n in range(20))  # fmt: skip
    assert (await memory.store.mutate(Append("t", drafts))).flush_due
    appended = await api.append("t", "next")

    assert appended["flushed"]["removed"] == 16
    assert await api.contents("t") == ["m16", "m17", "m18", "m19", "next"]


async def test_replicas_flush_as_one(valkey: Valkey) -> None:
    tenant = f"replicas-{os.getpid()}"
    replicas = [build(valkey.url, [entry(options=BY_MESSAGES)], tenant=tenant) for _ in range(2)]
    try:
        answers = await asyncio.gather(*(replicas[n % 2].append("t", f"m{n}") for n in range(60)))
        removed = sum(answer["flushed"]["removed"] for answer in answers if "flushed" in answer)
        last = await replicas[0].append("t", "last")
        removed += last.get("flushed", {"removed": 0})["removed"]
        facts = await replicas[1].facts("t")
        contents = await replicas[1].contents("t")
    finally:
        for replica in replicas:
            await replica.close()

    assert facts["messages"] + removed == 61 and facts["messages"] < 8
    assert (facts["tokens"], contents[-1]) == (sum(-(-len(text) // 4) for text in contents), "last")


@pytest.mark.parametrize("api", [BY_MESSAGES], indirect=True)
async def test_writers_at_once_lose_nothing_that_a_flush_has_not_taken(api: Api) -> None:
    answers = await asyncio.gather(*(api.append("t", f"m{number}") for number in range(60)))
    removed = sum(answer["flushed"]["removed"] for answer in answers if "flushed" in answer)
    facts = await api.facts("t")

    assert facts["messages"] + removed == 60
    assert facts["tokens"] == facts["messages"] == len(await api.contents("t"))
    pages = (await api.management.get("/metrics")).text
    assert f'memory_evicted_messages_total{{memory="support",strategy="simple_fifo"}} {removed}.0' in pages
    body = {"messages": [{"content": "dry"}] * 10}
    await api.ask("PUT", "threads/t/messages", body, params={"dry_run": "true"})
    assert (await api.management.get("/metrics")).text.count("memory_evicted_messages_total{") == 1
    assert f'strategy="simple_fifo"}} {removed}.0' in (await api.management.get("/metrics")).text
    await api.append("t", "last")
    assert (await api.facts("t"))["messages"] <= 8
