"""How a field of a resource is declared, once, for three readers: the parser, the OpenAPI schema and the writer.

Pure. A model class is a frozen dataclass whose fields are `Annotated[type, Setting(name, kind, doc)]`. A kind knows how
to read a JSON value (collecting faults instead of stopping at the first), how to describe itself to the API server, and
how to write itself back. So the YAML of the resources and the Python that reads them cannot drift. The kinds are in
scalars.py and models.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from memory_crd.errors import Fault

JsonObject = dict[str, Any]
NOTHING: Final = object()
"""What a kind's `read` returns after it has added a fault."""


class Faults(list[Fault]):
    """Collects what is wrong while a document is read."""

    def add(self, path: str, message: str) -> Any:
        """Note a fault; returns NOTHING, so a reader can end with `return faults.add(...)`."""
        self.append(Fault(path, message))
        return NOTHING


class Kind(Protocol):
    """What values a field may have."""

    def read(self, value: object, path: str, faults: Faults) -> Any:
        """The value as the model holds it, or NOTHING after adding at least one fault."""
        ...

    def schema(self) -> JsonObject:
        """The OpenAPI v3 schema of the value, without description and default."""
        ...

    def write(self, value: Any) -> Any:
        """The JSON value that `read` gives back as `value`."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that a schema's structure cannot express: CEL for the API server, `holds` for Python.

    `message` is what a user sees in both places. `message_cel`, if set, makes the API server's message show the value.
    `holds` is None for rules that compare with the stored object: only the API server knows that one.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    message_cel: str | None = None

    def schema(self) -> JsonObject:
        entry = {"rule": self.cel, "message": self.message}
        return entry | ({"messageExpression": self.message_cel} if self.message_cel else {})


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a model: its name in JSON, its kind, and the sentence that `kubectl explain` prints.

    `publish` False keeps the dataclass default out of the schema, where its absence must stay visible.
    """

    name: str
    kind: Kind
    doc: str
    publish: bool = True


def checked(stated: tuple[Rule, ...], raw: object, value: Any, path: str, faults: Faults) -> Any:
    """The value, if every rule holds for the raw JSON that it came from (as CEL sees it)."""
    broken = [rule for rule in stated if rule.holds is not None and not rule.holds(raw)]
    for rule in broken:
        faults.add(path, rule.message)
    return NOTHING if broken else value


def validations(stated: tuple[Rule, ...]) -> JsonObject:
    return {"x-kubernetes-validations": [rule.schema() for rule in stated]} if stated else {}


# --- words ------------------------------------------------------------------------------------------------------------


def show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 41 else f'"{value}"'
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else str(value)


def pointer(path: str, key: object) -> str:
    """The JSON Pointer of a member (RFC 6901)."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def either(values: tuple[str, ...]) -> str:
    """`a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def matches(pattern: str, text: str) -> bool:
    """True when an anchored pattern matches as the API server (RE2) means it: `$` is the very end, `\\d` is ASCII."""
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text, re.ASCII) is not None
