"""The OpenAPI 3.1 document, made from the same rows and Structs that serve the requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from memory_service.operations.words import MEMORY_PATTERN, MessageId, OwnerId, ThreadId
from memory_service.web.problems import CONTENT_TYPE, STATUS_OF, Problem
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES
from memory_service.web.streaming import NDJSON

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (
    "invalid_parameter",
    "invalid_header",
    "invalid_field",
    "not_acceptable",
    "unauthenticated",
    "shutting_down",
    "internal",
)
_OF_MEMORY: Final = ("memory_not_found", "definition_not_loaded", "rate_limited", "storage_unavailable")
_OF_BODY: Final = ("invalid_json", "invalid_message", "unknown_field", "request_too_large", "unsupported_media_type")
_OF_GUARDED: Final = ("version_mismatch",)
_OF_KEYED: Final = ("idempotency_mismatch", "busy", "storage_full")

_PATH: Final[Mapping[str, Json]] = {
    "memory": {"type": "string", "pattern": MEMORY_PATTERN, "description": "The Memory's `spec.id`."},
    "thread": ThreadId.schema(),
    "owner": OwnerId.schema(),
    "id": MessageId.schema(),
}
_HEADERS: Final[Mapping[str, Json]] = {
    "If-Match": {"type": "string", "pattern": '^"[0-9]{1,16}"$', "description": "The version that the change is for."},
    "If-None-Match": {"type": "string", "const": "*", "description": "Create only."},
    "Idempotency-Key": {
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
        "description": "The first answer to this key is repeated for 24 h.",
    },
    "Memory-Consistency": {
        "type": "string", "pattern": r"^[A-Za-z0-9_-]{1,64}\.[0-9]{1,16}$",
        "description": "Wait until this position, from an earlier mutation's answer, is indexed.",
    },
}  # fmt: skip
_ANSWER_HEADERS: Final = {
    "X-Request-Id": {"description": "Names this request in logs.", "schema": {"type": "string"}},
    "traceresponse": {"description": "W3C trace context of this answer.", "schema": {"type": "string"}},
    "Server-Timing": {"description": "Time in storage, vector, embedder.", "schema": {"type": "string"}},
}
_ANSWER_HEADER_REFS: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in _ANSWER_HEADERS}


def encoded() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document())


def document() -> Json:
    """The whole document."""
    types = [*_types(ROUTES), Problem]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF, schema_hook=_word)
    schema_of = {id(type_): schema for type_, schema in zip(types, schemas, strict=True)}
    for name in _reachable(components, (schema_of[id(each)] for route in ROUTES for each in _sent(route))):
        if "properties" in components[name]:
            components[name]["additionalProperties"] = False
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(f"/v1{route.path}", {})[route.method.lower()] = _operation(route, schema_of, components)
    used = _reachable(components, [paths, {"$ref": _REF.format(name="Problem")}])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Memory service",
            "version": "1",
            "summary": "Threads of messages, their expiry, and recall by meaning, for agents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {name: components[name] for name in sorted(used)},
            "headers": dict(_ANSWER_HEADERS),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of the tenant."}
            },
        },
        "security": [{"key": []}, {}],
    }


def _operation(route: Route, schema_of: Mapping[int, Json], components: Mapping[str, Json]) -> Json:
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": [*_parameters(route), *_query_parameters(schema_of[id(route.query)], components)],
        "responses": _responses(route, schema_of),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body.optional,
            "content": {"application/json": {"schema": _any_of(route.body.types, schema_of)}},
        }
    if route.lines:
        operation["requestBody"] = {
            "required": True,
            "description": "One JSON document a line.",
            "content": {NDJSON: {"schema": _any_of(route.lines, schema_of)}},
        }
    return operation


def _types(routes: Iterable[Route]) -> list[Any]:
    found: dict[int, Any] = {}
    for route in routes:
        for type_ in (*_answers(route), route.query, *_sent(route)):
            found.setdefault(id(type_), type_)
    return list(found.values())


def _sent(route: Route) -> tuple[Any, ...]:
    return (*(route.body.types if route.body else ()), *route.lines)


def _answers(route: Route) -> tuple[Any, ...]:
    return route.answer if route.streams else (route.answer,)


def _any_of(types: Sequence[Any], schema_of: Mapping[int, Json]) -> Json:
    schemas = [schema_of[id(type_)] for type_ in types]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _operation_id(route: Route) -> str:
    words = [word for word in route.path.replace("{", "").replace("}", "").split("/") if word]
    return "_".join([route.method.lower(), *words]).replace("-", "_")


def _tag(route: Route) -> str:
    names = [word for word in route.path.split("/") if word and not word.startswith("{")]
    return names[-1]


def _parameters(route: Route) -> list[Json]:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH[name]}
        for name in (part[1:-1] for part in route.path.split("/") if part.startswith("{"))
    ]
    names = []
    if route.guarded:
        names.append("If-Match")
    if route.guarded and route.method == "PUT":
        names.append("If-None-Match")
    if route.guarded or route.keyed:
        names.append("Idempotency-Key")
    if route.searches:
        names.append("Memory-Consistency")
    return parameters + [{"name": name, "in": "header", "schema": _HEADERS[name]} for name in names]


def _query_parameters(schema: Json, components: Mapping[str, Json]) -> list[Json]:
    resolved = components[schema["$ref"].rpartition("/")[2]]
    out = []
    for name, each in resolved.get("properties", {}).items():
        parameter: Json = {"name": name, "in": "query", "schema": each}
        if "description" in each:
            parameter["description"] = each["description"]
        out.append(parameter)
    return out


def _responses(route: Route, schema_of: Mapping[int, Json]) -> Json:
    good: Json = {
        "description": "Done.",
        "headers": dict(_ANSWER_HEADER_REFS),
        "content": {NDJSON if route.streams else "application/json": {"schema": _any_of(_answers(route), schema_of)}},
    }
    if route.guarded:
        good["headers"]["ETag"] = {
            "description": "The version, quoted.",
            "schema": {"type": "string"},
        }
    responses: Json = {str(route.status): good}
    if route.guarded and route.method == "PUT":
        responses["201"] = {**good, "description": "Created."}
    if route.operation == "health":
        responses["503"] = {**good, "description": "History cannot be served."}
    by_status: dict[int, list[str]] = {}
    for code in codes(route):
        by_status.setdefault(STATUS_OF[code], []).append(code)
    problem = {CONTENT_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    for status, names in sorted(by_status.items()):
        text = "Codes: " + ", ".join(names) + "."
        if str(status) in responses:
            responses[str(status)]["content"] = {**responses[str(status)]["content"], **problem}
            responses[str(status)]["description"] += " " + text
        else:
            responses[str(status)] = {"description": text, "headers": dict(_ANSWER_HEADER_REFS), "content": problem}
    responses["default"] = {"description": "Any other problem.", "content": problem}
    return responses


def codes(route: Route) -> list[str]:
    """The codes of the problems that a route may answer."""
    found = [*_ALWAYS, *route.codes]
    if "{memory}" in route.path:
        found += _OF_MEMORY
    found += [f"invalid_{name}" for name in ("thread", "owner") if f"{{{name}}}" in route.path]
    if route.body is not None:
        found += _OF_BODY
    if route.guarded:
        found += _OF_GUARDED
    if route.guarded or route.keyed:
        found += _OF_KEYED
    return list(dict.fromkeys(found))


def _word(type_: Any) -> Json:
    """The schema of a word (ThreadId, Duration, ...), which knows its own."""
    if hasattr(type_, "schema"):
        schema: Json = type_.schema()
        return schema
    raise NotImplementedError(f"no schema for {type_!r}")


def _reachable(components: Mapping[str, Json], roots: Iterable[Any]) -> set[str]:
    """Names of the components that some JSON refers to, through others too."""
    found: set[str] = set()
    waiting: list[Any] = list(roots)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found
