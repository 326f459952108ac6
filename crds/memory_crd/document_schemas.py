"""The JSON Schema that a Memory declares for its working-memory documents: whether it is one, and ready for use. Pure.

Patterns run on a linear-time engine and references stay inside the schema: a schema cannot hold anybody up by a
pattern, nor make anybody call out. `$schema` chooses the draft, 2020-12 where it is absent. The engine is loaded at the
first schema: whoever declares none pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn

import msgspec

MOST_SAID: Final = 300


def fault(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a declared schema and where in it, or None."""
    try:
        compiled(schema)
    except ValueError as error:
        return str(error)
    return None


def compiled(schema: Mapping[str, Any]) -> Callable[[object], Iterable[Any]]:
    """From a document to the errors it has, each with `instance_path` and `message`. Raises ValueError."""
    try:
        text = msgspec.json.encode(schema)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    return _compiled(text)


@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> Callable[[object], Iterable[Any]]:
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(
            msgspec.json.decode(schema), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        path = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
        raise ValueError(_told(f"{path or 'it'} is no valid JSON Schema: {error.message}")) from None
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(_told(f"is no valid JSON Schema: {error}")) from None
    return validator.iter_errors


def _told(text: str) -> str:
    return " ".join(text.split())[:MOST_SAID]


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside this schema; only references within it are followed")
