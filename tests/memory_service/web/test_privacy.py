"""options.privacy on every path by which text comes in: what is stored, answered, counted, and never said."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_crd.errors import InvalidMemory
from memory_service.errors import DefinitionNotLoaded
from memory_service.model.values import Guard
from memory_service.operations import history
from memory_service.operations.messages import NewMessage
from redis.asyncio import Redis

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

SECRET = "ann.lee@example.com"
CARD = 4111111111111111
MARK = "[REDACTED]"
REDACT = [r"[\w.+-]+@[\w-]+\.[\w.-]+", r"[0-9]{13,16}"]
SCHEMA = {"type": "object", "properties": {"mail": {"type": "string"}}}
OPTIONS = {"privacy": {"redact": REDACT, "excludeRoles": ["tool"]}, "workingMemory": {"enabled": True}}


@pytest.fixture
async def api(valkey: Valkey, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """The application with a memory that redacts e-mail addresses and card numbers, and keeps no tool messages."""
    built = build(valkey.url, [entry(options=OPTIONS | getattr(request, "param", {}))])
    yield built
    await built.close()


async def everything(api: Api, valkey: Valkey) -> bytes:
    """All keys and values of the tenant, in their stored form."""
    redis = Redis.from_url(valkey.url)
    try:
        keys = [key async for key in redis.scan_iter(f"*{api.backends.settings.tenant}/*", count=10_000)]
        return b"\n".join([*keys, *[await _value(redis, key) for key in keys]])
    finally:
        await redis.aclose()


async def _value(redis: Redis, key: bytes) -> bytes:
    kind = (await redis.type(key)).decode()
    read: dict[str, Any] = {
        "string": lambda: redis.get(key), "list": lambda: redis.lrange(key, 0, -1),
        "hash": lambda: redis.hgetall(key), "zset": lambda: redis.zrange(key, 0, -1),
        "stream": lambda: redis.xrange(key), "set": lambda: redis.smembers(key),
    }  # fmt: skip
    return repr(await read[kind]()).encode()


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


# --- every path -------------------------------------------------------------------------------------------------------

PATHS: dict[str, tuple[str, str, Any]] = {
    "append of one message": ("POST", "threads/t/messages", message(f"I am {SECRET}")),
    "append of a text": ("POST", "threads/t/messages", f"I am {SECRET}"),
    "append of a list": ("POST", "threads/t/messages", {"messages": [message(f"I am {SECRET}")]}),
    "write": ("PUT", "threads/t/messages", {"messages": [message(f"I am {SECRET}")]}),
    "bulk": ("POST", "messages", {"items": [{"thread": "t", "messages": [message(f"I am {SECRET}")]}]}),
    "metadata": ("POST", "threads/t/messages", message("hi", metadata={"a": [{"from": SECRET}], SECRET: CARD})),
    "STORE_MESSAGE": (
        "POST", "actions",
        {"operation": "STORE_MESSAGE", "conversationId": "t", "role": "user", "content": "I am {who}",
         "variables": {"who": SECRET}},
    ),
    "keyed append": ("POST", "operations", {"operation": "append", "key": "t", "payload": f"I am {SECRET}"}),
    "keyed write with a template": (
        "POST", "operations",
        {"operation": "write", "key": "t", "payload": [{"content": "I am {{ .input.who }}"}],
         "context": {"input": {"who": SECRET}}},
    ),
    "title": ("PUT", "threads/t", {"title": f"Talk with {SECRET}"}),
    "thread metadata": ("PATCH", "threads/t", {"metadata": {"who": SECRET, "cards": [CARD]}}),
    "working memory": ("PUT", "threads/t/working-memory", {"content": f"<user>{SECRET}</user>"}),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_what_matches_is_in_no_byte_of_redis(
    api: Api, valkey: Valkey, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    method, where, body = PATHS[path]
    with caplog.at_level(logging.DEBUG):
        answer = await api.ask(method, where, body, headers={"idempotency-key": "k1"} if "working" not in where else {})
    assert answer.status_code in (200, 201), answer.text
    assert answer.json().get("ok", True) and all(each["status"] == 200 for each in answer.json().get("results", []))

    stored = await everything(api, valkey)

    assert MARK.encode() in stored
    assert SECRET.encode() not in stored and str(CARD).encode() not in stored
    assert SECRET not in answer.text and SECRET not in caplog.text
    assert b"memory_redactions_total" in api.service.metrics.render("")[0]


@pytest.mark.parametrize("api", [{"workingMemory": {"enabled": True, "schema": SCHEMA}}], indirect=True)
async def test_a_merged_document_is_redacted(api: Api, valkey: Valkey) -> None:
    await api.ask("PUT", "threads/t/working-memory", {"content": {"name": "Ann"}})
    merged = await api.ask("PATCH", "threads/t/working-memory", {"content": {"mail": SECRET}})

    assert merged.json()["content"] == {"name": "Ann", "mail": MARK}
    assert SECRET.encode() not in await everything(api, valkey)


async def before_the_patterns(api: Api, *contents: str) -> None:
    """Append to `t` what was said before the memory declared any privacy."""
    plain = api.declared.entries[0]
    api.declared.entries = [entry(options={})]
    api.declared.version += 1
    api.service.registry.refresh()
    await api.append("t", *contents)
    api.declared.entries = [plain]
    api.declared.version += 1
    api.service.registry.refresh()


async def test_content_in_stats_is_redacted_with_the_patterns_of_today(api: Api) -> None:
    await before_the_patterns(api, f"I am {SECRET}")
    task = {"operation": "stats", "key": "t", "stats_config": {"include_content": True}}
    (shown,) = (await api.ask("POST", "operations", task)).json()["output"]["messages"]

    assert shown["content"] == f"I am {MARK}"


async def test_settings_tell_how_many_of_their_texts_were_redacted(api: Api) -> None:
    answer = await api.ask("PUT", "threads/t", {"title": f"Talk with {SECRET}", "metadata": {"who": SECRET}})

    assert answer.json()["redacted"] == 2


async def test_a_summary_of_messages_older_than_the_patterns_is_redacted(api: Api, valkey: Valkey) -> None:
    await before_the_patterns(api, *[f"{number} I am {SECRET}" for number in range(8)])

    flushed = (await api.ask("POST", "threads/t/flush", {"strategy": "hybrid_summary", "target": 0.1})).json()

    assert flushed["summary"] is not None
    assert SECRET not in flushed["summary"]["content"]


# --- answers and figures ----------------------------------------------------------------------------------------------

MIXED = [
    message(f"I am {SECRET}, call {SECRET}", metadata={"also": SECRET}),
    message("plain"),
    {"role": "tool", "content": f"looked up {SECRET}"},
    {"role": "tool", "content": "x"},
]


@pytest.mark.parametrize(("method", "count"), [("POST", "appended"), ("PUT", "written")])
async def test_an_answer_counts_messages_redacted_and_excluded(api: Api, method: str, count: str) -> None:
    body = (await api.ask(method, "threads/t/messages", {"messages": MIXED})).json()

    assert (body[count], body["total"], body["redacted"], body["excluded"]) == (2, 2, 1, 2)
    assert len(body["ids"]) == 2
    assert await api.contents("t") == [f"I am {MARK}, call {MARK}", "plain"]


async def test_every_way_of_storing_answers_the_counts(api: Api) -> None:
    bulk = await api.ask("POST", "messages", {"items": [{"thread": "b", "messages": MIXED}]})
    keyed = await api.ask("POST", "operations", {"operation": "append", "key": "k", "payload": MIXED})
    stored = await api.ask("POST", "actions", {"operation": "STORE_MESSAGE", "conversationId": "c", "content": SECRET})
    left_out = await api.ask(
        "POST", "actions", {"operation": "STORE_MESSAGE", "conversationId": "d", "content": SECRET, "role": "tool"}
    )

    found = [bulk.json()["results"][0], keyed.json()["output"], stored.json(), left_out.json()]
    assert [(each["redacted"], each["excluded"]) for each in found] == [(1, 2), (1, 2), (1, 0), (0, 1)]
    assert not (await api.facts("d"))["exists"]


async def test_a_memory_without_privacy_answers_as_before(valkey: Valkey) -> None:
    api = build(valkey.url, [entry()])
    body = await api.append("t", SECRET)
    await api.close()

    assert "redacted" not in body and "excluded" not in body


async def test_what_was_done_is_counted_once_and_by_role(api: Api) -> None:
    batch = {"messages": MIXED}
    await api.ask("POST", "threads/t/messages", batch, params={"dry_run": "true"})
    first = await api.ask("POST", "threads/t/messages", batch, headers={"idempotency-key": "a"})
    again = await api.ask("POST", "threads/t/messages", batch, headers={"idempotency-key": "a"})
    await api.ask("POST", "threads/t/messages", batch, headers={"if-match": '"999"'})
    scrape = api.service.metrics.render("")[0].decode()

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert 'memory_redactions_total{memory="support"} 1.0' in scrape
    assert 'memory_excluded_messages_total{memory="support",role="tool"} 2.0' in scrape


async def test_a_dry_run_tells_what_would_be_redacted_and_excluded(api: Api) -> None:
    params = {"dry_run": "true"}
    body = (await api.ask("POST", "threads/t/messages", {"messages": MIXED}, params=params)).json()

    assert (body["dry_run"], body["appended"], body["redacted"], body["excluded"]) == (True, 2, 1, 2)


async def test_a_replay_is_judged_by_what_came_in_not_by_what_was_stored(api: Api) -> None:
    headers = {"idempotency-key": "k"}
    await api.ask("POST", "threads/t/messages", message("I am a@example.com"), headers=headers)
    other = await api.ask("POST", "threads/t/messages", message("I am b@example.com"), headers=headers)

    problem(other, 422, "idempotency_mismatch")
    assert await api.contents("t") == [f"I am {MARK}"]


async def test_excluded_messages_are_checked_like_the_others(api: Api) -> None:
    bad = {"role": "tool", "content": "x", "ttl": "1h", "expires_at": "2999-01-01T00:00:00Z"}
    problem(await api.ask("POST", "threads/t/messages", {"messages": [message("a"), bad]}), 400, "invalid_ttl")

    assert await api.contents("t") == []


# --- failing closed ---------------------------------------------------------------------------------------------------


async def test_a_text_that_cannot_be_redacted_is_not_stored(api: Api) -> None:
    """Half a surrogate pair is no text; no request can hold one, so the operation is asked directly."""
    memory = api.service.registry.get("support")
    with pytest.raises(DefinitionNotLoaded) as refused:
        await history.append(memory, "t", [NewMessage("\ud800" + SECRET)], Guard())

    assert SECRET not in str(refused.value) and refused.value.__suppress_context__
    assert not (await api.facts("t"))["exists"]


@pytest.mark.parametrize("api", [{"privacy": {"redact": ["a(?:.*z)?"], "replacement": "#"}}], indirect=True)
async def test_a_text_that_takes_too_long_is_refused_and_not_stored(api: Api) -> None:
    answer = await api.ask("POST", "threads/t/messages", {"messages": [message("hi"), message("a" * 60_000)]})
    document = problem(answer, 413, "message_too_large")

    assert [fault["path"] for fault in document["errors"]] == ["/messages/1/content"]
    assert "aaa" not in answer.text
    assert not (await api.facts("t"))["exists"]


async def test_a_pattern_that_costs_too_much_is_not_served(valkey: Valkey) -> None:
    with pytest.raises(InvalidMemory, match=r"/spec/options/privacy/redact/0"):
        api = build(valkey.url, [])
        api.backends.open(entry(options={"privacy": {"redact": [r"(?:.?){500}z"]}}))


# --- whatever comes in ------------------------------------------------------------------------------------------------

NOISE = st.text(alphabet=st.sampled_from('ab@. 1é\n"\\/'), max_size=30)
ADDRESS = st.builds("{}@{}.{}".format, *[st.text("abz", min_size=1, max_size=4)] * 3)
TEXT = st.lists(NOISE | ADDRESS | st.just(str(CARD)), min_size=1, max_size=5).map("".join).filter(bool)
META = st.recursive(
    TEXT | st.integers(0, 10**18) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("api", [{"privacy": {"redact": ["[0-9]+"]}}], indirect=True)
@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        ({"title": "1a" * 500}, 400, "invalid_field", "/title"),
        ({"metadata": {"k": "1a" * 8_000}}, 413, "message_too_large", "/metadata"),
    ],
)
async def test_settings_keep_to_their_limits_after_redaction_too(
    api: Api, body: dict[str, Any], status: int, code: str, path: str
) -> None:
    refused = problem(await api.ask("PUT", "threads/t", body), status, code)
    assert [fault["path"] for fault in refused["errors"]] == [path]
    assert (await api.facts("t"))["exists"] is False


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=TEXT, metadata=st.dictionaries(TEXT, META, max_size=3))
async def test_no_match_survives_in_what_is_read_back(api: Api, content: str, metadata: dict[str, Any]) -> None:
    answer = await api.ask("PUT", "threads/t/messages", {"messages": [message(content, metadata=metadata)]})
    assert answer.status_code in (200, 201), answer.text

    [stored] = (await api.ask("GET", "threads/t/messages")).json()["messages"]

    for text in _texts([stored["content"], stored.get("metadata", {})]):
        assert not any(re.search(pattern, text, re.ASCII) for pattern in REDACT), text


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for member in value.values() for text in _texts(member))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]
