"""Working memory over HTTP: templates are replaced, schema documents merged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

TEMPLATE = {"workingMemory": {"enabled": True, "template": "<user><name/></user>"}}
SCHEMA = {"workingMemory": {"enabled": True, "schema": {"type": "object"}}}
OWNED = {"workingMemory": {"enabled": True, "scope": "owner"}}
DOCUMENT = "threads/t/working-memory"


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_new_document_starts_as_the_template(api: Api) -> None:
    answer = await api.ask("GET", DOCUMENT)
    assert answer.json() == {
        "content": "<user><name/></user>", "format": "template", "scope": "thread", "version": 0, "updated_at": None,
    }  # fmt: skip


@pytest.mark.parametrize("api", [{"workingMemory": {"enabled": True}}], indirect=True)
async def test_a_memory_without_a_template_starts_with_the_built_in_one(api: Api) -> None:
    assert (await api.ask("GET", DOCUMENT)).json()["content"].startswith("<user>")


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_template_document_is_replaced_with_a_version_of_its_own(api: Api) -> None:
    await api.append("t", "a")
    thread_version = (await api.facts("t"))["version"]
    first = await api.ask("PUT", DOCUMENT, {"content": "<user><name>Ada</name></user>"})
    assert first.status_code == 200, first.text
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    stale = await api.ask("PUT", DOCUMENT, {"content": "x"}, headers={"If-Match": '"0"'})
    problem(stale, 412, "version_mismatch")
    second = await api.ask("PUT", DOCUMENT, {"content": "x"}, headers={"If-Match": first.headers["etag"]})
    assert second.json()["version"] > first.json()["version"]
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == "x"
    assert (await api.facts("t"))["version"] == thread_version
    problem(await api.ask("PATCH", DOCUMENT, {"content": {"a": 1}}), 409, "not_mergeable")
    problem(await api.ask("PUT", DOCUMENT, {"content": {"a": 1}}), 400, "invalid_field")


@pytest.mark.parametrize("api", [SCHEMA], indirect=True)
async def test_a_schema_document_is_merged_and_null_deletes(api: Api) -> None:
    await api.append("t", "a")
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == {}
    await api.ask("PATCH", DOCUMENT, {"content": {"name": "Ada", "likes": {"tea": 1, "milk": [1, 2]}}})
    merged = await api.ask("PATCH", DOCUMENT, {"content": {"name": None, "likes": {"milk": [3]}, "age": 36}})
    assert merged.json()["content"] == {"likes": {"tea": 1, "milk": [3]}, "age": 36}
    problem(await api.ask("PATCH", DOCUMENT, {"content": "text"}), 400, "invalid_field")
    problem(await api.ask("PATCH", DOCUMENT, {"content": {}}, headers={"If-Match": '"999"'}), 412, "version_mismatch")
    replaced = await api.ask("PUT", DOCUMENT, {"content": {"only": True}})
    assert replaced.json()["content"] == {"only": True}


STRICT = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}, "name": {"type": "string", "pattern": "^(a+)+$"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize("api", [{"workingMemory": {"enabled": True, "schema": STRICT}}], indirect=True)
async def test_a_document_is_held_to_its_schema_with_every_fault(api: Api) -> None:
    await api.append("t", "a")
    broken = {"age": -1, "name": "a" * 5000 + "!", "x": 1}
    document = problem(await api.ask("PUT", DOCUMENT, {"content": broken}), 400, "invalid_field")
    assert {fault["path"] for fault in document["errors"]} == {"/content", "/content/age", "/content/name"}
    assert (await api.ask("PATCH", DOCUMENT, {"content": {"age": 1}})).status_code == 200
    problem(await api.ask("PATCH", DOCUMENT, {"content": {"age": "old"}}), 400, "invalid_field")
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == {"age": 1}


@pytest.mark.parametrize("schema", [{"type": "objct"}, {"$ref": "http://127.0.0.1:9/x"}, {"pattern": "("}])
async def test_a_schema_that_is_none_is_a_fault_of_the_definition(valkey: Valkey, schema: dict[str, str]) -> None:
    api = build(valkey.url, [entry(options={"workingMemory": {"enabled": True, "schema": schema}})])
    document = problem(await api.ask("GET", DOCUMENT), 503, "definition_not_loaded")
    assert "/spec/options/workingMemory/schema" in document["detail"]
    await api.close()


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_deleted_document_starts_anew(api: Api) -> None:
    await api.append("t", "a")
    await api.ask("PUT", DOCUMENT, {"content": "x"})
    assert (await api.ask("DELETE", DOCUMENT)).json() == {"deleted": True}
    assert (await api.ask("DELETE", DOCUMENT)).json() == {"deleted": False}
    assert (await api.ask("GET", DOCUMENT)).json()["version"] == 0


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_document_goes_with_its_thread(api: Api) -> None:
    await api.append("t", "a")
    await api.ask("PUT", DOCUMENT, {"content": "x"})
    await api.ask("DELETE", "threads/t")
    await api.append("t", "a")
    assert (await api.ask("GET", DOCUMENT)).json()["version"] == 0


@pytest.mark.parametrize("api", [OWNED], indirect=True)
async def test_an_owners_document_is_at_the_owners_route_only(api: Api) -> None:
    stored = await api.ask("PUT", "owners/ada|x/working-memory", {"content": "<user/>"})
    assert (stored.status_code, stored.json()["scope"]) == (200, "owner")
    refused = problem(await api.ask("GET", DOCUMENT), 409, "wrong_scope")
    assert refused["detail"].endswith("use .../owners/{owner}/working-memory")
    assert (await api.ask("GET", "owners/bob/working-memory")).json()["version"] == 0


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_document_has_a_size_limit(api: Api) -> None:
    problem(await api.ask("PUT", DOCUMENT, {"content": "x" * 70_000}), 413, "message_too_large")
    problem(await api.ask("PUT", "owners/ada/working-memory", {"content": "x"}), 409, "wrong_scope")


async def test_a_memory_without_working_memory_says_so(api: Api) -> None:
    for method, body in (("GET", None), ("PUT", {"content": "x"}), ("PATCH", {"content": {}}), ("DELETE", None)):
        problem(await api.ask(method, DOCUMENT, body), 409, "working_memory_disabled")


READ = {**OWNED, "ttl": {"after": "1h", "refresh": "read"}, "semanticRecall": {"enabled": False}}


@pytest.mark.parametrize("api", [READ], indirect=True)
@pytest.mark.parametrize("path", ["owners/ada/working-memory", "threads/t/context"])
async def test_reading_an_owners_document_keeps_it_alive_where_reads_do(api: Api, valkey: Valkey, path: str) -> None:
    await api.ask("PUT", "threads/t", {"owner": "ada"})
    await api.ask("PUT", "owners/ada/working-memory", {"content": "x"})
    with redis.Redis.from_url(valkey.url) as client:
        [key] = client.keys(f"*{api.backends.settings.tenant}/*:ow:ada")
        client.pexpire(key, 10_000)
        await api.ask("GET", path)
        assert client.pttl(key) > 3_500_000


# --- dry runs, keys, conditions ---------------------------------------------------------------------------------------

OWNED_SCHEMA = {"workingMemory": {"enabled": True, "scope": "owner", "schema": {"type": "object"}}}
OF_OWNER = "owners/ada/working-memory"
CHANGES = [
    (TEMPLATE, DOCUMENT, "PUT", "new"),
    (OWNED, OF_OWNER, "PUT", "new"),
    (SCHEMA, DOCUMENT, "PUT", {"a": 1}),
    (SCHEMA, DOCUMENT, "PATCH", {"a": 1}),
    (OWNED_SCHEMA, OF_OWNER, "PATCH", {"a": 1}),
    (TEMPLATE, DOCUMENT, "DELETE", None),
    (OWNED, OF_OWNER, "DELETE", None),
]
changes = pytest.mark.parametrize(("api", "path", "method", "content"), CHANGES, indirect=["api"])


def body(content: Any) -> dict[str, Any] | None:
    return None if content is None else {"content": content}


async def start(api: Api, path: str, content: Any) -> None:
    """A document to change."""
    first = {"old": 1} if isinstance(content, dict) else "old"
    assert (await api.ask("PUT", path, {"content": first})).status_code == 200


@changes
async def test_a_dry_run_says_what_would_be_and_changes_nothing(api: Api, path: str, method: str, content: Any) -> None:
    await start(api, path, content)
    before = (await api.ask("GET", path)).json()
    tried = await api.ask(method, path, body(content), params={"dry_run": "true"})
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True), tried.text
    assert "memory-consistency" not in tried.headers
    assert (await api.ask("GET", path)).json() == before
    done = (await api.ask(method, path, body(content))).json()
    if method == "DELETE":
        assert (tried.json()["deleted"], done) == (True, {"deleted": True})
    else:
        assert (tried.json()["content"], tried.json()["version"]) == (done["content"], before["version"])
        assert tried.headers["etag"] == f'"{before["version"]}"'


@changes
async def test_a_repeated_key_repeats_the_first_answer(api: Api, path: str, method: str, content: Any) -> None:
    await start(api, path, content)
    headers = {"Idempotency-Key": "k"}
    first = await api.ask(method, path, body(content), headers=headers)
    await api.ask("PUT", path, {"content": {"later": 1} if isinstance(content, dict) else "later"})
    now = (await api.ask("GET", path)).json()
    again = await api.ask(method, path, body(content), headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert (await api.ask("GET", path)).json() == now
    other = await api.ask(method, path, body(content), headers=headers, params={"dry_run": "false"})
    problem(other, 422, "idempotency_mismatch")


@pytest.mark.parametrize("api", [{"workingMemory": {"enabled": True, "schema": STRICT}}], indirect=True)
async def test_a_repeated_merge_is_answered_though_it_would_not_fit_any_more(api: Api) -> None:
    await api.ask("PUT", DOCUMENT, {"content": {"age": 1}})
    first = await api.ask("PATCH", DOCUMENT, {"content": {"name": "a"}}, headers={"Idempotency-Key": "k"})
    api.declared.entries[0] = entry(
        options={"workingMemory": {"enabled": True, "schema": {"required": ["x"]}}}, generation=2
    )
    api.declared.version += 1
    api.service.registry.refresh()
    again = await api.ask("PATCH", DOCUMENT, {"content": {"name": "a"}}, headers={"Idempotency-Key": "k"})
    assert again.json() == first.json()


@pytest.mark.parametrize("api", [SCHEMA], indirect=True)
async def test_a_repeated_merge_of_a_document_that_is_gone_knows_its_version_only(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    first = (await api.ask("PATCH", DOCUMENT, {"content": {"secret": 1}}, headers=headers)).json()
    await api.ask("DELETE", "threads/t")
    again = await api.ask("PATCH", DOCUMENT, {"content": {"secret": 1}}, headers=headers)
    assert again.json() == first | {"content": None}


@pytest.mark.parametrize("api", [SCHEMA], indirect=True)
async def test_concurrent_twins_of_a_merge_write_once(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(
        *(api.ask("PATCH", DOCUMENT, {"content": {"a": 1}}, headers=headers) for _ in range(8))
    )
    assert {answer.text for answer in answers} == {answers[0].text}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("api", [SCHEMA], indirect=True)
async def test_concurrent_merges_lose_nothing(api: Api) -> None:
    sent = [api.ask("PATCH", DOCUMENT, {"content": {f"k{number}": number}}) for number in range(6)]
    done = [number for number, answer in enumerate(await asyncio.gather(*sent)) if answer.status_code == 200]
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == {f"k{number}": number for number in done}


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_document_is_created_only_where_there_is_none(api: Api) -> None:
    fresh = await api.ask("PUT", DOCUMENT, {"content": "a"}, headers={"If-None-Match": "*"})
    assert fresh.status_code == 200
    problem(await api.ask("PUT", DOCUMENT, {"content": "b"}, headers={"If-None-Match": "*"}), 412, "version_mismatch")
    both = {"If-None-Match": "*", "If-Match": fresh.headers["etag"]}
    problem(await api.ask("PUT", DOCUMENT, {"content": "b"}, headers=both), 412, "version_mismatch")
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == "a"


REDACTED = {**SCHEMA, "privacy": {"redact": ["secret"]}}


@pytest.mark.parametrize("api", [REDACTED], indirect=True)
async def test_an_answer_says_whether_something_was_redacted(api: Api) -> None:
    cleaned = await api.ask("PATCH", DOCUMENT, {"content": {"a": "my secret"}})
    assert (cleaned.json()["content"], cleaned.json()["redacted"]) == ({"a": "my [REDACTED]"}, 1)
    assert (await api.ask("PATCH", DOCUMENT, {"content": {"b": "x"}})).json()["redacted"] == 0


# --- a definition that changes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_text_of_before_stays_readable_until_a_merge_replaces_it(api: Api) -> None:
    await api.ask("PUT", DOCUMENT, {"content": "<user>Ada</user>"})
    api.declared.entries[0] = entry(options=SCHEMA, generation=2)
    api.declared.version += 1
    api.service.registry.refresh()
    found = (await api.ask("GET", DOCUMENT)).json()
    assert (found["content"], found["format"]) == ("<user>Ada</user>", "template")
    assert (await api.ask("GET", "threads/t/context")).json()["working_memory"]["content"] == "<user>Ada</user>"
    merged = await api.ask(
        "PATCH", DOCUMENT, {"content": {"name": "Ada"}}, headers={"If-Match": f'"{found["version"]}"'}
    )
    assert (merged.json()["content"], merged.json()["format"]) == ({"name": "Ada"}, "schema")


@pytest.mark.parametrize("api", [SCHEMA], indirect=True)
async def test_a_schema_document_is_text_once_the_memory_keeps_a_template(api: Api) -> None:
    await api.ask("PUT", DOCUMENT, {"content": {"name": "Ada"}})
    api.declared.entries[0] = entry(options=TEMPLATE, generation=2)
    api.declared.version += 1
    api.service.registry.refresh()
    assert (await api.ask("GET", DOCUMENT)).json()["content"] == '{"name":"Ada"}'
