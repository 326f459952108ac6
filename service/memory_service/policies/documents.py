"""Working-memory documents: merged, and held to the JSON Schema that a Memory declares for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from memory_crd import document_schemas

MOST_FAULTS: Final = 50
MOST_SAID: Final = 300


def faults(schema: Mapping[str, Any], document: object) -> list[tuple[str, str]]:
    """Where a document breaks its schema, as JSON Pointers into it, and how; at most MOST_FAULTS."""
    found: list[tuple[str, str]] = []
    for error in document_schemas.compiled(schema)(document):
        path = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
        found.append((path, error.message[:MOST_SAID]))
        if len(found) == MOST_FAULTS:
            break
    return found


def merged(old: object, change: object) -> object:
    """`old` with `change` merged in (RFC 7396): objects deep, null deletes, everything else replaces."""
    if not isinstance(change, dict):
        return change
    out = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out
