"""Bodies that are not known whole: answers sent as they are made, requests read line by line.

Who does not take or send anything for IDLE_SECONDS is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Send

from memory_service.errors import Refused, Timeout
from memory_service.operations.lines import MAX_LINE_BYTES, damaged
from memory_service.web.call import Call, Reply, send_head

NDJSON: Final = "application/x-ndjson"
IDLE_SECONDS: Final = 60.0


async def send_stream(call: Call, reply: Reply, rest: AsyncGenerator[bytes, None], send: Send) -> None:
    """Send an answer piece by piece, each when the one before was taken.

    Whatever `rest` raises goes on: then the answer has no end, and clients see that it broke off. Raises
    ClientDisconnect and TimeoutError when nobody takes it any more.
    """
    gone = asyncio.create_task(_disconnected(call.receive))
    try:
        await send_head(call, reply, send)
        await _send(send, reply.body, more=True)
        async for piece in rest:
            if gone.done():
                raise ClientDisconnect
            await _send(send, piece, more=True)
        await _send(send, b"", more=False)
    finally:
        gone.cancel()
        await rest.aclose()


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    async with asyncio.timeout(IDLE_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def lines_of(call: Call) -> AsyncIterator[tuple[int, bytes]]:
    """The request's lines with their numbers from 1, without newlines; a last one may lack its own.

    Raises Refused for a line of more than MAX_LINE_BYTES, ClientDisconnect, and Timeout when nothing comes.
    """
    number, parts, size = 1, [b""], 0
    async for piece in _pieces(call):
        *ended, left = piece.split(b"\n")
        for end in ended:
            if size + len(end) > MAX_LINE_BYTES:
                raise _too_long(number)
            yield number, b"".join([*parts, end])
            number, parts, size = number + 1, [], 0
        parts.append(left)
        size += len(left)
        if size > MAX_LINE_BYTES:
            raise _too_long(number)
    if size:
        yield number, b"".join(parts)


def _too_long(number: int) -> Refused:
    return damaged(number, f"is longer than {MAX_LINE_BYTES} bytes")


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    more = True
    while more:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await call.receive()
        except TimeoutError:
            raise Timeout(f"nothing came for {IDLE_SECONDS:.0f} s; import again with mode=skip") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)
