"""JSON, base64, hashes, and text made safe for another language."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote_plus

import msgspec

from memory_service.policies.gotemplate.budget import NESTING, Budget
from memory_service.policies.gotemplate.faults import TemplateError
from memory_service.policies.gotemplate.functions.registry import Family, Run, a_text, words
from memory_service.policies.gotemplate.values import Value, bounded, instant, json_number

FAMILY = Family()
_decode = msgspec.json.Decoder().decode
_encode_text = msgspec.json.Encoder().encode
_UNSAFE: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_SEPARATORS: Final = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})
_HTML: Final = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})
_JS: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
)


@FAMILY.add("toJson", "mustToJson", deep=True, runs=True)
def to_json(run: Run, value: Value) -> str:
    """Compact, keys sorted, safe inside HTML, as Go encodes."""
    return json(value, run.budget).translate(_UNSAFE)


@FAMILY.add("toRawJson", "mustToRawJson", deep=True, runs=True)
def to_raw_json(run: Run, value: Value) -> str:
    """As toJson, with <, > and & as they are."""
    return json(value, run.budget)


@FAMILY.add("toPrettyJson", "mustToPrettyJson", deep=True, runs=True)
def to_pretty_json(run: Run, value: Value) -> str:
    """As toJson, over several lines."""
    return json(value, run.budget, "  ").translate(_UNSAFE)


@FAMILY.add("fromJson", "mustFromJson", runs=True)
def from_json(run: Run, text: Value) -> Value:
    """The data that a text says. What is no JSON is an error, not nothing."""
    run.budget.step(len(a_text(text)) // 8)
    try:
        value: Value = _decode(a_text(text))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise TemplateError("needs a text that is JSON") from None
    return value


def json(value: Value, budget: Budget, indent: str = "", depth: int = 0) -> str:
    """A value as JSON. `indent` is one level's. Raises TemplateError."""
    budget.step()
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TemplateError("JSON has no infinite numbers")
        return json_number(value)
    if isinstance(value, datetime):
        return f'"{instant(value)}"'
    if depth >= NESTING:
        raise TemplateError(f"is given data that nests more than {NESTING} levels deep")
    return _container(value, budget, indent, depth + 1)


def _container(value: Value, budget: Budget, indent: str, depth: int) -> str:
    colon = ": " if indent else ":"
    if isinstance(value, Mapping):
        opened, closed = "{", "}"
        parts = (_string(key) + colon + json(value[key], budget, indent, depth) for key in sorted(value))
    else:
        assert isinstance(value, list)
        opened, closed = "[", "]"
        parts = (json(item, budget, indent, depth) for item in value)
    if not value:
        return opened + closed
    if not indent:
        return opened + bounded(",", parts) + closed
    return f"{opened}\n{indent * depth}{bounded(',' + chr(10) + indent * depth, parts)}\n{indent * (depth - 1)}{closed}"


def _string(text: str) -> str:
    try:
        return _encode_text(text).decode().translate(_SEPARATORS)
    except UnicodeEncodeError:
        raise TemplateError("holds half a character, which JSON cannot say") from None


# --- other encodings --------------------------------------------------------------------------------------------------


@FAMILY.add("html", "htmlEscape", "htmlAttrEscape", deep=True, runs=True)
def html(run: Run, value: Value) -> str:
    """Safe as the text of an element and as the value of an attribute."""
    return words(value, run.budget).translate(_HTML)


@FAMILY.add("js", "jsEscape", deep=True, runs=True)
def js(run: Run, value: Value) -> str:
    """Safe inside a string of JavaScript."""
    text = words(value, run.budget).translate(_JS)
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04X}" for letter in text)


@FAMILY.add("urlquery", deep=True, runs=True)
def url_query(run: Run, value: Value) -> str:
    return quote_plus(words(value, run.budget))


@FAMILY.add("b64enc")
def to_base64(text: Value) -> str:
    return base64.b64encode(_bytes(text)).decode()


@FAMILY.add("b64dec")
def from_base64(text: Value) -> str:
    try:
        return base64.b64decode(a_text(text), validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise TemplateError("needs base64 of a UTF-8 text") from None


@FAMILY.add("sha256sum")
def sha256(text: Value) -> str:
    """A digest in hexadecimal: for keys that must not show what they are made of."""
    return hashlib.sha256(_bytes(text)).hexdigest()


@FAMILY.add("sha1sum")
def sha1(text: Value) -> str:
    return hashlib.sha1(_bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: Value) -> bytes:
    return a_text(text).encode(errors="replace")
