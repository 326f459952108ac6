"""How a field of a resource is declared, once, for three readers: the parser, the OpenAPI schema and the writer.

Pure. A model class is a frozen dataclass whose fields are `Annotated[type, Setting(name, kind, doc)]`. A kind knows how
to read a JSON value (collecting faults instead of stopping at the first), how to describe itself to the API server, and
how to write itself back. So the YAML of the resources and the Python that reads them cannot drift.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_type_hints

from memory_crd import durations, quantities
from memory_crd.errors import Fault

JsonObject = dict[str, Any]
Model = TypeVar("Model")
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


# --- scalars ----------------------------------------------------------------------------------------------------------


def _show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 41 else f'"{value}"'
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True, slots=True)
class Text:
    """A string of bounded length; `pattern` must match all of it, `form` says in words what it means."""

    most: int
    pattern: str | None = None
    form: str = ""
    least: int = 0
    rules: tuple[Rule, ...] = ()

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, str):
            return faults.add(path, f"must be a string, not {_show(value)}")
        if not self.least <= len(value) <= self.most:
            return faults.add(path, f"must have {self.least} to {self.most} characters, not {len(value)}")
        if self.pattern and not matches(self.pattern, value):
            return faults.add(path, f"{_show(value)} must be {self.form or self.pattern}")
        return _checked(self.rules, value, value, path, faults)

    def schema(self) -> JsonObject:
        schema: JsonObject = {"type": "string"}
        if self.least:
            schema["minLength"] = self.least
        schema["maxLength"] = self.most
        if self.pattern:
            schema["pattern"] = self.pattern
        return schema | _validations(self.rules)

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; the API server's message lists them."""

    values: tuple[str, ...]

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, str) and value in self.values:
            return value
        return faults.add(path, f"{_show(value)} is not supported: use {either(self.values)}")

    def schema(self) -> JsonObject:
        return {"type": "string", "enum": list(self.values)}

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    def read(self, value: object, path: str, faults: Faults) -> Any:
        return value if isinstance(value, bool) else faults.add(path, f"must be true or false, not {_show(value)}")

    def schema(self) -> JsonObject:
        return {"type": "boolean"}

    def write(self, value: bool) -> bool:
        return value


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in a range; 384.0 is whole, as in JSON."""

    least: int
    most: int

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value % 1:
            return faults.add(path, f"must be a whole number from {self.least} to {self.most}, not {_show(value)}")
        if not self.least <= value <= self.most:
            return faults.add(path, f"must be from {self.least} to {self.most}, not {_show(value)}")
        return int(value)

    def schema(self) -> JsonObject:
        return {"type": "integer", "format": "int64", "minimum": self.least, "maximum": self.most}

    def write(self, value: int) -> int:
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range."""

    least: int
    most: int

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.least <= value <= self.most:
            return faults.add(path, f"must be a number from {self.least} to {self.most}, not {_show(value)}")
        return float(value)

    def schema(self) -> JsonObject:
        return {"type": "number", "minimum": self.least, "maximum": self.most}

    def write(self, value: float) -> float:
        return value


