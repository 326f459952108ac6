"""Declared memories: what they are, how they are, what they hold; and what the management listener tells."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from memory_service.policies.breaker import FAILURES
from memory_service.web.auth import ApiKeys, OpenDoor

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem


async def test_declared_memories_are_listed_with_their_resolved_definition(api: Api) -> None:
    page = (await api.ask("GET", "/v1/memories")).json()
    (item,) = page["items"]
    assert (item["id"], item["name"], item["generation"], page["next_cursor"]) == ("support", "support", 1, None)
    assert item["definition"]["options"]["semanticRecall"]["maxResults"] == 5
    assert item["definition"]["embedder"] == {"use": "local", "config": {"model": "all-MiniLM-L6-v2"}}
    assert item["token_counter"] == "estimate"
    assert (await api.ask("GET", "/v1/memories/support")).json() == item


async def test_memories_come_in_pages(valkey: Valkey) -> None:
    api = build(valkey.url, [entry(name) for name in ("a", "b", "c")])
    first = (await api.ask("GET", "/v1/memories", params={"limit": 2})).json()
    second = (await api.ask("GET", "/v1/memories", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [[item["id"] for item in page["items"]] for page in (first, second)] == [["a", "b"], ["c"]]
    await api.close()


async def test_a_memory_that_no_worker_reports_on_is_not_ready_and_says_why(api: Api) -> None:
    await api.service.monitor.look()
    item = (await api.ask("GET", "/v1/memories/support")).json()
    assert item["ready"] is False
    assert any(reason.startswith("embedder failed: Unreachable") for reason in item["reasons"])


async def test_health_names_every_part_and_history_alone_decides_the_status(api: Api) -> None:
    answer = await api.ask("GET", "health")
    health = answer.json()
    assert (answer.status_code, health["status"]) == (200, "degraded")
    assert set(health["components"]) == {"storage", "vector", "embedder", "index"}
    storage, index = health["components"]["storage"], health["components"]["index"]
    assert (storage["status"], storage["reason"]) == ("ok", "Ok")
    assert storage["latency_ms"] > 0
    assert index["lag_seconds"] == 0.0


async def test_health_shows_which_parts_are_not_even_asked(api: Api) -> None:
    for _ in range(FAILURES):
        await api.ask("POST", "recall", {"query": "tea"})
    answer = (await api.ask("GET", "health")).json()
    states = {name: part.get("circuit") for name, part in answer["components"].items()}
    assert states == {"storage": "closed", "vector": "closed", "embedder": "open", "index": None}


@pytest.mark.parametrize("api", [{"semanticRecall": {"enabled": False}}], indirect=True)
async def test_a_memory_without_recall_needs_no_worker(api: Api) -> None:
    health = (await api.ask("GET", "health")).json()
    assert (health["status"], health["components"]["vector"]["reason"]) == ("ok", "RecallDisabled")


async def test_stats_are_exact_and_leave_out_only_what_is_away(api: Api) -> None:
    await api.append("a", "one", "two")
    await api.ask("PUT", "threads/b", {"ttl": "30m"})
    stats = (await api.ask("GET", "stats")).json()
    assert {name: stats[name] for name in ("memory", "threads", "messages", "vectors", "without_ttl")} == {
        "memory": "support", "threads": 2, "messages": 2, "vectors": None, "without_ttl": 1,
    }  # fmt: skip
    assert stats["expiring"] == {"1h": 1, "24h": 1, "7d": 1}
    assert (stats["outbox"]["depth"], stats["outbox"]["dead"]) == (1, 0)
    assert stats["bytes"] > 0 and stats["tokens"] > 0


async def test_a_changed_definition_is_served_without_a_restart(api: Api) -> None:
    api.declared.entries = [entry(options={"limits": {"messageBytes": 100}}, generation=2), entry("second")]
    api.declared.version += 1
    assert api.service.registry.refresh() is True
    problem(await api.ask("POST", "threads/t/messages", {"content": "x" * 200}), 413, "message_too_large")
    assert (await api.ask("GET", "/v1/memories/second")).status_code == 200
    assert api.service.registry.refresh() is False


async def test_a_definition_that_cannot_be_served_leaves_the_last_good_one(api: Api) -> None:
    bad = entry(generation=2)
    bad.definition["storage"]["config"]["url"] = "redis://elsewhere"
    api.declared.entries, api.declared.version = [bad], 2
    api.service.registry.refresh()
    await api.append("t", "still works")
    item = (await api.ask("GET", "/v1/memories/support")).json()
    assert (item["generation"], item["ready"]) == (1, False)
    assert "/spec/storage/config/url" in item["reasons"][0]


async def test_a_memory_that_never_could_be_served_is_503_with_the_reason(valkey: Valkey) -> None:
    bad = entry()
    bad.definition["storage"]["config"]["url"] = "redis://elsewhere"
    api = build(valkey.url, [bad])
    document = problem(await api.ask("GET", "threads/t"), 503, "definition_not_loaded")
    assert "/spec/storage/config/url" in document["detail"]
    await api.close()


async def test_an_unreadable_file_drops_nothing(api: Api) -> None:
    api.declared.entries, api.declared.faults, api.declared.version = [], ["support.json: cannot be read"], 2
    api.service.registry.refresh()
    assert (await api.ask("GET", "/v1/memories/support")).status_code == 200


async def test_a_removed_memory_is_not_found_and_its_series_go(api: Api) -> None:
    await api.append("t", "a")
    assert 'memory="support"' in (await api.management.get("/metrics")).text
    api.declared.entries, api.declared.version = [], 2
    api.service.registry.refresh()
    problem(await api.ask("GET", "threads/t"), 404, "memory_not_found")
    assert 'memory="support"' not in (await api.management.get("/metrics")).text


async def test_a_retained_memory_is_counted_but_not_served(api: Api) -> None:
    await api.append("t", "a")
    api.declared.entries, api.declared.version = [entry(state="retained", generation=2)], 2
    api.service.registry.refresh()
    await api.service.monitor.look()
    problem(await api.ask("GET", "threads/t"), 404, "memory_not_found")
    assert (await api.ask("GET", "/v1/memories")).json()["items"] == []
    report = (await api.management.get("/loaded")).json()["memories"]["uid-support"]
    assert (report["state"], report["checks"]["storage"]["status"]) == ("retained", "ok")


async def test_loaded_says_what_this_pod_serves(api: Api) -> None:
    await api.service.monitor.look()
    loaded = (await api.management.get("/loaded")).json()
    assert (loaded["pod"], loaded["definitionsHash"]) == ("pod-1", api.service.registry.digest)
    report = loaded["memories"]["uid-support"]
    assert (report["id"], report["generation"], report["state"]) == ("support", 1, "active")
    assert set(report["checks"]["storage"]) == {"status", "reason", "message", "latency_ms"}
    assert report["checks"]["storage"]["status"] == "ok"
    assert report["checks"]["embedder"]["reason"] == "Unreachable"


async def test_ready_means_parsed_and_names_what_is_away(api: Api) -> None:
    await api.service.monitor.look()
    answer = await api.management.get("/readyz")
    assert (answer.status_code, answer.json()["dependencies"]["storage"]) == (200, "ok")
    assert answer.json()["dependencies"]["embedder"] == "failed"
    assert (await api.management.get("/livez")).status_code == 200
    api.service.drain.draining = True
    assert (await api.management.get("/readyz")).status_code == 503


async def test_the_management_listener_answers_nothing_else(api: Api) -> None:
    problem(await api.management.get("/v1/memories"), 404, "route_not_found")
    problem(await api.management.post("/livez"), 404, "route_not_found")


async def test_operations_are_counted_by_outcome(api: Api) -> None:
    await api.append("t", "a")
    await api.ask("POST", "threads/t/messages", {"content": ""})
    text = (await api.management.get("/metrics")).text
    assert 'memory_operations_total{memory="support",operation="append",outcome="ok"} 1.0' in text
    assert 'memory_operations_total{memory="support",operation="append",outcome="invalid_message"} 1.0' in text
    assert 'route="/memories/{memory}/threads/{thread}/messages",status="200"} 1.0' in text
    assert 'memory_operation_duration_seconds_bucket{le="0.25",operation="append"} 2.0' in text
    openmetrics = await api.management.get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert openmetrics.text.endswith("# EOF\n")


async def test_evictions_and_refreshes_have_counters_of_their_own(api: Api) -> None:
    await api.ask("PUT", "threads/t", {"max_messages": 1, "ttl": "1h"})
    await api.append("t", "a", "b")
    text = (await api.management.get("/metrics")).text
    assert 'memory_evicted_messages_total{memory="support",strategy="window"} 1.0' in text


@pytest.mark.parametrize("api", [{"limits": {"requestsPerSecond": 3}}], indirect=True)
async def test_a_memory_takes_only_so_many_requests_a_second(api: Api) -> None:
    answers = [await api.ask("GET", "threads/t") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 3 <= len(answers) - len(refused) <= 7  # the second may turn once meanwhile
    assert problem(refused[0], 429, "rate_limited")["limit"] == 3
    assert refused[0].headers["retry-after"] == "1"


# --- callers ----------------------------------------------------------------------------------------------------------


def keys_file(path: Path, *keys: str) -> Path:
    """A file of key hashes, named n0, n1, ..."""
    lines = [f"{hashlib.sha256(key.encode()).hexdigest()} n{number}" for number, key in enumerate(keys)]
    path.write_text("\n".join(lines) + "\n")
    return path


async def test_a_caller_needs_a_known_key(valkey: Valkey, tmp_path: Path) -> None:
    api = build(valkey.url, [entry()], keys=ApiKeys(keys_file(tmp_path / "keys", "one", "two")))
    for authorization in (None, "Bearer three", "Bearer", "Basic one", "one"):
        headers = {"authorization": authorization} if authorization else {}
        answer = await api.ask("GET", "/v1/memories", headers=headers)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for key in ("one", "two"):
        assert (await api.ask("GET", "/v1/memories", headers={"authorization": f"Bearer {key}"})).status_code == 200
    assert (await api.ask("GET", "/openapi.json")).status_code == 200
    await api.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8080", "sec-fetch-site": "same-origin"}, 200),
        ({"host": "evil.example:8080"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "localhost", "sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_without_credentials_no_foreign_page_may_ask(
    valkey: Valkey, headers: dict[str, str], status: int
) -> None:
    api = build(valkey.url, [entry()], keys=OpenDoor(local=True))
    answer = await api.ask("POST", "threads/t/messages", {"content": "x"}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        problem(answer, 403, "forbidden")
    await api.close()


async def test_keys_are_rotated_without_a_restart(valkey: Valkey, tmp_path: Path) -> None:
    keys = ApiKeys(keys_file(tmp_path / "keys", "one"))
    api = build(valkey.url, [entry()], keys=keys)
    keys_file(tmp_path / "keys", "two", "three")
    keys.refresh()
    problem(await api.ask("GET", "/v1/memories", headers={"authorization": "Bearer one"}), 401, "unauthenticated")
    assert (await api.ask("GET", "/v1/memories", headers={"authorization": "Bearer two"})).status_code == 200
    (tmp_path / "keys").write_text("not a hash\n")
    keys.refresh()
    assert (await api.ask("GET", "/v1/memories", headers={"authorization": "Bearer two"})).status_code == 200
    await api.close()


@pytest.mark.parametrize("text", ["", "\n", "abc\n", "# only a comment\n"])
def test_a_file_without_a_usable_key_is_refused_at_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(ValueError, match="keys"):
        ApiKeys(tmp_path / "keys")


async def test_a_key_is_of_its_caller(valkey: Valkey, tmp_path: Path) -> None:
    """Two callers may choose the same Idempotency-Key without meeting."""
    api = build(valkey.url, [entry()], keys=ApiKeys(keys_file(tmp_path / "keys", "one", "two")))

    async def append(key: str, content: str) -> Any:
        headers = {"authorization": f"Bearer {key}", "Idempotency-Key": "same"}
        return await api.ask("POST", "threads/t/messages", {"content": content}, headers=headers)

    assert (await append("one", "a")).status_code == (await append("two", "b")).status_code == 200
    await api.close()
