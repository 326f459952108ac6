"""The request headers that mutations honour: If-Match, If-None-Match, Idempotency-Key; and Memory-Consistency.

A header that cannot be honoured is a fault, never ignored.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from memory_service.errors import Fault
from memory_service.model.values import IdempotencyKey

if TYPE_CHECKING:
    from memory_service.web.call import Call
    from memory_service.web.route import Route

_ETAG: Final = re.compile(rb'"([0-9]{1,16})"')
_KEY: Final = re.compile(rb'"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e][\x20-\x7e]{0,254})')
_POSITION: Final = re.compile(rb"([A-Za-z0-9_-]{1,64})\.([0-9]{1,16})")
SINGLE: Final = (
    b"if-match", b"if-none-match", b"idempotency-key", b"memory-consistency", b"content-type", b"authorization",
    b"content-length",
)  # fmt: skip
_NAMES: Final = {name: "-".join(part.capitalize() for part in name.decode().split("-")) for name in SINGLE}


def read_headers(call: Call, route: Route, faults: list[Fault]) -> None:
    """Set the call's `if_match`, `if_absent` and `position`; the idempotency key needs the body too (see `key_of`)."""
    headers = call.headers
    if call.repeated:
        for name in SINGLE:
            if name in call.repeated:
                _fault(faults, name, "must be sent once")
    if (value := headers.get(b"if-match")) is not None:
        if match := _ETAG.fullmatch(value):
            call.if_match = int(match[1])
        else:
            _fault(faults, b"if-match", 'must be one version in quotes, as ETag gave it, such as "42"')
        if not route.guarded:
            _fault(
                faults, b"if-match", "belongs to the change of one thread or document; elsewhere say expected_version"
            )
    # A client that cached an answer may say what it has when it reads again; it gets the answer anew.
    if (value := headers.get(b"if-none-match")) is not None and call.method not in ("GET", "HEAD"):
        call.if_absent = value == b"*"
        if not (route.guarded and route.method == "PUT"):
            _fault(faults, b"if-none-match", "belongs to PUT of a thread, of its messages or of a document")
        elif not call.if_absent:
            _fault(faults, b"if-none-match", "must be *: create only")
    if (value := headers.get(b"memory-consistency")) is not None:
        if match := _POSITION.fullmatch(value):
            call.position = (match[1].decode(), int(match[2]))
        else:
            _fault(faults, b"memory-consistency", "must be <epoch>.<position>, as a mutation answered it")
    if (value := headers.get(b"idempotency-key")) is not None and not _KEY.fullmatch(value):
        _fault(faults, b"idempotency-key", "must be 1 to 255 printable ASCII characters, quoted or bare")


def key_of(call: Call, body: bytes) -> IdempotencyKey | None:
    """Who asked (principal, method, path, key) and what (body, sorted query), as digests; None without the header."""
    value = call.headers.get(b"idempotency-key")
    match = _KEY.fullmatch(value) if value is not None else None
    if match is None:
        return None
    key = match[1] if match[1] is not None else match[2]
    who = "\n".join((call.principal, call.method, "/".join(call.segments), key.decode()))
    query = b"&".join(sorted(call.scope.get("query_string", b"").split(b"&")))
    return IdempotencyKey(_digest(who.encode()), _digest(query + b"\n" + body))


def derived(key: IdempotencyKey | None, part: int) -> IdempotencyKey | None:
    """The key of one part of a request that is several mutations."""
    return None if key is None else IdempotencyKey(_digest(b"%s/%d" % (key.digest, part)), key.body)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _fault(faults: list[Fault], name: bytes, message: str) -> None:
    faults.append(Fault(f"header:{_NAMES[name]}", "invalid_header", message))
