"""A request body from bytes to plain JSON data: strict, bounded, and with no key said twice.

msgspec decodes quickly and refuses NaN, lone surrogates and bad UTF-8, but keeps the last of two equal keys in silence.
Counting tells them apart without a second parse: every colon of a text without `\\u` escapes is either inside a string
or follows a key, so colons == keys + colons inside strings exactly when no member was dropped. Only otherwise is the
slow, exact parser asked, which then names the key.
"""

from __future__ import annotations

import json
from typing import Final

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.web.readers import pointer

MAX_DEPTH: Final = 32
MAX_BYTES: Final = 1 << 20
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1

_decode = msgspec.json.Decoder().decode


def parse(raw: bytes) -> object:
    """The body's JSON value. Raises Refused: `invalid_json`, or `invalid_message` for nesting beyond 32 levels."""
    try:
        value = _decode(raw)
    except RecursionError:
        raise too_deep("") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise _invalid(raw, str(fault)) from None
    keys, colons = _walk(value, "", 1)
    if b"\\u" in raw or raw.count(b":") != keys + colons:
        _refuse_twins(raw)
    return value


def too_deep(path: str) -> Refused:
    """The refusal of a body that nests deeper than MAX_DEPTH."""
    text = f"nests deeper than {MAX_DEPTH} levels"
    return Refused("invalid_message", f"the body {text}", [Fault(path, "invalid_message", text)])


def _walk(value: object, path: str, depth: int) -> tuple[int, int]:
    """(number of members, colons inside strings) of a value.

    Raises Refused for depth and for numbers beyond 64 bits.
    """
    if isinstance(value, str):
        return 0, value.count(":")
    if isinstance(value, dict):
        return _walk_members(value, path, depth)
    keys = colons = 0
    if isinstance(value, list):
        if depth > MAX_DEPTH:
            raise too_deep(path)
        for index, item in enumerate(value):
            if type(item) is not bool and item is not None:
                more = _walk(item, f"{path}/{index}" if depth < 3 else path, depth + 1)
                keys, colons = keys + more[0], colons + more[1]
    elif isinstance(value, int) and not _LEAST <= value <= _MOST:
        fault = Fault(path, "invalid_json", "is a whole number beyond 64 bits; send it as a string")
        raise Refused("invalid_json", "the body has a number that no client could read back", [fault])
    return keys, colons


def _walk_members(value: dict[str, object], path: str, depth: int) -> tuple[int, int]:
    if depth > MAX_DEPTH:
        raise too_deep(path)
    keys, colons = len(value), 0
    for key, item in value.items():
        colons += key.count(":")
        if type(item) is str:
            colons += item.count(":")
        elif item is not None:
            more = _walk(item, pointer(path, key) if depth < 4 else path, depth + 1)
            keys, colons = keys + more[0], colons + more[1]
    return keys, colons


def _refuse_twins(raw: bytes) -> None:
    def members(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _invalid(raw, f"the key {name[:64]!r} is said twice in one object")
            seen.add(name)

    json.loads(raw, object_pairs_hook=members)


def _invalid(raw: bytes, why: str) -> Refused:
    text = "is empty; send a JSON value" if not raw.strip() else f"is not valid JSON: {why}"
    return Refused("invalid_json", f"the body {text}", [Fault("", "invalid_json", text)])
