"""The schema that the API server enforces and the parser that the code uses say the same.

Documents are generated from the schema, then damaged at random; both must give the same verdict. What only a rule can
say (CEL there, `holds` here) is left to the tests on a real API server, except `use`, whose rule is a list of words.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from memory_crd import schema
from memory_crd.errors import InvalidManifest
from memory_crd.fields import Faults
from memory_crd.memory import Spec
from memory_crd.models import read
from memory_crd.tenant import TenantSpec

from tests.memory_crd.documents import FULL, Json, damage

KEYWORDS = (
    "type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems", "maxProperties", "required",
)  # fmt: skip


def plain(node: Mapping[str, Any]) -> Json:
    """A structural schema as JSON Schema: closed where Kubernetes refuses unknown keys, `$` the very end."""
    found = {key: node[key] for key in KEYWORDS if key in node}
    if node.get("exclusiveMinimum"):
        found["exclusiveMinimum"] = found.pop("minimum")
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
    "exclude each other", "must hold", "must not hold", "must be {{ env", "must be an http://", "another item already",
    "can always be", "must not exceed", "a peer is either", "must be an RE2 pattern", "the replacement must not",
    "is there already", "a window needs a size", "flushing needs a limit",
    "hybrid_summary needs", "a summarizer writes", "required needs after",
)  # fmt: skip
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=250, deadline=None)


def structural(model: type, document: object) -> list[str]:
    """The parser's faults that a structure can express."""
    faults = Faults()
    read(model, document, "", faults)
    return [str(fault) for fault in faults if not any(words in fault.message for words in ONLY_RULES_SAY)]


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
