"""Requests to a route as hypothesis makes them: good ones, and ones that are odd in path, query, headers or body."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st
from memory_service.web.route import Route
from memory_service.web.streaming import NDJSON

from tests.memory_service.fuzz import oddities
from tests.memory_service.fuzz.oddities import TEXTS, write
from tests.memory_service.fuzz.shapes import MESSAGE_IDS, OWNERS, THREADS, Known, Shapes, spoilt

Header = tuple[bytes, bytes]
MEMORIES: Final = ("support", "tight", "owned", "plain", "sliding", "flushed")


@dataclass(frozen=True)
class Request:
    """A request as the server's parser would hand it on."""

    route: Route
    memory: str
    target: bytes
    query: bytes
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> bytes | None:
        """The last value of a header."""
        return dict(self.headers).get(name.lower().encode())

    def __repr__(self) -> str:
        lines = [f"{self.route.method} {self.target!r} ?{self.query!r}", *map(repr, self.headers)]
        return "\n".join([*lines, repr(self.body if len(self.body) < 2000 else self.body[:2000] + b"...")])


SEGMENTS: Final = (
    b"..", b".", b"", b"%2e%2e", b"a%2Fb", b"a%2fmessages", b"%00", b"%", b"%zz", b"%ff", b"%C3%BC", b"\xc3\xbc",
    b"\xff", b"__a", b"a__", b"a%0A", b"a;b", b"a%252Fb", b"*", b"t%2A", b"%E2%80%8B", b"%ED%A0%80", b"x" * 256,
    b"x" * 5000, b"a+b", b"%20t", b"t%20",
)  # fmt: skip
QUERIES: Final = (
    b"&", b"=", b"=1", b"a", b"%", b"%zz=1", b"x=%ff", b"limit", b"limit=", b"limit=1&limit=1", b"LIMIT=1",
    b"limit=1;cursor=2", b"limit=%31", b"limit=+1", b"limit=1e3", b"limit=\xd9\xa3", b"dry_run=TRUE", b"dry_run=1",
    b"dry_run", b"a[]=1", b"?", b"limit=1?x", b"&".join(b"p%d=1" % number for number in range(40)), b"x" * 20_000,
    b"cursor=" + b"A" * 5000, b"%00=%00", b"#", b"limit=1#a",
)  # fmt: skip
HEADERS: Final = (
    (b"content-type", b"text/plain"), (b"content-type", b"application/json; charset=utf-16"), (b"content-type", b""),
    (b"content-type", b"application/json;;;charset"), (b"content-type", b"APPLICATION/JSON"),
    (b"content-type", b"\xff"), (b"content-type", b"application/x-ndjson"),
    (b"content-type", b"multipart/form-data; boundary=x"), (b"content-encoding", b"gzip"),
    (b"content-encoding", b"br"), (b"content-encoding", b"identity"), (b"accept", b"text/html"), (b"accept", b""),
    (b"accept", b"\xff,,;"), (b"accept", b"application/*;q=0"), (b"x-request-id", b"a" * 200),
    (b"x-request-id", b"\xff"), (b"traceparent", b"00-0-0-0"), (b"traceparent", b"x" * 3000), (b"if-match", b"*"),
    (b"if-match", b'W/"1"'), (b"if-match", b'"1", "2"'), (b"if-match", b"1"), (b"if-match", b'"' + b"9" * 16 + b'"'),
    (b"if-match", b'"99999999999999999"'), (b"if-match", b"\xff"), (b"if-match", b'""'), (b"if-none-match", b"*"),
    (b"if-none-match", b'"1"'), (b"idempotency-key", b""), (b"idempotency-key", b"k" * 256),
    (b"idempotency-key", b"\xc3\xbc"), (b"idempotency-key", b'"'), (b"idempotency-key", b"seeded"),
    (b"idempotency-key", b'"seeded"'), (b"idempotency-key", b"k" * 255), (b"memory-consistency", b"x"),
    (b"memory-consistency", b"a.1"), (b"memory-consistency", b"a." + b"9" * 16),
    (b"memory-consistency", b"a." + b"9" * 17), (b"authorization", b"Bearer \xff"), (b"authorization", b"x"),
    (b"content-length", b"0"), (b"content-length", b"99999999999"), (b"content-length", b"x"),
    (b"transfer-encoding", b"chunked"), (b"host", b"evil.example"), (b"range", b"bytes=0-1"),
    (b"expect", b"100-continue"), (b"x-http-method-override", b"DELETE"),
)  # fmt: skip


@dataclass(frozen=True)
class Asker:
    """Makes requests from the published document and from what the memories hold."""

    document: Mapping[str, Any]
    known: Mapping[str, Known]
    _made: dict[Any, st.SearchStrategy[Request]] = field(default_factory=dict)

    def requests(self, route: Route) -> st.SearchStrategy[Request]:
        """Requests to one route."""
        key = (route.method, route.path)
        if key not in self._made:
            made = {memory: self._to(route, memory) for memory in MEMORIES}
            self._made[key] = st.sampled_from(MEMORIES).flatmap(made.__getitem__)
        return self._made[key]

    def _to(self, route: Route, memory: str) -> st.SearchStrategy[Request]:
        operation = self.document["paths"][f"/v1{route.path}"][route.method.lower()]
        known = self.known[memory]
        shapes = Shapes(self.document["components"]["schemas"], known)
        queried = [each for each in operation["parameters"] if each["in"] == "query"]
        content = operation.get("requestBody", {}).get("content", {})
        bodies = shapes.good(content["application/json"]["schema"]) if "application/json" in content else None
        lines = _lines(known["lines"]) if NDJSON in content else None
        values = {each["name"]: shapes.good(each["schema"], each["name"]) for each in queried}
        headers = [each["name"] for each in operation["parameters"] if each["in"] == "header"]

        @st.composite
        def build(draw: st.DrawFn) -> Request:
            odd = draw(
                st.lists(st.sampled_from(["path", "query", "header", "value", "value", "value", "text"]), max_size=2)
            )
            query = draw(_query(values, "query" in odd))
            asked = draw(_headers(headers, known, "header" in odd))
            body = b""
            if bodies is not None:
                value = draw(bodies)
                for _ in range(odd.count("value")):
                    value = draw(spoilt(value))
                if route.searches and isinstance(value, dict):
                    value.setdefault("timeout", "5ms")
                body = draw(_text(value, "text" in odd))
            elif lines is not None:
                body, asked = draw(lines), (*asked, (b"content-type", NDJSON.encode()))
            elif "text" in odd:
                body = draw(st.sampled_from([b"{}", b"x", b"null"]))
            if route.searches and bodies is None and b"timeout" not in query:
                query = query + b"&timeout=5ms" if query else b"timeout=5ms"
            return Request(route, memory, draw(_target(route, memory, known, "path" in odd)), query, asked, body)

        return build()


