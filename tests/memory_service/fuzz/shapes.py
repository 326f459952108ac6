"""From a JSON schema of the published document to values: good ones, and good ones with a part or two gone bad."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st
from memory_service.operations.words import MESSAGE_ID_PATTERN, AnyOwner, OwnerId, ThreadId

from tests.memory_service.fuzz import oddities
from tests.memory_service.fuzz.oddities import Members, anything

THREADS: Final = ("t", "u", "b", "full", "new-1", "user:1", "a.b@c", "x" * 255)
OWNERS: Final = ("ada", "bob", "a|b=c~", "o" * 255)
MESSAGE_IDS: Final = ("1-1", "1-2", "3-1", "1-9999999999", "999999999999999-1")
TEMPLATES: Final = (
    "t", "{{ .a }}", "{{ .a.b }}", "{{ .missing }}", "{{ upper .a }}", "{{ range .l }}{{ . }}{{ end }}", "k-{{ .n }}",
    "{{ .", "{{ now }}", "{{ repeat 100000 .a }}", "{{ index .l 9 }}", "{{ printf `%d` .a }}",
    "{{ .a | b64enc | trunc 5 }}", "{{ fail `no` }}", "{{ define `x` }}{{ template `x` }}{{ end }}{{ template `x` }}",
    "{{ div 1 0 }}", "{{ `\x00` }}", "__{{ .a }}",
)  # fmt: skip
PATTERNS: Final = ("*", "t*", "?", "user:*", "**?*", "nothing*", "a b", "\\*", "[a-z]", "*" * 200)
DATES: Final = ("2026-01-31T12:00:00Z", "2031-05-01T00:00:00.001Z", "2124-01-01T00:00:00+05:30", "1970-01-01T00:00:00Z")
LONG: Final = ("30m", "24h", "30d", "99999d", 3600, 86_400, 8_639_913_600)

Known = Mapping[str, Sequence[str]]
"""What there is to refer to: cursors, message ids, backups, versions, positions, the lines of an export."""
Schema = Mapping[str, Any]

context = st.fixed_dictionaries(
    {},
    optional={"a": anything, "b": oddities.texts, "l": st.lists(oddities.scalars, max_size=3), "n": oddities.numbers},
)
metadata = st.dictionaries(st.sampled_from(["topic", "n", "ok", "at", *oddities.PLACES[:8]]), anything, max_size=3)
bounds = st.dictionaries(
    st.sampled_from(["gte", "gt", "lte", "lt", "x"]), oddities.numbers | st.sampled_from(DATES), max_size=2
)
wanted = st.one_of(oddities.scalars, st.lists(oddities.scalars, max_size=3), bounds)
filters = st.dictionaries(
    st.sampled_from(["topic", "n", "ok", "at", "role", "timestamp", "nobody", "a/b~"]),
    wanted | st.sampled_from(["user", "billing", *DATES]),
    max_size=2,
)
said = st.sampled_from(
    ["hello", "The invoice was charged twice", "secret-42 is here", "café \U0001f600", "x" * 300, "{a} {{ .a }}"]
)
messages = st.fixed_dictionaries(
    {"content": said}, optional={"role": st.sampled_from(["user", "assistant", "system", "tool"]), "metadata": metadata}
)
payloads = st.one_of(st.sampled_from(TEMPLATES), messages, st.lists(messages | said, max_size=3), anything)


def cursor_twins(cursors: Sequence[str]) -> list[str]:
    """Cursors, and what somebody may make of them: cut, extended, of another list, with other parts."""
    found = list(cursors)
    for cursor in cursors:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        odd: list[Any] = [
            parts[:-1],
            [*parts, 1],
            [*parts[:-1], -1],
            [*parts[:-1], 2**60],
            [*parts[:-1], True],
            {"a": parts},
        ]
        odd += [[*parts[:-1], text] for text in ("", "x", "\x00", "(", "9" * 400, "a:b", "-inf")]
        odd += [[*parts[:-1], 1.5], [*parts[:-1], None], [*parts[:-1], [1]], parts[::-1]]
        found += [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in odd]
        found += [cursor[:-1], cursor + "A", cursor + "=", cursor.swapcase(), " " + cursor]
    return [*found, "x", "====", "AAAA", "é", "bnVsbA", "W10", "a" * 1024, "a" * 1025]


class Shapes:
    """Strategies for the schemas of one document."""

    def __init__(self, components: Mapping[str, Schema], known: Known) -> None:
        self._components = components
        self._named: dict[str, st.SearchStrategy[Any]] = {
            "cursor": st.sampled_from(cursor_twins(known["cursors"])),
            "backup_id": st.sampled_from([*known["backups"], "1", "x" * 128]),
            "key": st.sampled_from([*THREADS[:5], "user:*"]),
            "conversationId": st.sampled_from([*THREADS[:5], "{a}", "c-{b}"]),
            "key_template": st.sampled_from(TEMPLATES),
            "pattern": st.sampled_from(PATTERNS),
            "match": st.sampled_from(PATTERNS),
            "prefix": st.sampled_from(["t", "user:", "zzz"]),
            "memory_ref": st.sampled_from(["support", "tight", "other"]),
            "filter": filters,
            "context": context,
            "variables": context,
            "payload": payloads,
            "metadata": metadata,
            "content": said | oddities.texts,
            "query": said,
            "timeout": st.sampled_from(["1ms", "20ms", 0]),
            "expires_at": st.sampled_from(["2031-05-01T00:00:00.001Z", "2124-01-01T00:00:00+05:30"]),
            "expected_version": st.sampled_from([int(each) for each in known["versions"]]) | st.integers(0, 60),
            "ids": st.lists(st.sampled_from([*MESSAGE_IDS, "0:1", "x"]), min_size=1, max_size=2),
            "max_scan": st.integers(1, 100),
        }  # fmt: skip
        self._patterned = {
            ThreadId.pattern: st.sampled_from(THREADS),
            OwnerId.pattern: st.sampled_from(OWNERS),
            AnyOwner.pattern: st.sampled_from([*OWNERS, "*"]),
            MESSAGE_ID_PATTERN: st.sampled_from([*known["ids"], *MESSAGE_IDS]),
        }

    def good(self, schema: Schema, name: str = "") -> st.SearchStrategy[Any]:
        """Values that the schema allows, of a kind that gets further than the first check."""
        if "$ref" in schema:
            return self.good(self._components[schema["$ref"].rpartition("/")[2]], name)
        if name in self._named:
            return self._named[name]
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "anyOf" in schema:
            return self._any_of(schema["anyOf"], name)
        kind = schema.get("type")
        return _KINDS[kind](self, schema) if kind in _KINDS else anything

    def _any_of(self, schemas: Sequence[Schema], name: str) -> st.SearchStrategy[Any]:
        if any("w)$" in str(each.get("pattern", "")) for each in schemas):
            return st.sampled_from(LONG)
        return st.one_of(*(self.good(each, name) for each in schemas))

    def object(self, schema: Schema) -> st.SearchStrategy[Any]:
        """An object with what is required and some of what is not."""
        fields = schema.get("properties")
        if fields is None:
            return metadata
        required = set(schema.get("required", ()))
        made = {name: self.good(each, name) for name, each in fields.items()}
        optional = sorted(fields.keys() - required)

        @st.composite
        def build(draw: st.DrawFn) -> dict[str, Any]:
            some = draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else []
            return {name: draw(made[name]) for name in fields if name in required or name in some}

        return build()

    def array(self, schema: Schema) -> st.SearchStrategy[Any]:
        """A short list."""
        least, most = schema.get("minItems", 0), min(3, schema.get("maxItems", 3))
        return st.lists(self.good(schema["items"]), min_size=least, max_size=most)

    def text(self, schema: Schema) -> st.SearchStrategy[Any]:
        """A text of its pattern or format."""
        if schema.get("pattern") in self._patterned:
            return self._patterned[schema["pattern"]]
        if schema.get("format") == "date-time":
            return st.sampled_from(DATES)
        return said if schema.get("maxLength", 999) > 300 else st.sampled_from(["a", "t", "é"])

    def number(self, schema: Schema) -> st.SearchStrategy[Any]:
        """A number within its bounds, near one of them more often than not."""
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        if schema["type"] == "number":
            return st.sampled_from([low, high]) | st.floats(low, high)
        return st.sampled_from([low, high]) | st.integers(low, min(high, low + 9))


_KINDS: Final[Mapping[str, Any]] = {
    "object": Shapes.object,
    "array": Shapes.array,
    "string": Shapes.text,
    "integer": Shapes.number,
    "number": Shapes.number,
    "boolean": lambda shapes, schema: st.booleans(),
    "null": lambda shapes, schema: st.none(),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of a value and of everything in it."""
    found = [path]
    if isinstance(value, dict):
        for key, each in value.items():
            found += places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found += places(each, (*path, index))
    return found


