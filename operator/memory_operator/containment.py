"""PURE: does a live object still say everything that is desired of it?

The API server adds defaults and people add what is theirs, so equality is the wrong question. The rules:

| desired            | live must have                                                              |
|--------------------|-----------------------------------------------------------------------------|
| mapping            | each key, contained; an empty or absent one equals an empty one              |
| list of named maps | for each `name`, an element of that name that contains it (lists that merge) |
| any other list     | the same length, element by element                                          |
| quantity           | the same amount: 1000m is 1, 1024Mi is 1Gi                                   |
| anything else      | an equal value                                                               |
"""

from typing import Any, Final

from memory_crd import quantities

QUANTITY_KEYS: Final = frozenset({"cpu", "memory", "storage", "ephemeral-storage", "sizeLimit"})


def contains(live: Any, desired: Any, key: str = "") -> bool:
    """Tell whether `live` says everything that `desired` says."""
    if isinstance(desired, dict):
        if not desired:
            return live is None or isinstance(live, dict)
        return isinstance(live, dict) and all(contains(live.get(name), part, name) for name, part in desired.items())
    if isinstance(desired, list):
        return _contains_list(live or [], desired)
    return bool(live == desired) or (key in QUANTITY_KEYS and _same_amount(live, desired))


def _same_amount(live: Any, desired: Any) -> bool:
    try:
        return quantities.parse(live) == quantities.parse(desired)
    except ValueError:
        return False


def _contains_list(live: Any, desired: list[Any]) -> bool:
    if not isinstance(live, list):
        return False
    if desired and all(isinstance(part, dict) and "name" in part for part in desired):
        named = {part.get("name"): part for part in live if isinstance(part, dict)}
        return all(contains(named.get(part["name"]), part) for part in desired)
    return len(live) == len(desired) and all(map(contains, live, desired))
