"""The `{var}` templates of conversation actions: names with dotted paths, looked up in the caller's variables. Pure.

Rendered once: text that came out of a variable is never read as a template again. Braces around anything that is no
name stay as they are, so JSON and code in a message survive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from memory_service.errors import Fault, Refused

MAX_OUTPUT: Final = 1 << 20
_NAME: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,127}(?:\.[A-Za-z0-9_-]{1,128}){0,31})\}", re.ASCII)


def render(text: str, variables: Mapping[str, object], path: str) -> tuple[str, list[Fault]]:
    """The text with every `{name}` replaced, and a fault for each name that has no value.

    Strings go in as they are, other values as JSON. `path` is the template's JSON Pointer. Raises Refused
    (`request_too_large`) when the result would exceed MAX_OUTPUT characters.
    """
    faults: dict[str, Fault] = {}
    parts: list[str] = []
    size = end = 0
    for match in _NAME.finditer(text):
        value = _look_up(variables, match[1])
        if value is None:
            faults.setdefault(
                match[1], Fault(path, "invalid_template", f"names {{{match[1]}}}, which has no value in variables")
            )
            continue
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        parts += (text[end : match.start()], shown)
        size += match.start() - end + len(shown)
        end = match.end()
        if size > MAX_OUTPUT:
            raise _too_large(path)
    parts.append(text[end:])
    return "".join(parts), list(faults.values())


def _look_up(variables: Mapping[str, object], name: str) -> object:
    value: object = variables
    for step in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _too_large(path: str) -> Refused:
    text = f"renders to more than {MAX_OUTPUT} characters"
    return Refused("request_too_large", f"the template {text}", [Fault(path, "request_too_large", text)])
