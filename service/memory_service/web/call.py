"""One request on its way through the service, and the answer it ends with."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from memory_service.errors import Fault, Refused
from memory_service.web.body import MAX_BYTES

if TYPE_CHECKING:
    from memory_service.model.mutations import Outcome
    from memory_service.model.values import IdempotencyKey
    from memory_service.operations.registry import OpenMemory
    from memory_service.web.timing import Spans

Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)


@dataclass(slots=True)
class Reply:
    """An answer before the headers that every answer has. `outcome` labels metrics: "ok" or the problem's code.

    What is not known whole begins with `body` and goes on with `rest`.
    """

    status: int
    body: bytes
    headers: list[Header] = field(default_factory=list)
    content_type: bytes = JSON
    outcome: str = "ok"
    rest: AsyncGenerator[bytes, None] | None = None


@dataclass(slots=True)
class Call:
    """A request: what came in, who asked, and what its route made of it."""

    scope: Scope
    receive: Receive
    spans: Spans
    request_id: str = ""
    trace: bytes = b""
    parent_span: bytes = b""
    segments: list[str] = field(default_factory=list)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    repeated: set[bytes] = field(default_factory=set)
    principal: str = ""
    route: str = "unmatched"
    operation: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    memory: Any = None
    query: Any = None
    body: Any = None
    if_match: int | None = None
    if_absent: bool = False
    key: IdempotencyKey | None = None
    position: tuple[str, int] | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    started: float = field(default_factory=perf_counter)

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def opened(self) -> OpenMemory:
        """The memory that the path names."""
        memory: OpenMemory = self.memory
        return memory

    @property
    def thread(self) -> str:
        return self.params["thread"]


def open_call(scope: Scope, receive: Receive, spans: Spans, flags: bytes = b"00") -> Call:
    """Read headers, request id and trace context, which cannot fail. `flags` are those of a trace that begins here."""
    call = Call(scope, receive, spans)
    for name, value in scope["headers"]:
        if name in call.headers:
            call.repeated.add(name)
        call.headers[name] = value
    fresh = os.urandom(36).hex()
    given = call.headers.get(b"x-request-id")
    call.request_id = given.decode() if given and _REQUEST_ID.fullmatch(given) else fresh[:24]
    traceparent = call.headers.get(b"traceparent")
    parent = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    trace, flags = (parent[1], parent[3]) if parent else (fresh[24:56].encode(), flags)
    if parent:
        call.parent_span = parent[2]
    call.trace = b"00-%s-%s-%s" % (trace, fresh[56:].encode(), flags)
    return call


async def read_body(call: Call) -> bytes:
    """The whole body.

    Raises Refused `request_too_large` as soon as it is known to be, ClientDisconnect when it ends early.
    """
    length = call.headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large()
    message: MutableMapping[str, Any] = await call.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= MAX_BYTES:
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False) and size <= MAX_BYTES:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > MAX_BYTES:
        raise too_large()
    return b"".join(parts)


def too_large() -> Refused:
    """The refusal of a body over 1 MiB."""
    text = f"is larger than {MAX_BYTES} bytes; send fewer messages at a time"
    return Refused("request_too_large", f"the body {text}", [Fault("", "request_too_large", text)])


async def send_reply(call: Call, reply: Reply, send: Send) -> None:
    """Send an answer with what every answer carries: request id, trace, timings, length."""
    await send_head(call, reply, send, (b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else reply.body})


async def send_head(call: Call, reply: Reply, send: Send, *more: Header) -> None:
    """Send status and headers."""
    headers: list[Header] = [
        (b"content-type", reply.content_type),
        *more,
        (b"x-request-id", call.request_id.encode()),
        (b"traceresponse", call.trace),
        (b"server-timing", call.spans.header()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