def put(value: Any, path: Sequence[Any], new: Any) -> Any:
    """The value with what is at a path replaced."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {name: put(each, rest, new) if name == key else each for name, each in value.items()}
    return [put(each, rest, new) if index == key else each for index, each in enumerate(value)]


def at(value: Any, path: Sequence[Any]) -> Any:
    """What is at a path."""
    for key in path:
        value = value[key]
    return value


ODD_OF: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "timestamp": st.sampled_from(oddities.MOMENTS),
    "expires_at": st.sampled_from([each for each in oddities.MOMENTS if "9999" in each or not each.startswith("2")]),
    "since": st.sampled_from(oddities.MOMENTS),
    "until": st.sampled_from(oddities.MOMENTS),
    "ttl": st.sampled_from(oddities.DURATIONS),
    "timeout": st.sampled_from(["31s", "-1s", "1 s", -1, 31, None, True, ""]),
}


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """A value with one part replaced, removed, wrapped, doubled, or joined by one that nobody declared."""
    path = draw(st.sampled_from(places(value)))
    old = at(value, path)
    way = draw(st.sampled_from(["odd", "odd", "odd", "remove", "wrap", "double", "add", "many"]))
    if way == "odd" and path and path[-1] in ODD_OF:
        return put(value, path, draw(ODD_OF[path[-1]]))
    if way == "remove" and isinstance(old, dict) and old:
        gone = draw(st.sampled_from(sorted(old, key=repr)))
        return put(value, path, {key: each for key, each in old.items() if key != gone})
    if way == "double" and isinstance(old, dict) and old:
        return put(value, path, Members((*old.items(), draw(st.sampled_from(sorted(old.items(), key=repr))))))
    if way == "add" and isinstance(old, dict):
        return put(value, path, old | {draw(st.sampled_from(oddities.PLACES)): draw(anything)})
    if way == "many" and isinstance(old, list) and old and len(oddities.write(old)) < 500:
        return put(value, path, old * draw(st.sampled_from([40, 101, 1001])))
    if way == "wrap":
        return put(value, path, [old])
    return put(value, path, draw(anything))
