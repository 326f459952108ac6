"""Go's own functions on any value, and Sprig's on what is empty."""

from __future__ import annotations

from collections.abc import Mapping

from memory_service.policies.gotemplate import values
from memory_service.policies.gotemplate.faults import TemplateError
from memory_service.policies.gotemplate.functions.registry import Family, a_text, an_int
from memory_service.policies.gotemplate.values import Value

FAMILY = Family()


@FAMILY.add("and", lazy=False)
def both(first: Value, *others: Value) -> Value:
    raise AssertionError("evaluated lazily")


@FAMILY.add("or", lazy=True)
def either(first: Value, *others: Value) -> Value:
    raise AssertionError("evaluated lazily")


@FAMILY.add("not")
def negation(value: Value) -> bool:
    return not values.truth(value)


@FAMILY.add("eq")
def same(one: Value, other: Value, *others: Value) -> bool:
    return any(values.equal(one, each) for each in (other, *others))


@FAMILY.add("ne")
def different(one: Value, other: Value) -> bool:
    return not values.equal(one, other)


@FAMILY.add("lt")
def below(one: Value, other: Value) -> bool:
    return values.less(one, other)


@FAMILY.add("le")
def at_most(one: Value, other: Value) -> bool:
    return values.less(one, other) or values.equal(one, other)


@FAMILY.add("gt")
def above(one: Value, other: Value) -> bool:
    return values.less(other, one)


@FAMILY.add("ge")
def at_least(one: Value, other: Value) -> bool:
    return values.less(other, one) or values.equal(one, other)


@FAMILY.add("len")
def length(value: Value) -> int:
    """Of a string in bytes, as Go counts."""
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    if isinstance(value, Mapping | list):
        return len(value)
    raise TemplateError(f"{values.kind(value)} has no length")


@FAMILY.add("index")
def element(value: Value, *keys: Value) -> Value:
    """`index x 1 "a"` is x[1]["a"]; a key that a map has not is nil, a place that a list has not an error."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(a_text(key))
        elif isinstance(value, list):
            place = an_int(key)
            if not 0 <= place < len(value):
                raise TemplateError(f"the list of {len(value)} has nothing at {place}")
            value = value[place]
        else:
            raise TemplateError(f"{values.kind(value)} has no elements")
    return value


@FAMILY.add("slice")
def cut(value: Value, start: Value = 0, end: Value = None) -> Value:
    """A part of a string (in characters) or of a list."""
    if not isinstance(value, str | list):
        raise TemplateError(f"{values.kind(value)} has no parts")
    first = an_int(start)
    last = len(value) if end is None else an_int(end)
    if not 0 <= first <= last <= len(value):
        raise TemplateError(f"{first}:{last} is no part of a length of {len(value)}")
    return value[first:last]


@FAMILY.add("default")
def default(fallback: Value, value: Value = None) -> Value:
    return value if values.truth(value) else fallback


@FAMILY.add("empty")
def empty(value: Value) -> bool:
    return not values.truth(value)


@FAMILY.add("coalesce")
def coalesce(*options: Value) -> Value:
    return next((option for option in options if values.truth(option)), None)


@FAMILY.add("ternary")
def ternary(if_true: Value, if_false: Value, condition: Value) -> Value:
    if not isinstance(condition, bool):
        raise TemplateError(f"needs a boolean at the end, not {values.kind(condition)}")
    return if_true if condition else if_false


@FAMILY.add("fail")
def fail(message: Value) -> Value:
    """Refuse to render, in the template's own words."""
    raise TemplateError(a_text(message)[:512])


@FAMILY.add("kindOf")
def kind_of(value: Value) -> str:
    """Go's name for the kind of a value."""
    if isinstance(value, bool):
        return "bool"
    names = ((str, "string"), (int, "int"), (float, "float64"), (Mapping, "map"), (list, "slice"))
    return next((name for type_, name in names if isinstance(value, type_)), "invalid" if value is None else "struct")


@FAMILY.add("kindIs")
def kind_is(kind: Value, value: Value) -> bool:
    return kind_of(value) == a_text(kind)
