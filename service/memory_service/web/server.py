"""uvicorn, told what this service needs: uvloop and httptools by name, no access log, and problem documents from the
parser.

The parser refuses what never becomes a request: malformed requests, and heads that are too large.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from typing import Any, Final

import msgspec
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from memory_service.errors import Refused
from memory_service.settings import Address
from memory_service.web import problems

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100
DRAIN_SECONDS: Final = 10
KEEP_ALIVE_SECONDS: Final = 75

log = logging.getLogger(__name__)


class Protocol(HttpToolsProtocol):
    """One connection, with bounds on what may come before a body."""

    _head = 0
    _reading_head = True
    _refusal: Refused | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._reading_head = 0, True

    def data_received(self, data: bytes) -> None:
        if self._reading_head:
            self._head += len(data)
        super().data_received(data)
        if self._reading_head and self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refusal = _too_large()
            raise self._refusal  # ends the parser, which then calls send_400_response

    def on_headers_complete(self) -> None:
        self._reading_head = False
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > MAX_HEAD_BYTES:
            self._refusal = _too_large()
            raise self._refusal
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head, self._reading_head = 0, True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused: a problem document, then the end of the connection."""
        refusal = self._refusal or Refused("invalid_header", "this is not a well-formed HTTP/1.1 request")
        problem = problems.of_error(refusal, os.urandom(12).hex())
        body = msgspec.json.encode(problem)
        lines = [
            f"HTTP/1.1 {problem.status} {problem.title}",
            f"content-type: {problems.CONTENT_TYPE}",
            f"content-length: {len(body)}",
            f"x-request-id: {problem.request_id}",
            "connection: close",
            "\r\n",
        ]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()

    def _refuse_head(self) -> None:
        self._refusal = _too_large()
        self.send_400_response("")


def _too_large() -> Refused:
    return Refused("headers_too_large", f"a request head has at most {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes")


class Listener(uvicorn.Server):
    """One listener among several in a process: signals are handled once, by the composition root."""

    def __init__(self, app: ASGIApp, bound: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http=Protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=2048,
        )
        super().__init__(config)
        self._bound = bound

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave signals alone."""
        yield

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then finish what is in flight."""
        serving = asyncio.create_task(self.serve(sockets=[self._bound]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        self.should_exit = True
        stopping.cancel()
        await serving


def bind(address: Address) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
    bound.set_inheritable(False)
    return bound


def url_of(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
