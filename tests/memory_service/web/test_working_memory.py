"""Working memory over HTTP: templates are replaced, schema documents merged."""

from __future__ import annotations

import pytest

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
    problem(await api.ask("GET", DOCUMENT), 409, "wrong_scope")
    assert (await api.ask("GET", "owners/bob/working-memory")).json()["version"] == 0


@pytest.mark.parametrize("api", [TEMPLATE], indirect=True)
async def test_a_document_has_a_size_limit(api: Api) -> None:
    problem(await api.ask("PUT", DOCUMENT, {"content": "x" * 70_000}), 413, "message_too_large")
    problem(await api.ask("PUT", "owners/ada/working-memory", {"content": "x"}), 409, "wrong_scope")


async def test_a_memory_without_working_memory_says_so(api: Api) -> None:
    for method, body in (("GET", None), ("PUT", {"content": "x"}), ("PATCH", {"content": {}}), ("DELETE", None)):
        problem(await api.ask(method, DOCUMENT, body), 409, "working_memory_disabled")
