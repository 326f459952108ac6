"""The schema that the API server enforces and the parser that the code uses say the same.

Documents are generated from the schema, then damaged at random; both must give the same verdict. What only a rule can
say (CEL there, `holds` here) is left to the tests on a real API server, except `use`, whose rule is a list of words.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from memory_crd import schema
from memory_crd.errors import InvalidManifest
from memory_crd.fields import Faults, read
from memory_crd.memory import Spec
from memory_crd.tenant import TenantSpec

Json = dict[str, Any]
KEYWORDS = (
    "type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems", "maxProperties", "required",
)  # fmt: skip


def plain(node: Mapping[str, Any]) -> Json:
    """A structural schema as JSON Schema: closed where Kubernetes refuses unknown keys, `$` the very end."""
    found = {key: node[key] for key in KEYWORDS if key in node}
    if "pattern" in found:
        found["pattern"] = re.sub(r"\$$", r"\\Z", found["pattern"])
    if node.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"} | found, {"type": "string"} | found]}
    if listed := [
        rule["rule"] for rule in node.get("x-kubernetes-validations", []) if rule["rule"].startswith("self in [")
    ]:
        found["enum"] = re.findall(r"'([^']*)'", listed[0])
    if "properties" in node:
        found["properties"] = {name: plain(child) for name, child in node["properties"].items()}
        found["additionalProperties"] = bool(node.get("x-kubernetes-preserve-unknown-fields"))
    if "additionalProperties" in node:
        found["additionalProperties"] = plain(node["additionalProperties"])
    if "items" in node:
        found["items"] = plain(node["items"])
    return found


def spec_schema(kind: str) -> Json:
    found: Json = schema.definitions()[f"{kind}.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec: Json = found["properties"]["spec"]
    return spec


MEMORY, TENANT = spec_schema("memories"), spec_schema("memorytenants")
CASES = {"memory": (plain(MEMORY), Spec), "tenant": (plain(TENANT), TenantSpec)}
ONLY_RULES_SAY = (
    "exclude", "must hold", "must not hold", "must be {{ env", "must be an http://", "another item already",
    "can always be", "must not exceed", "a peer is either",
)  # fmt: skip
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=250, deadline=None)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70_000), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=70), st.sampled_from(["", 0, -1, 1.0, 384.0, "30d", "1e3", "redis", "thread", "a\n", "x" * 1100]),
    st.builds(list), st.builds(dict), st.builds(lambda: {"a": 1}), st.builds(lambda: ["a"]),
)  # fmt: skip
FULL: dict[str, Json] = {
    "memory": {
        "$schema": "https://compozy.dev/schemas/memory.json",
        "id": "notes",
        "deletionPolicy": "Delete",
        "storage": {"use": "redis", "config": {"url": "redis://host", "secretRef": {"name": "a", "usernameKey": "u"}}},
        "vector": {"use": "qdrant", "dimensions": 384, "config": {"token": "{{ env.T }}", "other": [1, {"a": None}]}},
        "embedder": {"use": "openai", "config": {"model": "m", "url": "http://x/v1", "apiKey": "{{ env.K }}"}},
        "options": {
            "lastMessages": 5,
            "semanticRecall": {
                "enabled": True,
                "maxResults": 3,
                "scope": "memory",
                "messageRange": 2,
                "threshold": 0.5,
                "mode": "dense",
                "filterable": [{"key": "a", "type": "bool"}, {"key": "b", "type": "float"}],
            },
            "workingMemory": {"enabled": True, "scope": "owner", "schema": {"type": "object", "properties": {}}},
            "ttl": {"after": "30d", "maxAge": 1000, "refresh": "read", "required": True},
            "limits": {"messageBytes": 10, "threadMessages": 10, "metadataKeys": 1, "threads": 1, "bytes": 1},
        },
    },
    "tenant": {
        "deletionPolicy": "Delete",
        "redis": {
            "image": "redis:8",
            "durability": "always",
            "maxMemoryPercent": 50,
            "storage": {"size": "1Gi", "className": "fast"},
            "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"ephemeral-storage": "1Gi"}},
        },
        "qdrant": {"image": "qdrant:1", "storage": {"size": "1Gi"}},
        "service": {"replicas": 2, "resources": {}},
        "worker": {"resources": {"limits": {"cpu": "500m"}}},
        "scheduling": {
            "nodeSelector": {"a": "b"},
            "tolerations": [
                {"key": "a", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 5}
            ],
            "affinity": {"nodeAffinity": {"x": [1]}, "podAntiAffinity": {}},
            "priorityClassName": "high",
        },
        "imagePullSecrets": [{"name": "registry"}],
        "network": {
            "policies": "Disabled",
            "allowFrom": [
                {
                    "namespaceSelector": {
                        "matchLabels": {"a": "b"},
                        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
                    }
                },
                {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
            ],
        },
    },
}


def structural(model: type, document: object) -> list[str]:
    """The parser's faults that a structure can express."""
    faults = Faults()
    read(model, document, "", faults)
    return [str(fault) for fault in faults if not any(words in fault.message for words in ONLY_RULES_SAY)]


