"""Go's %-formats: the verbs that make sense for plain data. What Go prints as `%!d(...)` is an error here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from memory_service.policies.gotemplate.budget import OUTPUT, Budget
from memory_service.policies.gotemplate.faults import TemplateError, shown
from memory_service.policies.gotemplate.values import Value, is_number, kind, text

MOST_WIDTH: Final = 1_000
_DIRECTIVE: Final = re.compile(r"%([+\-# 0]*+)([0-9]++)?(?:\.([0-9]*+))?(.)?", re.DOTALL)
_ESCAPES: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPES_ALWAYS: Final = {'"': '\\"', "\\": "\\\\"}


def printf(form: str, items: Sequence[Value], budget: Budget) -> str:
    """The format with each directive replaced by the next item. Raises TemplateError."""
    waiting = list(items)
    out: list[str] = []
    size = end = 0
    for match in _DIRECTIVE.finditer(form):
        budget.step()
        piece = form[end : match.start()] + _directive(match, waiting, budget)
        end = match.end()
        size += len(piece)
        if size > OUTPUT:
            raise TemplateError(f"the result would be larger than {OUTPUT} characters")
        out.append(piece)
    if waiting:
        raise TemplateError(f"the format {shown(form)} leaves {len(waiting)} arguments over")
    return "".join(out) + form[end:]


def _directive(match: re.Match[str], waiting: list[Value], budget: Budget) -> str:
    flags, width, precision, verb = match.groups()
    if verb == "%":
        return "%"
    if verb is None or verb not in _VERBS:
        raise TemplateError(f"knows no {shown(match[0])}; there are %{' %'.join(_VERBS)} %%")
    if not waiting:
        raise TemplateError(f"has no argument left for {shown(match[0])}")
    columns = int(width or 0) if len(width or "") < 5 else MOST_WIDTH + 1
    places = None if precision is None else int(precision or 0) if len(precision) < 5 else MOST_WIDTH + 1
    if columns > MOST_WIDTH or (places or 0) > MOST_WIDTH:
        raise TemplateError(f"pads to at most {MOST_WIDTH}")
    made = _written(verb, waiting.pop(0), places, budget)
    if "+" in flags and verb in "deEfFg" and not made.startswith("-"):
        made = "+" + made
    elif " " in flags and verb in "deEfFg" and not made.startswith("-"):
        made = " " + made
    if "-" in flags:
        return made.ljust(columns)
    if "0" in flags and verb in "dxXobeEfFg":
        sign = made[:1] if made[:1] in ("+", "-", " ") else ""
        return sign + made[len(sign) :].rjust(columns - len(sign), "0")
    return made.rjust(columns)


def _written(verb: str, value: Value, places: int | None, budget: Budget) -> str:
    match verb:
        case "v":
            return text(value, budget, inside=True)
        case "s":
            plain = text(value, budget) if isinstance(value, str | list) else _wrong(verb, value)
            return plain if places is None else plain[:places]
        case "q":
            return quoted(value) if isinstance(value, str) else _wrong(verb, value)
        case "t":
            return str(value).lower() if isinstance(value, bool) else _wrong(verb, value)
    if verb in "xX" and isinstance(value, str):
        return format(int.from_bytes(value.encode()), f"0{2 * len(value.encode())}{verb}") if value else ""
    if verb in _INTEGER and isinstance(value, int) and not isinstance(value, bool):
        return format(value, verb)
    if verb in "eEfFg" and is_number(value):
        return _float(verb, float(value), places)  # type: ignore[arg-type]  # a number, as was just seen
    return _wrong(verb, value)


def _float(verb: str, value: float, places: int | None) -> str:
    if verb == "g":
        return f"{value:.{places}g}" if places is not None else f"{value!r}".removesuffix(".0")
    return f"{value:.{6 if places is None else places}{verb}}"


def _wrong(verb: str, value: Value) -> str:
    raise TemplateError(f"%{verb} does not fit {kind(value)}; %v fits everything")


_INTEGER: Final = "dxXob"
_VERBS: Final = "vsqdtfFeEgxXob"


def quoted(value: str) -> str:
    """A string as Go's %q writes it."""
    return '"' + "".join(map(_quoted, value)) + '"'


def _quoted(letter: str) -> str:
    known = _ESCAPES_ALWAYS.get(letter) or _ESCAPES.get(letter)
    if known or letter.isprintable():
        return known or letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