@dataclass(frozen=True, slots=True)
class Duration:
    """`30m`, `24h`, `30d` or seconds; milliseconds in the model, where None is "no expiry", as 0 in JSON."""

    def read(self, value: object, path: str, faults: Faults) -> Any:
        try:
            return durations.parse(value) or None
        except durations.InvalidDuration as error:
            return faults.add(path, f"{error}, not {_show(value)}")

    def schema(self) -> JsonObject:
        return {
            "x-kubernetes-int-or-string": True,
            "multipleOf": 1,  # the API server's int-or-string takes 0.5
            "minimum": 0,
            "maximum": durations.MAX_SECONDS,
            "maxLength": durations.MAX_LENGTH,
            "pattern": durations.PATTERN,
        }

    def write(self, value: int | None) -> str | int:
        return durations.render(value or 0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of CPU, memory or storage in Kubernetes' notation, kept as its text; `whole` allows numbers too."""

    whole: bool = True

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if self.whole and isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
            value = str(int(value))
        if not isinstance(value, str) or not matches(quantities.PATTERN, value):
            return faults.add(path, f"must be an amount such as 500m, 2, 512Mi or 1Gi, not {_show(value)}")
        return value

    def schema(self) -> JsonObject:
        kind: JsonObject = {
            "x-kubernetes-int-or-string": True,
            "multipleOf": 1,
            "minimum": 0,
            "maximum": quantities.MAX_WHOLE,
        }
        kind = kind if self.whole else {"type": "string"}
        return kind | {"maxLength": quantities.MAX_LENGTH, "pattern": quantities.PATTERN}

    def write(self, value: str) -> str:
        return value


# --- containers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Items:
    """A list of at most `most` values. `key` names the JSON field that makes an item unique."""

    of: Kind
    most: int
    key: str | None = None

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, list | tuple):
            return faults.add(path, f"must be a list, not {_show(value)}")
        if len(value) > self.most:
            return faults.add(path, f"must have at most {self.most} items, not {len(value)}")
        read = [self.of.read(item, f"{path}/{index}", faults) for index, item in enumerate(value)]
        self._refuse_twins(value, path, faults)
        return NOTHING if any(item is NOTHING for item in read) else tuple(read)

    def _refuse_twins(self, value: list[Any] | tuple[Any, ...], path: str, faults: Faults) -> None:
        seen: set[str] = set()
        for index, item in enumerate(value if self.key else ()):
            name = item.get(self.key) if isinstance(item, Mapping) else None
            if isinstance(name, str) and name in seen:
                faults.add(f"{path}/{index}", f"another item already has {self.key} {_show(name)}")
            seen.add(str(name))

    def schema(self) -> JsonObject:
        listing = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]} if self.key else {}
        return {"type": "array", "maxItems": self.most, "items": self.of.schema()} | (
            listing or {"x-kubernetes-list-type": "atomic"}
        )

    def write(self, value: tuple[Any, ...]) -> list[Any]:
        return [self.of.write(item) for item in value]


@dataclass(frozen=True, slots=True)
class Entries:
    """An object of at most `most` free names, all with values of one kind."""

    of: Kind
    most: int

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, Mapping):
            return faults.add(path, f"must be an object, not {_show(value)}")
        if len(value) > self.most:
            return faults.add(path, f"must have at most {self.most} entries, not {len(value)}")
        read = {str(name): self.of.read(item, pointer(path, name), faults) for name, item in value.items()}
        return NOTHING if NOTHING in read.values() else read

    def schema(self) -> JsonObject:
        return {"type": "object", "maxProperties": self.most, "additionalProperties": self.of.schema()}

    def write(self, value: Mapping[str, Any]) -> JsonObject:
        return {name: self.of.write(item) for name, item in value.items()}


@dataclass(frozen=True, slots=True)
class Open:
    """An object whose keys nobody lists, except those of `known`, which are checked; the rest is kept as written."""

    most: int
    known: type | None = None

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, Mapping):
            return faults.add(path, f"must be an object, not {_show(value)}")
        if len(value) > self.most:
            return faults.add(path, f"must have at most {self.most} keys, not {len(value)}")
        if self.known is None:
            return dict(value)
        found = _read_fields(self.known, value, path, faults, closed=False)
        checked = NOTHING if found is NOTHING else _checked(rules(self.known), value, self.known(**found), path, faults)
        return NOTHING if checked is NOTHING else dict(value) | write(checked)

    def schema(self) -> JsonObject:
        schema = Nested(self.known).schema() if self.known else {"type": "object"}
        return schema | {"maxProperties": self.most, "x-kubernetes-preserve-unknown-fields": True}

    def write(self, value: Mapping[str, Any]) -> JsonObject:
        return dict(value)


