"""Every example loads, and is a document of the seed's own JSON Schema too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from memory_crd import definitions
from memory_crd.memory import Memory, Spec
from memory_crd.tenant import MemoryTenant, resolve

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples").glob("*.*"))
SEED = json.loads((ROOT / "tests" / "seeds" / "memory.schema.json").read_text())

examples = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def documents(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def specs(file: Path) -> list[dict[str, Any]]:
    """Each declared memory of a file, as memory.json."""
    return [
        document.get("spec", document) for document in documents(file) if document.get("kind", "Memory") == "Memory"
    ]


def test_there_are_examples_of_every_kind() -> None:
    kinds = {document.get("kind", "memory.json") for file in FILES for document in documents(file)}

    assert kinds == {"Memory", "MemoryTenant", "memory.json"}
    assert sum(len(specs(file)) for file in FILES) >= 4


@examples
def test_an_example_is_valid_by_the_seed_s_own_schema(file: Path) -> None:
    for spec in specs(file):
        jsonschema.validate(spec, SEED)
        assert spec["id"]
        assert all("config" in spec[part] for part in ("storage", "vector", "embedder") if part in spec)


@examples
def test_an_example_asks_for_nothing_that_this_version_cannot_do(file: Path) -> None:
    loaded = definitions.load(file)

    assert loaded.faults == ()
    for entry in loaded.entries:
        assert entry.spec.unsupported == ()
        assert entry.spec.template_fault is None


@examples
def test_an_example_s_tenant_resolves(file: Path) -> None:
    for document in documents(file):
        if document.get("kind") == "MemoryTenant":
            assert resolve("shop", MemoryTenant.parse(document)).spec


def test_the_seed_s_schema_is_the_one_on_its_page() -> None:
    page = (ROOT / "tests" / "seeds" / "compozy-memory-json.txt").read_text()

    assert (ROOT / "tests" / "seeds" / "memory.schema.json").read_text().strip() in page


LEAST = {"id": "a", "vector": {"use": "compozy/vector:qdrant", "dimensions": 1536.0, "config": {}}}
MOST = {
    "id": "a",
    "storage": {"use": "compozy/storage:redis", "config": {"url": "{{ env.REDIS_URL }}", "token": "{{ env.T }}"}},
    "vector": {
        "use": "compozy/vector:qdrant",
        "dimensions": 384,
        "config": {"url": "{{ env.URL }}", "apiKey": "{{ env.KEY }}"},
    },
    "embedder": {"use": "compozy/embedder:openai", "config": {"model": "text-embedding-3-small"}},
    "options": {
        "lastMessages": 10,
        "semanticRecall": {"enabled": True, "maxResults": 5},
        "workingMemory": {"enabled": True, "template": "<user/>"},
    },
}


@pytest.mark.parametrize("document", [LEAST, MOST], ids=["least", "most"])
def test_a_memory_json_of_the_seed_is_a_valid_spec(document: dict[str, Any]) -> None:
    jsonschema.validate(document, SEED)

    assert Spec.parse(document) == Memory.parse({"metadata": {"name": "x"}, "spec": document}).spec