@st.composite
def _target(draw: st.DrawFn, route: Route, memory: str, known: Known, odd: bool) -> bytes:
    names = re.findall(r"\{(\w+)\}", route.path)
    bad = draw(st.sampled_from(names)) if odd and names else ""
    target = b"/v1" + route.path.encode()
    for name in names:
        pool = {"memory": [memory], "thread": THREADS, "owner": OWNERS, "id": [*known["ids"], *MESSAGE_IDS]}[name]
        segment = draw(st.sampled_from(SEGMENTS)) if name == bad else quote(draw(st.sampled_from(pool))).encode()
        target = target.replace(b"{%s}" % name.encode(), segment)
    return target


@st.composite
def _query(draw: st.DrawFn, values: Mapping[str, st.SearchStrategy[Any]], odd: bool) -> bytes:
    chosen = draw(st.lists(st.sampled_from(sorted(values)), max_size=3, unique=True)) if values else []
    parts = [_parameter(name, draw(values[name])) for name in chosen]
    if odd:
        spoilt_ones = [_parameter(name, draw(st.sampled_from(TEXTS[:60]) | oddities.numbers)) for name in chosen[:1]]
        parts = draw(
            st.sampled_from([[*parts, draw(st.sampled_from(QUERIES))], spoilt_ones + parts[1:], parts + parts[:1]])
        )
    return b"&".join(parts)


def _parameter(name: str, value: Any) -> bytes:
    text = value if isinstance(value, str) else write(value)
    return quote(name).encode() + b"=" + quote_from_bytes(text.encode(errors="surrogatepass")).encode()


@st.composite
def _headers(draw: st.DrawFn, names: list[str], known: Known, odd: bool) -> tuple[Header, ...]:
    good = {
        "If-Match": [f'"{version}"'.encode() for version in known["versions"]],
        "If-None-Match": [b"*"],
        "Idempotency-Key": [b"seeded", b"fresh-1", b'"fresh 2"'],
        "Memory-Consistency": [each.encode() for each in known["positions"]],
    }
    found = [
        (name.lower().encode(), draw(st.sampled_from(good[name])))
        for name in names
        if draw(st.integers(0, 5)) == 5 and good.get(name)
    ]
    if odd:
        found += draw(st.lists(st.sampled_from(HEADERS), min_size=1, max_size=2))
    return tuple(found)


@st.composite
def _text(draw: st.DrawFn, value: Any, odd: bool) -> bytes:
    """A body's bytes; odd ones are no JSON, or JSON that looks unusual."""
    text = write(value)
    return draw(st.sampled_from(_twisted(text))) if odd else text.encode()


@st.composite
def _lines(draw: st.DrawFn, lines: Sequence[str]) -> bytes:
    """An export, and what becomes of one on its way: lines lost, doubled, moved, spoilt, made of something else."""
    made = list(lines)
    for way in draw(
        st.lists(st.sampled_from(["lose", "double", "move", "spoil", "spoil", "twist", "cut"]), max_size=2)
    ):
        index = draw(st.integers(0, len(made) - 1)) if made else 0
        if way == "lose":
            del made[index : index + 1]
        elif way == "double":
            made[index:index] = made[index : index + 1]
        elif way == "move":
            made = made[index:] + made[:index]
        elif way == "cut":
            made = made[:index]
        elif way == "spoil" and made:
            made[index] = write(draw(spoilt(json.loads(made[index]))))
        elif made:
            made[index] = draw(st.sampled_from(_twisted(made[index]))).decode("latin-1")
    return "".join(line + "\n" for line in made).encode(errors="replace")


def _twisted(text: str) -> list[bytes]:
    """What a careless or hostile client may make of a text."""
    whole, mebibyte = text.encode(), 1 << 20
    # fmt: off
    return [
        b"", b" ", b"\x1b", b"null", b"[]", b"{}", b'""', b"0", b"\xed\xa0\x80", b'{"\\u0061":1,"a":2}', b"[" * 100_000,
        b'{"a":' * 50_000, b'"' + b"x" * mebibyte + b'"', whole + b" " * mebibyte, b"\n" + whole + b"\t",
        b"\xef\xbb\xbf" + whole, text.encode("utf-16"), text.encode("utf-32-be"), gzip.compress(whole, mtime=0),
        whole + b"x", whole[:-1], whole[: len(whole) // 2], whole + whole, b"\x00" + whole, b"// c\n" + whole,
        whole.replace(b'"', b"'"), whole.replace(b'"', b'"\xff', 1), whole.replace(b"}", b",}", 1),
        whole.replace(b":", b":\n\r\t "), json.dumps(text).encode(),
    ]
    # fmt: on
