"""Reading untrusted JSON data into the msgspec Structs that declare it, with every fault listed and none hidden by the
first.

msgspec's own decoder stops at the first fault. A reader is compiled once from a Struct's type information and walks a
plain value (dict, list, str, number, bool, None): it returns the typed value, or adds Faults with JSON Pointers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from msgspec import inspect

from memory_service.errors import Fault

Reader = Callable[[object, str, list[Fault]], Any]
"""(value, JSON Pointer of the value, faults to add to) -> the typed value; meaningless when a fault was added."""

DEFAULT_CODE: Final = "invalid_field"


@cache
def reader(type_: Any, code: str = DEFAULT_CODE, *, lax: bool = False) -> Reader:
    """The reader of a type. `code` is the fault code where nothing nearer names one; `lax` reads query strings."""
    return _compile(inspect.type_info(type_), getattr(type_, "code", code), lax)


def pointer(path: str, key: object) -> str:
    """The JSON Pointer of a member (RFC 6901)."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _compile(info: inspect.Type, code: str, lax: bool) -> Reader:
    if isinstance(info, inspect.Metadata):
        return _compile(info.type, (info.extra or {}).get("code", code), lax)
    build = _BUILDERS.get(type(info))
    if build is None:
        raise TypeError(f"no reader for {info!r}")
    return build(info, code, lax)


def _any(info: inspect.AnyType, code: str, lax: bool) -> Reader:
    return lambda raw, path, faults: raw


def _none(info: inspect.NoneType, code: str, lax: bool) -> Reader:
    def read(raw: object, path: str, faults: list[Fault]) -> None:
        if raw is not None:
            faults.append(Fault(path, code, "must be null"))

    return read


def _bool(info: inspect.BoolType, code: str, lax: bool) -> Reader:
    texts = {"true": True, "false": False} if lax else {}

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        value = texts.get(raw) if isinstance(raw, str) else raw
        if not isinstance(value, bool):
            faults.append(Fault(path, code, "must be true or false"))
        return value

    return read


def _number(info: inspect.IntType | inspect.FloatType, code: str, lax: bool) -> Reader:
    whole = isinstance(info, inspect.IntType)
    low = info.ge if info.ge is not None else -math.inf
    high = info.le if info.le is not None else math.inf
    remedy = _range_remedy(info, "a whole number" if whole else "a number")

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        value = _from_text(raw, whole) if lax and isinstance(raw, str) else raw
        good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        if not good or (whole and isinstance(value, float) and not value.is_integer()):
            faults.append(Fault(path, code, remedy))
            return value
        return int(value) if whole and isinstance(value, float) else value

    return read


def _from_text(text: str, whole: bool) -> int | float | None:
    if re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
        return int(text)
    if not whole and re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text, re.ASCII):
        return float(text)
    return None


def _range_remedy(info: inspect.IntType | inspect.FloatType, kind: str) -> str:
    if info.ge is not None and info.le is not None:
        return f"must be {kind} from {info.ge} to {info.le}"
    if info.ge is not None:
        return f"must be {kind}, at least {info.ge}"
    return f"must be {kind}"


def _str(info: inspect.StrType, code: str, lax: bool) -> Reader:
    least, most = info.min_length or 0, info.max_length if info.max_length is not None else math.inf
    match = re.compile(info.pattern).search if info.pattern else None

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if not isinstance(raw, str):
            faults.append(Fault(path, code, "must be a string"))
        elif not least <= len(raw) <= most:
            size = f"at least {least} character" if len(raw) < least else f"at most {most} characters"
            faults.append(Fault(path, code, f"must have {size}"))
        elif match is not None and match(raw) is None:
            faults.append(Fault(path, code, f"must match {info.pattern}"))
        return raw

    return read


def _literal(info: inspect.LiteralType | inspect.EnumType, code: str, lax: bool) -> Reader:
    allowed = info.values if isinstance(info, inspect.LiteralType) else tuple(info.cls)
    remedy = "must be one of " + ", ".join(str(value) for value in allowed)

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if not isinstance(raw, str | int) or isinstance(raw, bool) or raw not in allowed:
            faults.append(Fault(path, code, remedy))
        return raw

    return read


def _list(info: inspect.ListType | inspect.VarTupleType, code: str, lax: bool) -> Reader:
    each = _compile(info.item_type, code, lax)
    least, most = info.min_length or 0, info.max_length

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if not isinstance(raw, list):
            faults.append(Fault(path, code, "must be a list"))
            return raw
        if len(raw) < least or (most is not None and len(raw) > most):
            faults.append(
                Fault(path, code, f"must have {least} to {most if most is not None else 'any number of'} items")
            )
            return raw
        return [each(item, f"{path}/{index}", faults) for index, item in enumerate(raw)]

    return read


def _dict(info: inspect.DictType, code: str, lax: bool) -> Reader:
    key_reader, value_reader = _compile(info.key_type, code, lax), _compile(info.value_type, code, lax)

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if not isinstance(raw, dict):
            faults.append(Fault(path, code, "must be an object"))
            return raw
        out = {}
        for key, value in raw.items():
            place = pointer(path, key)
            out[key_reader(key, place, faults)] = value_reader(value, place, faults)
        return out

    return read


