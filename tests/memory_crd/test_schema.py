"""The YAML of the resources is generated, complete, bounded and explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_crd import schema

ROOT = Path(__file__).parents[2]
KINDS = {name.removesuffix(".yaml"): manifest for name, manifest in schema.definitions().items()}


def version(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = KINDS[kind]["spec"]["versions"][0]
    return found


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema, with its path."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            yield from nodes(node[inner], f"{path}[]")


def root(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = version(kind)["schema"]["openAPIV3Schema"]
    return found


both = pytest.mark.parametrize("kind", sorted(KINDS))


@pytest.mark.parametrize("name", sorted(schema.render()))
def test_the_committed_yaml_is_what_the_model_says(name: str) -> None:
    assert (ROOT / "crds" / name).read_text() == schema.render()[name], "run `python -m memory_crd.schema`"


def test_generating_writes_both_files(tmp_path: Path) -> None:
    schema.main(str(tmp_path))

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == schema.render()


@both
def test_every_field_has_a_sentence(kind: str) -> None:
    for path, node in nodes(root(kind)):
        if not path.endswith("[]") and path != ".metadata":
            assert node.get("description", "").endswith("."), path


@both
def test_everything_is_bounded(kind: str) -> None:
    for path, node in nodes(root(kind)):
        match node.get("type"):
            case "string" if path not in (".apiVersion", ".kind"):
                assert "maxLength" in node or "enum" in node or node.get("format") == "date-time", path
            case "array":
                assert "maxItems" in node, path
            case "integer" | "number" if path.startswith(".spec"):
                assert "minimum" in node and "maximum" in node, path
        if "additionalProperties" in node or node.get("x-kubernetes-preserve-unknown-fields"):
            assert "maxProperties" in node, path
        if node.get("x-kubernetes-int-or-string"):
            assert {"minimum", "maximum", "maxLength", "pattern"} <= set(node), path


@both
def test_every_rule_has_a_message(kind: str) -> None:
    stated = [rule for _, node in nodes(root(kind)) for rule in node.get("x-kubernetes-validations", [])]

    assert stated
    assert all(rule["message"] and "\n" not in rule["message"] for rule in stated)


def test_no_rule_reads_dimensions() -> None:
    """The API server hands 384.0 to CEL as a float, where an integer is declared."""
    assert "dimensions" not in str([rule["rule"] for _, node in nodes(root("memories"))
                                    for rule in node.get("x-kubernetes-validations", [])])  # fmt: skip


@both
def test_an_untouched_object_has_observed_no_generation(kind: str) -> None:
    assert root(kind)["properties"]["status"]["default"] == {"observedGeneration": -1}
    assert version(kind)["subresources"] == {"status": {}}


def test_short_names_and_category() -> None:
    assert KINDS["memories"]["spec"]["names"]["shortNames"] == ["mem"]
    assert KINDS["memorytenants"]["spec"]["names"]["shortNames"] == ["memt"]
    assert all(each["spec"]["names"]["categories"] == ["memory-platform"] for each in KINDS.values())


def test_the_columns_of_a_memory() -> None:
    columns = [(each["name"], each.get("priority", 0)) for each in version("memories")["additionalPrinterColumns"]]

    assert columns == [
        ("Ready", 0), ("Reason", 0), ("Storage", 0), ("Vector", 0), ("Age", 0), ("Id", 1), ("Message", 1),
    ]  # fmt: skip


def test_a_memory_has_no_field_that_nothing_implements() -> None:
    spec = root("memories")["properties"]["spec"]["properties"]

    assert list(spec) == ["$schema", "id", "deletionPolicy", "storage", "vector", "embedder", "options"]
    assert list(spec["options"]["properties"]) == [
        "lastMessages", "semanticRecall", "workingMemory", "ttl", "privacy", "window", "flushing", "limits",
    ]  # fmt: skip


def test_a_tenant_s_schema_has_no_defaults_because_they_are_the_chart_s() -> None:
    assert not [path for path, node in nodes(root("memorytenants")["properties"]["spec"]) if "default" in node]


@both
def test_the_definition_fits_in_an_annotation(kind: str) -> None:
    """Client-side `kubectl apply` stores the whole object in one of at most 262,144 bytes."""
    assert len(schema.render()[f"{kind}.yaml"]) < 100_000
