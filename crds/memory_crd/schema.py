"""The CustomResourceDefinitions, generated from the model: `python -m memory_crd.schema [FOLDER]` writes both files.

Everything but `main` is pure. Rules that relate a resource to its stored self or to its metadata are here; those of one
field are beside the field.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from memory_crd import names, status
from memory_crd.fields import JsonObject, Rule
from memory_crd.memory import ID_LENGTH, ID_PATTERN, Spec
from memory_crd.models import Nested
from memory_crd.tenant import TenantSpec

FILES: Final = {names.MEMORY_KIND: "memories.yaml", names.TENANT_KIND: "memorytenants.yaml"}
CATEGORY: Final = "memory-platform"
"""Not "memory": a category named like the singular breaks `kubectl get memory NAME`."""

_HEADER: Final = "# Generated from the model by `python -m memory_crd.schema`; edit the model, not this file.\n"
_DNS_NAME: Final = 253


def definitions() -> dict[str, JsonObject]:
    """Both CustomResourceDefinitions as manifests, by file name."""
    return {FILES[names.MEMORY_KIND]: memory_definition(), FILES[names.TENANT_KIND]: tenant_definition()}


def render() -> dict[str, str]:
    """The text of both files, by name; equal models give equal bytes."""
    return {name: _HEADER + _to_yaml(manifest) for name, manifest in definitions().items()}


def memory_definition() -> JsonObject:
    """The CustomResourceDefinition of Memory."""
    schema = _root("One declared memory of a tenant.", Nested(Spec).schema(), _memory_status(), _MEMORY_RULES)
    return _definition(names.MEMORY_KIND, names.MEMORY_PLURAL, ["mem"], schema, _MEMORY_COLUMNS)


def tenant_definition() -> JsonObject:
    """The CustomResourceDefinition of MemoryTenant."""
    schema = _root(
        "What the memories of a namespace run on. Optional: without it the chart's defaults apply.",
        Nested(TenantSpec).schema(),
        _tenant_status(),
        _TENANT_RULES,
    )
    return _definition(names.TENANT_KIND, names.TENANT_PLURAL, ["memt"], schema, _TENANT_COLUMNS)


# --- rules about the whole object -------------------------------------------------------------------------------------

_ID: Final = "(has({0}.spec.id) ? {0}.spec.id : {0}.metadata.name)"
_MEMORY_RULES: Final = (
    Rule(
        cel=f"self.metadata.name.size() <= {ID_LENGTH}",
        message=f"metadata.name must have at most {ID_LENGTH} characters",
    ),
    Rule(
        cel=f"has(self.spec.id) || self.metadata.name.matches(r'{ID_PATTERN}')",
        message="spec.id is required when metadata.name has a dot: letters, digits, _ and -",
    ),
    Rule(
        cel=f"{_ID.format('self')} == {_ID.format('oldSelf')}",
        message="spec.id is immutable (absent means the resource's name): create a Memory with another name",
    ),
)
_TENANT_RULES: Final = (
    Rule(
        cel=f"self.metadata.name == '{names.TENANT_OBJECT}'",
        message=f"metadata.name must be {names.TENANT_OBJECT}: a namespace is one tenant",
    ),
)

# --- columns ----------------------------------------------------------------------------------------------------------


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False) -> JsonObject:
    return {"name": name, "type": kind, "jsonPath": path} | ({"priority": 1} if wide else {})


def _of_ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="{status.Type.READY}")].{field}'


_AGE: Final = _column("Age", ".metadata.creationTimestamp", "date")
_MEMORY_COLUMNS: Final = [
    _column("Ready", _of_ready("status")),
    _column("Reason", _of_ready("reason")),
    _column("Storage", ".status.resolved.storage"),
    _column("Vector", ".status.resolved.vector"),
    _AGE,
    _column("Id", ".status.resolved.id", wide=True),
    _column("Message", _of_ready("message"), wide=True),
]
_TENANT_COLUMNS: Final = [
    _column("Ready", _of_ready("status")),
    _column("Reason", _of_ready("reason")),
    _AGE,
    _column("Message", _of_ready("message"), wide=True),
]

# --- status -----------------------------------------------------------------------------------------------------------


def _text(doc: str, most: int) -> JsonObject:
    return {"description": doc, "type": "string", "maxLength": most}


def _number(doc: str) -> JsonObject:
    return {"description": doc, "type": "integer", "format": "int64"}


def _object(doc: str, properties: Mapping[str, JsonObject]) -> JsonObject:
    return {"description": doc, "type": "object", "properties": dict(properties)}


def _conditions() -> JsonObject:
    types = "; ".join(f"{type_}: {meaning}" for type_, meaning in status.TYPE_MEANINGS.items())
    condition = {
        "type": "object",
        "required": ["type", "status", "reason", "lastTransitionTime"],
        "properties": {
            "type": _text("Which judgement this is.", 316),
            "status": {"description": "The judgement.", "type": "string", "enum": [*map(str, status.Status)]},
            "reason": _text("One word saying why, in CamelCase.", 128),
            "message": _text("A sentence for people, with the remedy where there is one.", status.MESSAGE_LENGTH),
            "observedGeneration": _number("Generation of the spec that was judged."),
            "lastTransitionTime": {
                "description": "When the status last changed.",
                "type": "string",
                "format": "date-time",
            },
        },
    }
    return {
        "description": f"What was found. {types}.",
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": condition,
    }


def _status(properties: Mapping[str, JsonObject]) -> JsonObject:
    common = {
        "observedGeneration": _number("Generation of the spec that the conditions speak of; -1 before the first look."),
        "conditions": _conditions(),
    }
    # The default keeps tools that read status generically from calling an untouched object finished.
    return _object("What the operator found.", common | dict(properties)) | {"default": {"observedGeneration": -1}}


def _memory_status() -> JsonObject:
    resolved = {
        "id": _text("The memory's id.", ID_LENGTH),
        "storage": _text("The storage in force.", 64),
        "vector": _text("The vector store in force.", 64),
        "embedder": _text("The embedder in force, with its model; absent when there is none.", 256),
        "durability": _text("How history is kept: everysecond, always or ephemeral.", 32),
    }
    return _status(
        {
            "servedGeneration": _number("Newest generation that every Ready service pod serves."),
            "endpoint": _text("URL of the memory.", 512),
            "binding": _object(
                "How to connect, for tools that follow the service binding convention.",
                {"name": _text("Name of the connection Secret.", _DNS_NAME)},
            ),
            "collection": _text("Alias of the collection in the vector store.", 192),
            "resolved": _object("The specification with every default filled in.", resolved),
        }
    )


def _tenant_status() -> JsonObject:
    images = {part: _text(f"Image of {part}.", 512) for part in ("redis", "qdrant", "service")}
    sizes = {part: _text(f"Size of the volume of {part}.", 32) for part in ("redis", "qdrant")}
    count = {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "integer", "format": "int64"}}
    return _status(
        {
            "resolved": _object(
                "What is in force after the chart's defaults.",
                {"images": _object("Images.", images), "sizes": _object("Volume sizes.", sizes)},
            ),
            "memories": {"description": "How many Memories have which condition True."} | count,
        }
    )


# --- assembly ---------------------------------------------------------------------------------------------------------


def _root(doc: str, spec: JsonObject, found: JsonObject, stated: tuple[Rule, ...]) -> JsonObject:
    text = {"type": "string"}
    return {
        "description": doc,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": text | {"description": "Version of this schema."},
            "kind": text | {"description": "Kind of the resource."},
            "metadata": {"type": "object"},
            "spec": {"description": "What is wanted."} | spec,
            "status": found,
        },
        "x-kubernetes-validations": [rule.schema() for rule in stated],
    }


def _definition(
    kind: str, plural: str, short_names: list[str], schema: JsonObject, columns: list[JsonObject]
) -> JsonObject:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}", "labels": {names.LABEL_NAME: names.PART_NAME}},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short_names,
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes equal parts twice instead of as anchors, which Kubernetes tools read and people do not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _to_yaml(manifest: JsonObject) -> str:
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main(folder: str) -> None:
    """Write both files into a folder."""
    for name, text in render().items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parents[1]))
