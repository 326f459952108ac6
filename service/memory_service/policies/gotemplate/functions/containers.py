"""Sprig's functions on lists and maps. Nothing is changed in place: data belongs to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memory_service.policies.gotemplate.faults import TemplateError
from memory_service.policies.gotemplate.functions.registry import Family, Run, a_list, a_map, a_text, words
from memory_service.policies.gotemplate.values import Value, kind, truth

FAMILY = Family()


@FAMILY.add("list", "tuple")
def new_list(*items: Value) -> list[Value]:
    return list(items)


@FAMILY.add("first")
def first(items: Value) -> Value:
    return next(iter(a_list(items)), None)


@FAMILY.add("last")
def last(items: Value) -> Value:
    return a_list(items)[-1] if items else None


@FAMILY.add("rest")
def rest(items: Value) -> list[Value]:
    return a_list(items)[1:]


@FAMILY.add("initial")
def initial(items: Value) -> list[Value]:
    return a_list(items)[:-1]


@FAMILY.add("append", "push")
def append(items: Value, item: Value) -> list[Value]:
    return [*a_list(items), item]


@FAMILY.add("prepend")
def prepend(items: Value, item: Value) -> list[Value]:
    return [item, *a_list(items)]


@FAMILY.add("concat")
def concat(*lists: Value) -> list[Value]:
    return [item for items in lists for item in a_list(items)]


@FAMILY.add("reverse")
def reverse(items: Value) -> list[Value]:
    return a_list(items)[::-1]


@FAMILY.add("compact")
def compact(items: Value) -> list[Value]:
    return [item for item in a_list(items) if truth(item)]


@FAMILY.add("uniq", deep=True, runs=True)
def unique(run: Run, items: Value) -> list[Value]:
    """Each value once, the first of its kind staying."""
    found: dict[str, Value] = {}
    for item in a_list(items):
        found.setdefault(f"{kind(item)} {words(item, run.budget)}", item)
    return list(found.values())


@FAMILY.add("has", deep=True)
def has(wanted: Value, items: Value) -> bool:
    return any(item == wanted and kind(item) == kind(wanted) for item in a_list(items))


@FAMILY.add("without", deep=True, runs=True)
def without(run: Run, items: Value, *unwanted: Value) -> list[Value]:
    run.budget.step(len(a_list(items)) * len(unwanted))
    return [item for item in a_list(items) if not has(item, list(unwanted))]


@FAMILY.add("sortAlpha", deep=True, runs=True)
def sort_alpha(run: Run, items: Value) -> list[Value]:
    return sorted(words(item, run.budget) for item in a_list(items))  # type: ignore[return-value]  # strings are values


# --- maps -------------------------------------------------------------------------------------------------------------


@FAMILY.add("dict", runs=True)
def new_map(run: Run, *pairs: Value) -> Mapping[str, Value]:
    """`dict "a" 1 "b" 2`; a key without a value has an empty one."""
    if len(pairs) % 2:
        pairs = (*pairs, "")
    return {words(key, run.budget): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


@FAMILY.add("get")
def get(data: Value, key: Value) -> Value:
    return a_map(data).get(a_text(key), "")


@FAMILY.add("hasKey")
def has_key(data: Value, key: Value) -> bool:
    return a_text(key) in a_map(data)


@FAMILY.add("dig")
def dig(*steps: Value) -> Value:
    """`dig "a" "b" fallback data` is data.a.b, or the fallback."""
    if len(steps) < 3:
        raise TemplateError("needs at least one key, a fallback and a map")
    *keys, fallback, data = steps
    for key in keys:
        held: Any = a_map(data)
        if a_text(key) not in held:
            return fallback
        data = held[key]
    return data


@FAMILY.add("keys")
def keys(*maps: Value) -> list[Value]:
    """Sorted, so that the same data renders the same."""
    return [key for each in maps for key in sorted(a_map(each))]


@FAMILY.add("values")
def map_values(data: Value) -> list[Value]:
    """In the order of their keys."""
    held = a_map(data)
    return [held[key] for key in sorted(held)]


@FAMILY.add("pick")
def pick(data: Value, *names: Value) -> Mapping[str, Value]:
    wanted = set(map(a_text, names))
    return {key: value for key, value in a_map(data).items() if key in wanted}


@FAMILY.add("omit")
def omit(data: Value, *names: Value) -> Mapping[str, Value]:
    unwanted = set(map(a_text, names))
    return {key: value for key, value in a_map(data).items() if key not in unwanted}


@FAMILY.add("merge")
def merge(*maps: Value) -> Mapping[str, Value]:
    """The first map that has a key decides."""
    out: dict[str, Value] = {}
    for each in reversed(maps):
        out |= a_map(each)
    return out