def _custom(info: inspect.CustomType, code: str, lax: bool) -> Reader:
    word: Any = info.cls
    own_code = getattr(word, "code", None) or code
    digits = re.compile(r"[0-9]{1,12}", re.ASCII).fullmatch

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if lax and isinstance(raw, str) and issubclass(word, int) and digits(raw):
            raw = int(raw)
        try:
            return word.read(raw)
        except ValueError as fault:
            faults.append(Fault(path, own_code, str(fault)))
            return None

    return read


def _union(info: inspect.UnionType, code: str, lax: bool) -> Reader:
    """The first alternative that fits; else the faults of the first one whose JSON kind is the value's."""
    options = [(_kinds(each), _compile(each, code, lax)) for each in info.types]
    names = " or ".join(dict.fromkeys(kind for kinds, _ in options for kind in kinds))
    own_code = next((own for each in info.types if (own := _code_of(each)) is not None), code)

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        first: list[Fault] | None = None
        kind = _kind(raw)
        for kinds, option in options:
            if lax or kind in kinds:
                found: list[Fault] = []
                value = option(raw, path, found)
                if not found:
                    return value
                first = first if first is not None else found
        faults.extend(first if first is not None else [Fault(path, own_code, f"must be {names}")])
        return raw

    return read


def _code_of(info: inspect.Type) -> str | None:
    """The code that a type brings along, whatever stands around it."""
    if isinstance(info, inspect.Metadata):
        found: str | None = (info.extra or {}).get("code")
        return found if found is not None else _code_of(info.type)
    return getattr(info.cls, "code", None) if isinstance(info, inspect.CustomType) else None


def _struct(info: inspect.StructType, code: str, lax: bool) -> Reader:
    cls = info.cls
    own_code = getattr(cls, "code", code)
    fields = {field.encode_name: (field.name, _compile(field.type, own_code, lax)) for field in info.fields}
    required = [field.encode_name for field in info.fields if field.required]
    known = ", ".join(fields)
    prefix = "query:" if lax else None
    others = getattr(cls, "open", False)

    def read(raw: object, path: str, faults: list[Fault]) -> object:
        if not isinstance(raw, dict):
            faults.append(Fault(path, own_code, "must be an object"))
            return None
        before = len(faults)
        values: dict[str, object] = {}
        for key, value in raw.items():
            field = fields.get(key)
            # Names that are known hold nothing to escape.
            place = f"query:{key}" if prefix else f"{path}/{key}" if field is not None else pointer(path, key)
            if field is None and others:
                continue
            if field is None:
                unknown = "invalid_parameter" if prefix else "unknown_field"
                faults.append(
                    Fault(place, unknown, f"is not known here; known: {known}" if known else "is not known here")
                )
            else:
                values[field[0]] = field[1](value, place, faults)
        for name in required:
            if name not in raw:
                faults.append(Fault(f"query:{name}" if prefix else pointer(path, name), own_code, "is required"))
        return cls(**values) if len(faults) == before else None

    return read


def _kind(raw: object) -> str:
    for type_, name in _KINDS:
        if isinstance(raw, type_):
            return name
    return "an unknown value"


def _kinds(info: inspect.Type) -> tuple[str, ...]:
    """Which JSON kinds a type may be written as."""
    if isinstance(info, inspect.Metadata):
        return _kinds(info.type)
    if isinstance(info, inspect.CustomType):
        word: Any = info.cls
        schema: Mapping[str, Any] = word.schema()
        return tuple(_SCHEMA_KINDS[each["type"]] for each in schema.get("anyOf", [schema]))
    if isinstance(info, inspect.LiteralType):
        return tuple({_kind(value) for value in info.values})
    return _TYPE_KINDS.get(type(info), ("an object",))


_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "true or false"),
    (str, "a string"),
    ((int, float), "a number"),
    (dict, "an object"),
    (list, "a list"),
    (type(None), "null"),
)
_SCHEMA_KINDS: Final = {"string": "a string", "integer": "a number", "number": "a number"}
_TYPE_KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    inspect.AnyType: tuple(name for _, name in _KINDS),
    inspect.BoolType: ("true or false",),
    inspect.StrType: ("a string",),
    inspect.IntType: ("a number",),
    inspect.FloatType: ("a number",),
    inspect.ListType: ("a list",),
    inspect.NoneType: ("null",),
}
_BUILDERS: Final[Mapping[type, Callable[[Any, str, bool], Reader]]] = {
    inspect.AnyType: _any,
    inspect.NoneType: _none,
    inspect.BoolType: _bool,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.StrType: _str,
    inspect.LiteralType: _literal,
    inspect.EnumType: _literal,
    inspect.ListType: _list,
    inspect.VarTupleType: _list,
    inspect.DictType: _dict,
    inspect.CustomType: _custom,
    inspect.UnionType: _union,
    inspect.StructType: _struct,
}