@dataclass(frozen=True, slots=True)
class Nested:
    """A closed object: the fields of a model class and nothing else."""

    model: type

    def read(self, value: object, path: str, faults: Faults) -> Any:
        return read(self.model, value, path, faults)

    def schema(self) -> JsonObject:
        declared = settings(self.model)
        schema: JsonObject = {
            "type": "object",
            "properties": {setting.name: _property(setting, default) for setting, _, default in declared},
        }
        required = [setting.name for setting, _, default in declared if default is MISSING]
        return schema | ({"required": required} if required else {}) | _validations(rules(self.model))

    def write(self, value: Any) -> JsonObject:
        return write(value)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A kind whose value takes another form in the model: `into` after reading, `back` before writing."""

    kind: Kind
    into: Callable[[Any], Any] = field(compare=False)
    back: Callable[[Any], Any] = field(compare=False)

    def read(self, value: object, path: str, faults: Faults) -> Any:
        plain = self.kind.read(value, path, faults)
        return NOTHING if plain is NOTHING else self.into(plain)

    def schema(self) -> JsonObject:
        return self.kind.schema()

    def write(self, value: Any) -> Any:
        return self.kind.write(self.back(value))


# --- models -----------------------------------------------------------------------------------------------------------


class Declared(Protocol):
    """A model class may state RULES that hold for its values as a whole."""

    RULES: ClassVar[tuple[Rule, ...]]


@cache
def settings(model: type) -> tuple[tuple[Setting, str, Any], ...]:
    """Each declared field of a model class: its Setting, its Python name, its default (MISSING when required)."""
    hints = get_type_hints(model, include_extras=True)
    found = []
    for each in fields(model):
        marks = [mark for mark in getattr(hints[each.name], "__metadata__", ()) if isinstance(mark, Setting)]
        found += [(mark, each.name, _default(each)) for mark in marks]
    return tuple(found)


def rules(model: type) -> tuple[Rule, ...]:
    """The rules of a model class, none if it states none."""
    return getattr(model, "RULES", ())


def read(model: type[Model], value: object, path: str, faults: Faults) -> Any:
    """An instance of `model` from a JSON object, or NOTHING with every fault in it added; unknown keys are faults."""
    if not isinstance(value, Mapping):
        return faults.add(path, f"must be an object, not {_show(value)}")
    found = _read_fields(model, value, path, faults, closed=True)
    if found is NOTHING:
        return NOTHING
    return _checked(rules(model), value, model(**found), path, faults)


def write(value: Any) -> JsonObject:
    """The JSON object that `read` turns back into `value`, every default written out, None left out."""
    written = {}
    model: type = type(value)
    for setting, name, _ in settings(model):
        member = getattr(value, name)
        if member is not None:
            written[setting.name] = setting.kind.write(member)
    return written


def _read_fields(model: type, value: Mapping[Any, Any], path: str, faults: Faults, *, closed: bool) -> Any:
    before = len(faults)
    declared = settings(model)
    found: JsonObject = {}
    for setting, name, default in declared:
        if setting.name in value:
            found[name] = setting.kind.read(value[setting.name], pointer(path, setting.name), faults)
        elif default is MISSING:
            faults.add(pointer(path, setting.name), "is required")
    known = [setting.name for setting, _, _ in declared]
    for key in value if closed else ():
        if key not in known:
            faults.add(pointer(path, key), f"unknown field; known here: {', '.join(known)}")
    return NOTHING if len(faults) > before else found


def _checked(stated: tuple[Rule, ...], raw: object, value: Any, path: str, faults: Faults) -> Any:
    """The value, if every rule holds for the raw JSON that it came from (as CEL sees it)."""
    broken = [rule for rule in stated if rule.holds is not None and not rule.holds(raw)]
    for rule in broken:
        faults.add(path, rule.message)
    return NOTHING if broken else value


def _property(setting: Setting, default: Any) -> JsonObject:
    schema = {"description": setting.doc} | setting.kind.schema()
    if default is MISSING or default is None or not setting.publish:
        return schema
    # A nested default is an empty object: the API server fills in the defaults of its fields by itself.
    return schema | {"default": {} if isinstance(setting.kind, Nested) else setting.kind.write(default)}


def _validations(stated: tuple[Rule, ...]) -> JsonObject:
    return {"x-kubernetes-validations": [rule.schema() for rule in stated]} if stated else {}


def _default(declared: Field[Any]) -> Any:
    return declared.default if declared.default_factory is MISSING else declared.default_factory()


# --- words ------------------------------------------------------------------------------------------------------------


def pointer(path: str, key: object) -> str:
    """The JSON Pointer of a member (RFC 6901)."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def either(values: tuple[str, ...]) -> str:
    """`a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def matches(pattern: str, text: str) -> bool:
    """True when an anchored pattern matches as the API server (RE2) means it: `$` is the very end, `\\d` is ASCII."""
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text, re.ASCII) is not None
