"""Kinds of lists and objects, and what reads a model class: `read`, `write` and, for the schema, Nested. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, get_type_hints

from memory_crd.fields import (
    NOTHING,
    Faults,
    JsonObject,
    Kind,
    Rule,
    Setting,
    checked,
    pointer,
    show,
    validations,
)

Model = TypeVar("Model")

# --- containers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Items:
    """A list of at most `most` values. `key` names the JSON field that makes an item unique; `distinct` is a set."""

    of: Kind
    most: int
    key: str | None = None
    distinct: bool = False

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, list | tuple):
            return faults.add(path, f"must be a list, not {show(value)}")
        if len(value) > self.most:
            return faults.add(path, f"must have at most {self.most} items, not {len(value)}")
        read = [self.of.read(item, f"{path}/{index}", faults) for index, item in enumerate(value)]
        self._refuse_twins(value, path, faults)
        return NOTHING if any(item is NOTHING for item in read) else tuple(read)

    def _refuse_twins(self, value: list[Any] | tuple[Any, ...], path: str, faults: Faults) -> None:
        if self.distinct:
            self._refuse_repeated(value, path, faults)
        seen: set[str] = set()
        for index, item in enumerate(value if self.key else ()):
            name = item.get(self.key) if isinstance(item, Mapping) else None
            if isinstance(name, str) and name in seen:
                faults.add(f"{path}/{index}", f"another item already has {self.key} {show(name)}")
            seen.add(str(name))

    def _refuse_repeated(self, value: list[Any] | tuple[Any, ...], path: str, faults: Faults) -> None:
        for index, item in enumerate(value):
            if item in value[:index]:
                faults.add(f"{path}/{index}", f"{show(item)} is there already, as another item")

    def schema(self) -> JsonObject:
        listing: JsonObject = {"x-kubernetes-list-type": "set"} if self.distinct else {}
        if self.key:
            listing = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}
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
            return faults.add(path, f"must be an object, not {show(value)}")
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
            return faults.add(path, f"must be an object, not {show(value)}")
        if len(value) > self.most:
            return faults.add(path, f"must have at most {self.most} keys, not {len(value)}")
        if self.known is None:
            return dict(value)
        known = _instance(self.known, value, path, faults, closed=False)
        return NOTHING if known is NOTHING else dict(value) | write(known)

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
        return schema | ({"required": required} if required else {}) | validations(rules(self.model))

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
        return faults.add(path, f"must be an object, not {show(value)}")
    return _instance(model, value, path, faults, closed=True)


def write(value: Any) -> JsonObject:
    """The JSON object that `read` turns back into `value`, every default written out, None left out."""
    written = {}
    model: type = type(value)
    for setting, name, _ in settings(model):
        member = getattr(value, name)
        if member is not None:
            written[setting.name] = setting.kind.write(member)
    return written


def _instance(model: type, value: Mapping[Any, Any], path: str, faults: Faults, *, closed: bool) -> Any:
    found = _read_fields(model, value, path, faults, closed=closed)
    return NOTHING if found is NOTHING else checked(rules(model), value, model(**found), path, faults)


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


def _property(setting: Setting, default: Any) -> JsonObject:
    schema = {"description": setting.doc} | setting.kind.schema()
    if default is MISSING or default is None or not setting.publish:
        return schema
    # A nested default is an empty object: the API server fills in the defaults of its fields by itself.
    return schema | {"default": {} if isinstance(setting.kind, Nested) else setting.kind.write(default)}


def _default(declared: Field[Any]) -> Any:
    return declared.default if declared.default_factory is MISSING else declared.default_factory()
