"""Go's printing functions and Sprig's functions on strings."""

from __future__ import annotations

import re

from memory_service.policies.gotemplate.budget import OUTPUT
from memory_service.policies.gotemplate.faults import TemplateError
from memory_service.policies.gotemplate.functions.formats import printf as formatted
from memory_service.policies.gotemplate.functions.formats import quoted
from memory_service.policies.gotemplate.functions.registry import Family, Run, a_list, a_text, an_int, words
from memory_service.policies.gotemplate.values import Value

FAMILY = Family()
_MOST_INDENT = 1_000


@FAMILY.add("print", deep=True, runs=True)
def print_(run: Run, *items: Value) -> str:
    """Side by side, with a space between two that are both no strings, as Go prints."""
    out = ""
    for place, item in enumerate(items):
        spaced = place and not isinstance(item, str) and not isinstance(items[place - 1], str)
        out += (" " if spaced else "") + words(item, run.budget)
    return out


@FAMILY.add("println", deep=True, runs=True)
def println(run: Run, *items: Value) -> str:
    return " ".join(words(item, run.budget) for item in items) + "\n"


@FAMILY.add("printf", deep=True, runs=True)
def printf(run: Run, form: Value, *items: Value) -> str:
    return formatted(a_text(form), items, run.budget)


@FAMILY.add("toString", deep=True, runs=True)
def to_string(run: Run, value: Value) -> str:
    return words(value, run.budget)


@FAMILY.add("toStrings", deep=True, runs=True)
def to_strings(run: Run, items: Value) -> list[Value]:
    return [words(item, run.budget) for item in a_list(items)]


@FAMILY.add("trim")
def trim(text: Value) -> str:
    return a_text(text).strip()


@FAMILY.add("trimAll")
def trim_all(characters: Value, text: Value) -> str:
    return a_text(text).strip(a_text(characters)) if characters else a_text(text)


@FAMILY.add("trimPrefix")
def trim_prefix(prefix: Value, text: Value) -> str:
    return a_text(text).removeprefix(a_text(prefix))


@FAMILY.add("trimSuffix")
def trim_suffix(suffix: Value, text: Value) -> str:
    return a_text(text).removesuffix(a_text(suffix))


@FAMILY.add("upper")
def upper(text: Value) -> str:
    return a_text(text).upper()


@FAMILY.add("lower")
def lower(text: Value) -> str:
    return a_text(text).lower()


@FAMILY.add("title")
def title(text: Value) -> str:
    """The first letter of each word in upper case, the others as they are."""
    return re.sub(r"(?<![\w'])\w", lambda letter: letter[0].upper(), a_text(text))


@FAMILY.add("untitle")
def untitle(text: Value) -> str:
    return re.sub(r"(?<![\w'])\w", lambda letter: letter[0].lower(), a_text(text))


@FAMILY.add("nospace")
def nospace(text: Value) -> str:
    return "".join(a_text(text).split())


@FAMILY.add("trunc")
def truncate(most: Value, text: Value) -> str:
    """The first so many characters; the last ones for a negative number."""
    count, whole = an_int(most), a_text(text)
    return whole[:count] if count >= 0 else whole[count:]


@FAMILY.add("abbrev")
def abbreviate(most: Value, text: Value) -> str:
    count, whole = an_int(most), a_text(text)
    return whole if count < 4 or len(whole) <= count else whole[: count - 3] + "..."


@FAMILY.add("substr")
def substring(start: Value, end: Value, text: Value) -> str:
    first, last, whole = an_int(start), an_int(end), a_text(text)
    if first < 0:
        return whole[: max(last, 0)]
    return whole[first:] if last < 0 or last > len(whole) else whole[first:last]


@FAMILY.add("repeat")
def repeat(count: Value, text: Value) -> str:
    times, part = an_int(count), a_text(text)
    if times < 0 or times * max(1, len(part)) > OUTPUT:
        raise TemplateError(f"the result would be larger than {OUTPUT} characters")
    return part * times


