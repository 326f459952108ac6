"""The API's own description: valid, complete, and true of the answers that routes give."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from memory_service.web import openapi
from memory_service.web.problems import STATUSES
from memory_service.web.routes import ROUTES
from openapi_spec_validator import validate

from tests.memory_service.web.harness import Api, problem

DOCUMENT = openapi.document()


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.method, f"/v1{route.path}") for route in ROUTES}


def test_every_code_that_a_route_may_answer_is_in_the_table() -> None:
    known = {code for codes in STATUSES.values() for code in codes}
    assert {code for route in ROUTES for code in route.codes} <= known


def test_bodies_refuse_unknown_members() -> None:
    assert DOCUMENT["components"]["schemas"]["ThreadSettings"]["additionalProperties"] is False
    assert DOCUMENT["components"]["schemas"]["NewMessage"]["additionalProperties"] is False


def declared(operation: str) -> set[str]:
    return {code for route in ROUTES if route.operation == operation for code in openapi.codes(route)}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_settings_that_are_too_large_are_refused_by_a_declared_code(api: Api, method: str) -> None:
    problem(await api.ask(method, "threads/t", {"metadata": {"k": "x" * 70_000}}), 413, "message_too_large")
    assert "message_too_large" in declared(f"{method.lower()}_thread")


@pytest.mark.parametrize("api", [{"limits": {"bytes": 200}}], indirect=True)
async def test_a_backup_beyond_the_quota_is_refused_by_a_declared_code(api: Api) -> None:
    await api.append("t", "x" * 100)
    backup = (await api.ask("DELETE", "threads/t/messages", params={"backup": "true"})).json()["backup_id"]
    await api.append("other", "x" * 100)
    problem(await api.ask("POST", "threads/t/restore", {"backup_id": backup}), 429, "quota_exceeded")
    assert "quota_exceeded" in declared("restore")


async def test_the_pages_need_nothing_from_elsewhere(api: Api) -> None:
    described = await api.ask("GET", "/openapi.json")
    assert described.json() == DOCUMENT
    page = await api.ask("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "src=" not in page.text and "http" not in page.text.replace("https://www.w3.org", "")


ANSWERS: list[tuple[str, str, str, Any]] = [
    ("GET", "/v1/memories", "/v1/memories", None),
    ("GET", "/v1/memories/{memory}", "", None),
    ("GET", "/v1/memories/{memory}/health", "/health", None),
    ("GET", "/v1/memories/{memory}/stats", "/stats", None),
    ("GET", "/v1/memories/{memory}/threads", "/threads", None),
    ("PUT", "/v1/memories/{memory}/threads/{thread}", "/threads/t", {"title": "a"}),
    ("GET", "/v1/memories/{memory}/threads/{thread}", "/threads/t", None),
    ("GET", "/v1/memories/{memory}/threads/{thread}/messages", "/threads/t/messages", None),
    ("POST", "/v1/memories/{memory}/threads/{thread}/messages", "/threads/t/messages", "hello"),
    ("PUT", "/v1/memories/{memory}/threads/{thread}/messages", "/threads/t/messages", {"messages": []}),
    ("POST", "/v1/memories/{memory}/threads/{thread}/ttl", "/threads/t/ttl", {"ttl": "1h"}),
    ("GET", "/v1/memories/{memory}/threads/{thread}/context", "/threads/t/context", None),
    ("POST", "/v1/memories/{memory}/recall", "/recall", {"query": "x", "scope": "thread", "thread": "t"}),
    ("POST", "/v1/memories/{memory}/messages", "/messages", {"items": [{"thread": "u", "messages": []}]}),
    ("POST", "/v1/memories/{memory}/actions", "/actions", {"operation": "READ_HISTORY", "conversationId": "t"}),
    ("GET", "/v1/memories/{memory}/outbox/dead", "/outbox/dead", None),
    ("POST", "/v1/memories/{memory}/outbox/dead/replay", "/outbox/dead/replay", {}),
    ("GET", "/v1/memories/{memory}/owners", "/owners", None),
    ("GET", "/v1/memories/{memory}/owners/{owner}/threads", "/owners/ada/threads", None),
    ("DELETE", "/v1/memories/{memory}/owners/{owner}", "/owners/ada", None),
    ("DELETE", "/v1/memories/{memory}/threads/{thread}", "/threads/t", None),
]


@pytest.mark.parametrize(("method", "path", "rest", "body"), ANSWERS)
async def test_answers_are_what_the_document_says(api: Api, method: str, path: str, rest: str, body: Any) -> None:
    await api.append("t", "hello")
    answer = await api.ask(method, rest if rest.startswith("/v1") else f"/v1/memories/support{rest}", body)
    described = DOCUMENT["paths"][path][method.lower()]["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"] | {"components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(answer.json())
    refused = await api.ask(
        method, rest if rest.startswith("/v1") else f"/v1/memories/support{rest}", body, params={"x": 1}
    )
    problem = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}
    Draft202012Validator(problem).validate(refused.json())
    assert refused.status_code == 400
