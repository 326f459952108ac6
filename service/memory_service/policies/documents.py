"""Working-memory documents against the JSON Schema that a Memory declares for them. Pure.

Patterns run on a linear-time engine and references stay inside the schema: a document cannot hold up the service, and a
schema cannot make it call anybody. The validator is loaded at the first schema, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn

import msgspec

MOST_FAULTS: Final = 50


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a declared schema, or None."""
    try:
        _validator(msgspec.json.encode(schema))
    except ValueError as fault:
        return " ".join(str(fault).split())[:300]
    return None


def faults(schema: Mapping[str, Any], document: object) -> list[tuple[str, str]]:
    """Where a document breaks its schema, as JSON Pointers into it, and how; at most MOST_FAULTS."""
    found: list[tuple[str, str]] = []
    for error in _validator(msgspec.json.encode(schema))(document):
        path = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
        found.append((path, error.message[:300]))
        if len(found) == MOST_FAULTS:
            break
    return found


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Callable[[object], Any]:
    import jsonschema_rs

    try:
        validator = jsonschema_rs.Draft202012Validator(
            msgspec.json.decode(schema), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(f"is no valid JSON Schema: {getattr(error, 'message', error)}") from error
    return validator.iter_errors


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside this schema; only references within it are followed")