@FAMILY.add("replace")
def replace(old: Value, new: Value, text: Value) -> str:
    whole, wanted, instead = a_text(text), a_text(old), a_text(new)
    found = whole.count(wanted)
    if len(whole) + found * (len(instead) - len(wanted)) > OUTPUT:
        raise TemplateError(f"the result would be larger than {OUTPUT} characters")
    return whole.replace(wanted, instead)


@FAMILY.add("contains")
def contains(part: Value, text: Value) -> bool:
    return a_text(part) in a_text(text)


@FAMILY.add("hasPrefix")
def has_prefix(prefix: Value, text: Value) -> bool:
    return a_text(text).startswith(a_text(prefix))


@FAMILY.add("hasSuffix")
def has_suffix(suffix: Value, text: Value) -> bool:
    return a_text(text).endswith(a_text(suffix))


@FAMILY.add("quote", deep=True, runs=True)
def quote(run: Run, *items: Value) -> str:
    """Each in double quotes, nil left out."""
    return " ".join(quoted(words(item, run.budget)) for item in items if item is not None)


@FAMILY.add("squote", deep=True, runs=True)
def single_quote(run: Run, *items: Value) -> str:
    return " ".join(f"'{words(item, run.budget)}'" for item in items if item is not None)


@FAMILY.add("cat", deep=True, runs=True)
def cat(run: Run, *items: Value) -> str:
    return " ".join(words(item, run.budget) for item in items if item is not None)


@FAMILY.add("join", deep=True, runs=True)
def join(run: Run, separator: Value, items: Value) -> str:
    """A list's values, nil left out; anything else is a list of itself."""
    parts = items if isinstance(items, list) else [items]
    out = [words(part, run.budget) for part in parts if part is not None]
    if sum(map(len, out)) + len(out) * len(a_text(separator)) > OUTPUT:
        raise TemplateError(f"the result would be larger than {OUTPUT} characters")
    return a_text(separator).join(out)


@FAMILY.add("splitList", runs=True)
def split_list(run: Run, separator: Value, text: Value) -> list[Value]:
    parts = a_text(text).split(a_text(separator)) if separator else list(a_text(text))
    run.budget.step(len(parts))
    return list(parts)


@FAMILY.add("split", runs=True)
def split(run: Run, separator: Value, text: Value) -> dict[str, Value]:
    """The parts as a map with the keys `_0`, `_1`, ..."""
    return {f"_{place}": part for place, part in enumerate(split_list(run, separator, text))}


@FAMILY.add("indent")
def indent(count: Value, text: Value) -> str:
    """Every line moved to the right."""
    spaces, whole = an_int(count), a_text(text)
    if not 0 <= spaces <= _MOST_INDENT or len(whole) + (whole.count("\n") + 1) * spaces > OUTPUT:
        raise TemplateError(f"indents by 0 to {_MOST_INDENT} spaces, to at most {OUTPUT} characters")
    return " " * spaces + whole.replace("\n", "\n" + " " * spaces)


@FAMILY.add("nindent")
def newline_indent(count: Value, text: Value) -> str:
    return "\n" + indent(count, text)


@FAMILY.add("plural")
def plural(one: Value, many: Value, count: Value) -> str:
    return a_text(one) if an_int(count) == 1 else a_text(many)


@FAMILY.add("snakecase")
def snake_case(text: Value) -> str:
    return "_".join(_parts(a_text(text)))


@FAMILY.add("kebabcase")
def kebab_case(text: Value) -> str:
    return "-".join(_parts(a_text(text)))


@FAMILY.add("camelcase")
def camel_case(text: Value) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[\s_.-]+", a_text(text)) if part)


def _parts(text: str) -> list[str]:
    """The words of a name in lower case, however they are told apart."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return [part.lower() for part in re.split(r"[\s_.-]+", spaced) if part]