def places(node: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every member of a document, itself excluded."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path for key, child in children for path in [(*at, key), *places(child, (*at, key))]]


def damage(document: Json, draw: Callable[[Any], Any]) -> Json:
    """The document with one member replaced, taken away or added."""
    damaged: Any = copy.deepcopy(document)
    found = places(damaged)
    path = draw(st.sampled_from(found)) if found else ()
    parent = damaged
    for key in path[:-1]:
        parent = parent[key]
    act = draw(st.sampled_from(["replace", "remove", "add"]))
    if act == "add" or not path:
        target = parent if isinstance(parent, dict) else damaged
        target[draw(st.sampled_from(["extra", "use", "config", "after", "$schema", "name"]))] = draw(VALUES)
    elif act == "replace" or isinstance(parent, list):
        parent[path[-1]] = draw(VALUES)
    else:
        del parent[path[-1]]
    result: Json = damaged
    return result


@pytest.mark.parametrize("kind", CASES)
@QUICK
@given(data=st.data())
def test_what_the_schema_accepts_the_parser_accepts(kind: str, data: st.DataObject) -> None:
    shape, model = CASES[kind]

    document = data.draw(from_schema(shape))

    assert structural(model, document) == []


@pytest.mark.parametrize("kind", CASES)
def test_a_full_document_is_accepted_by_both(kind: str) -> None:
    shape, model = CASES[kind]

    jsonschema.validate(FULL[kind], shape)
    assert structural(model, FULL[kind]) == []


@pytest.mark.parametrize("kind", CASES)
@MANY
@given(data=st.data())
def test_a_damaged_document_gets_the_same_verdict_from_both(kind: str, data: st.DataObject) -> None:
    shape, model = CASES[kind]

    document = damage(FULL[kind], data.draw)

    accepted = jsonschema.Draft202012Validator(shape).is_valid(document)
    assert accepted == (structural(model, document) == []), document


@QUICK
@given(data=st.data())
def test_a_parsed_specification_written_out_is_accepted_again_and_equal(data: st.DataObject) -> None:
    document = data.draw(from_schema(CASES["memory"][0]))
    try:
        spec = Spec.parse(document, name="name")
    except InvalidManifest:
        return

    written = spec.document()

    jsonschema.validate(written, CASES["memory"][0])
    assert Spec.parse(written) == spec


@QUICK
@given(data=st.data())
def test_defaults_filled_in_by_the_api_server_change_nothing(data: st.DataObject) -> None:
    document = data.draw(from_schema(CASES["memory"][0]))
    filled = defaulted(MEMORY, copy.deepcopy(document))
    try:
        expected = Spec.parse(document, name="name")
    except InvalidManifest:
        return

    assert Spec.parse(filled, name="name") == expected


def defaulted(node: Mapping[str, Any], value: Any) -> Any:
    """What the API server makes of a value: defaults of absent members, parents before children."""
    if isinstance(value, dict):
        for name, child in node.get("properties", {}).items():
            if name not in value and "default" in child:
                value[name] = copy.deepcopy(child["default"])
            if name in value:
                value[name] = defaulted(child, value[name])
    if isinstance(value, list):
        return [defaulted(node["items"], item) for item in value]
    return value


def test_the_least_document_gets_every_default_that_the_parser_has() -> None:
    least = {"vector": {"use": "qdrant", "dimensions": 384}}

    filled = defaulted(MEMORY, copy.deepcopy(least))

    written = Spec.parse(least, name="name").document()
    assert written == filled | {"id": "name", "storage": {"use": "in-memory", "config": {}}}
