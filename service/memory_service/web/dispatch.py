"""From a matched route to its reply: memory, limits, headers, query and body, then the handler.

Faults of headers, query and body are listed together, in that order; the first one's code is the answer's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from memory_service.errors import Fault, Refused
from memory_service.web.body import parse
from memory_service.web.call import JSON, Call, Reply, read_body
from memory_service.web.preconditions import key_of, read_headers
from memory_service.web.readers import reader
from memory_service.web.route import Route
from memory_service.web.service import Service
from memory_service.web.streaming import NDJSON

MAX_PARAMETERS: Final = 32
_ACCEPTED: Final = frozenset({"*/*", "application/*", "application/problem+json"})
_SHORT: Final = 64


async def run(route: Route, call: Call, service: Service) -> Reply:
    """Answer a call by its route. Raises Refused or Unavailable."""
    call.operation = route.operation
    if (memory := call.params.get("memory")) is not None:
        call.memory = service.registry.get(memory)
        await _within_rate(call)
    _check_accept(route, call)
    faults: list[Fault] = []
    read_headers(call, route, faults)
    call.query = _query(route, call, faults)
    raw = b""
    if route.body is not None:
        _check_media_type(route, call)
        raw = await read_body(call)
        try:
            call.body = route.body.read({} if route.body.optional and not raw else parse(raw), faults)
        except Refused as refusal:
            faults += refusal.faults
    elif route.lines:
        _check_media_type(route, call)
    elif _has_body(call):
        faults.append(Fault("", "invalid_field", "is not expected: this route takes its parameters from the query"))
    if faults:
        raise refused(faults)
    if b"idempotency-key" in call.headers:
        call.key = key_of(call, raw)
    return await route.handler(call, service)


def refused(faults: list[Fault]) -> Refused:
    """One refusal for all faults; the first gives the code."""
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Refused(first.code, f"{first.path or 'the body'} {first.message}{more}", faults)


async def _within_rate(call: Call) -> None:
    limit = call.opened.definition.spec.options.limits.requests_per_second
    if limit is not None and not await call.opened.store.admit(limit):
        raise Refused(
            "rate_limited",
            f"the memory takes {limit} requests a second (options.limits.requestsPerSecond)",
            limit=limit,
        )


def _query(route: Route, call: Call, faults: list[Fault]) -> Any:
    text: bytes = call.scope.get("query_string", b"")
    read = _short_query if len(text) <= _SHORT else _any_query
    query, found = read(route.query, text)
    faults += found
    return query


def _any_query(shape: type, text: bytes) -> tuple[Any, tuple[Fault, ...]]:
    """A query string as its Struct, with every fault."""
    if not text:
        return shape(), ()
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        told = f"is not UTF-8, or has more than {MAX_PARAMETERS} parameters"
        return None, (Fault("query", "invalid_parameter", told),)
    faults: list[Fault] = []
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            faults.append(Fault(f"query:{name}", "invalid_parameter", "must be sent once"))
        values[name] = value
    return reader(shape, lax=True)(values, "", faults), tuple(faults)


_short_query = lru_cache(maxsize=1024)(_any_query)
"""Callers send the same few short ones (`last=20`) again and again, and what they become is frozen."""


def _has_body(call: Call) -> bool:
    return call.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in call.headers


def _check_media_type(route: Route, call: Call) -> None:
    """JSON in UTF-8, unencoded; a body without a type is taken for that. Raises `unsupported_media_type`."""
    expected = NDJSON.encode() if route.lines else JSON
    raw = call.headers.get(b"content-type", expected)
    if raw == expected and b"content-encoding" not in call.headers:
        return
    given = raw.decode("latin-1").lower()
    kind, _, parameters = given.partition(";")
    allowed = {expected.decode()} | ({"application/merge-patch+json"} if route.method == "PATCH" else set())
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
    encoding = call.headers.get(b"content-encoding", b"identity").lower()
    if kind.strip() not in allowed or charset not in ("", "utf-8", "utf8") or encoding != b"identity":
        raise Refused(
            "unsupported_media_type", f"send {' or '.join(sorted(allowed))} in UTF-8 without content encoding"
        )


def _check_accept(route: Route, call: Call) -> None:
    accept = call.headers.get(b"accept")
    if accept is None or accept == b"*/*":
        return
    kinds = [part.split(";")[0].strip().lower() for part in accept.decode("latin-1").split(",")]
    answered = NDJSON if route.streams else JSON.decode()
    if answered not in kinds and not _ACCEPTED.intersection(kinds):
        raise Refused("not_acceptable", f"this route answers {answered} only")
