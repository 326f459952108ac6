"""What must hold of every answer, whatever the request was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import jsonschema_rs
from memory_service.web import openapi
from memory_service.web.problems import STATUS_OF
from memory_service.web.streaming import NDJSON

from tests.memory_service.fuzz.asking import Request
from tests.memory_service.fuzz.world import RENEWED, Answer, Look

RECORDED: Final = {"settings_conflict", "not_empty", "system_cap", "token_limit", "thread_full"}
"""Refusals that an Idempotency-Key remembers, which is a write of its own."""
AWAY: Final = {"vector_unavailable", "embedder_unavailable", "timeout"}
"""What routes that search may answer here: neither a worker nor a vector store runs behind this service."""


def _strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document, in which no answer has a member that is not described."""
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


@dataclass(frozen=True)
class Judge:
    """Judges answers by the published document."""

    document: Mapping[str, Any]
    validators: dict[Any, Any]

    @classmethod
    def of(cls, document: dict[str, Any]) -> Judge:
        """The judge by a document."""
        return cls(_strict(document), {})

    def answer(self, request: Request, answer: Answer, before: Look, after: Look) -> None:
        """Fail the test unless the answer is as documented, and the store as the answer says."""
        assert answer.headers["x-request-id"]
        if answer.headers["content-type"] == NDJSON:
            for line in answer.body.splitlines():
                self._valid(request, answer.status, json.loads(line), NDJSON)
            assert before == after
            return
        document = json.loads(answer.body)
        if answer.headers["content-type"] == "application/problem+json":
            self.problem(request, answer, document)
        else:
            self._valid(request, answer.status, document)
        if not writes(request, answer, document):
            assert changed(request, document, before, after) == []
        for nested in _nested(document):
            _problem(request, nested, nested["status"])

    def problem(self, request: Request, answer: Answer, document: dict[str, Any]) -> None:
        """A problem document of the published shape, with a code that this route is said to answer."""
        self._valid_as({"$ref": "#/components/schemas/Problem"}, "problem", document)
        assert document["status"] == answer.status
        assert document["request_id"] == answer.headers["x-request-id"]
        assert document["retryable"] == ("retry-after" in answer.headers)
        assert document["code"] in openapi.codes(request.route) or document["code"] in _ROUTING, document
        _problem(request, document, answer.status)

    def _valid(self, request: Request, status: int, document: Any, kind: str = "application/json") -> None:
        path, method = f"/v1{request.route.path}", request.route.method
        described = self.document["paths"][path][method.lower()]["responses"]
        assert str(status) in described, (status, document)
        schema = described[str(status)]["content"][kind]["schema"]
        self._valid_as(schema, (path, method, status), document)

    def _valid_as(self, schema: Mapping[str, Any], name: Any, document: Any) -> None:
        if name not in self.validators:
            whole = {**schema, "components": self.document["components"]}
            self.validators[name] = jsonschema_rs.Draft202012Validator(whole)
        self.validators[name].validate(document)


_ROUTING: Final = {"route_not_found", "memory_not_found", "message_not_found"}
"""Refusals of paths that name nothing."""


def _problem(request: Request, document: Mapping[str, Any], status: int) -> None:
    """The rules of problem documents that a schema cannot say."""
    assert STATUS_OF[document["code"]] == status, document
    away = document["code"] in AWAY and (request.route.searches or AWAY.intersection(request.route.codes))
    assert status < 500 or away, document
    faults = document.get("errors", [])
    assert not faults or faults[0]["code"] == document["code"], document
    for fault in faults:
        assert fault["message"] and fault["code"] in STATUS_OF, document
        assert resolves(request, fault["path"]), document


def resolves(request: Request, path: str) -> bool:
    """Whether a fault's path leads to something in the request, or to where something is missing."""
    where, _, name = path.partition(":")
    if path == "" or path.startswith("/"):
        return _points(request.body, path)
    if where == "line":
        number, slash, pointer = name.partition("/")
        lines = request.body.split(b"\n")
        return int(number) <= len(lines) and _points(lines[int(number) - 1], slash + pointer)
    if where == "query":
        sent = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
        return not name or name in {*sent, *_utf8(sent), *request.route.query.__struct_fields__}
    if where == "header":
        return request.header(name) is not None
    return where == "path" and f"{{{name}}}" in request.route.path


def _utf8(names: Mapping[str, str]) -> list[str]:
    return [name.encode("latin-1", "replace").decode(errors="replace") for name in names]


def _points(body: bytes, path: str) -> bool:
    """RFC 6901; the path of a member that is missing goes on in plain names."""
    if path == "":
        return True
    value = json.loads(body)
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    for number, step in enumerate(steps):
        if isinstance(value, list):
            if not step.isdecimal() or int(step) >= len(value):
                return False
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, str) and steps[number - 1 : number] == ["payload"]:
            return True  # a place in what the payload's template rendered to
        else:
            return isinstance(value, dict) and re.fullmatch("[A-Za-z_/]+", "/".join(steps[number:])) is not None
    return True


def writes(request: Request, answer: Answer, document: Any) -> bool:
    """Whether a request may have left something behind: a good answer that is no dry run, and what reading renews."""
    if isinstance(document, dict) and "imported" in document and _counted(document["imported"]):
        return True  # whole threads before a damaged line stay
    if answer.status >= 400 or (isinstance(document, dict) and document.get("dry_run") is True):
        return False
    return request.route.method != "GET" or request.memory in RENEWED


def _counted(imported: Mapping[str, Any]) -> bool:
    return any(each["imported"] for each in imported.values() if isinstance(each, dict))


def changed(request: Request, document: Mapping[str, Any], before: Look, after: Look) -> list[bytes]:
    """The keys that differ; those that remember refusals are left out where one may be remembered."""
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    remembers = request.header("Idempotency-Key") is not None and document.get("code") in RECORDED
    return [key for key in keys if not (remembers and b"}:i:" in key)]


def _nested(document: Any) -> list[Mapping[str, Any]]:
    """The problem objects inside of a good answer: an item's each."""
    if not isinstance(document, dict):
        return []
    results = document.get("results") or []
    return [each["error"] for each in results if isinstance(each, dict) and each.get("error")]
