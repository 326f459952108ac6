"""Whatever bytes reach the socket: an answer that is HTTP, never a 5xx, and a server that goes on."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.settings import Address
from memory_service.web.server import Listener, bind

from tests.memory_service.fuzz.budget import run
from tests.memory_service.web.harness import Valkey, build, entry

GOOD = b"GET /v1/memories HTTP/1.1\r\nHost: memory\r\nConnection: close\r\n\r\n"
BASE = b"/v1/memories/support/threads/t/messages"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a service in a thread of its own."""
    valkey = Valkey(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    bound, stops = bind(Address("127.0.0.1", 0)), []
    started = threading.Event()

    async def serve() -> None:
        api, stop = build(valkey.url, [entry()]), asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        started.set()
        await Listener(api.app, bound).run_until(stop)
        await api.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(5)
    found = int(bound.getsockname()[1])
    listening(found)
    yield found
    loop, stop = stops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    valkey.stop()


def listening(port: int) -> None:
    """Wait until somebody listens: a socket that is only bound refuses."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.02)


def exchange(port: int, data: bytes) -> bytes:
    """Everything that is answered to these bytes, sent as a client does that then stops talking."""
    with socket.create_connection(("127.0.0.1", port), 5) as wire:
        try:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
        except OSError:  # refused while it was still being sent
            pass
        answered = b""
        try:
            while piece := wire.recv(65536):
                answered += piece
        except ConnectionResetError:
            pass
        return answered


# fmt: off
methods = st.sampled_from([
    b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"get", b"CONNECT", b"TRACE", b"PRI", b"G T", b"\xff", b"",
])
targets = st.sampled_from([
    BASE, b"/", b"*", b"", b"//", b"http://x/v1/memories", b"/v1/memories?\xff", b"/%", b"/\x00", b"/ x",
    b"/v1/memories#x", b"/" + b"y" * 40_000,
])
versions = st.sampled_from([
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"http/1.1", b"HTTP/1.1 ", b"", b"HTTP",
])
fields = st.sampled_from([
    b"Host: memory", b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: -1", b"Content-Length: +3",
    b"Content-Length: 3, 3", b"Content-Length: 99999999999999999999", b"Content-Length : 3", b"X:" + b"y" * 40_000,
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: x", b"Accept: */*",
    b"Expect: 100-continue", b"Upgrade: websocket", b"Connection: upgrade", b"Upgrade: h2c", b"Connection: close",
    b"Connection: \xff", b" folded: x", b"no colon", b": empty", b"X: a\rb", b"X: a\x00b", b"X\x00: 1",
    b"Content-Type: application/json",
])
bodies = st.sampled_from([
    b"", b'"x', b'"x"', b"3\r\n\"x\"\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"3;" + b"e" * 40_000,
    b"0\r\nTrailer: x\r\n\r\n", GOOD, b"\x16\x03\x01\x02",
])
# fmt: on


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A request of odd parts, with an odd end of line here and there."""
    first = b" ".join([draw(methods), draw(targets), draw(versions)])
    ending = draw(st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b"\r\r\n"]))
    lines = [first, *draw(st.lists(fields, max_size=4))]
    return ending.join([*lines, b"", draw(bodies)])


@pytest.mark.timeout(0)
def test_whatever_reaches_the_socket_is_answered_in_http_and_the_server_goes_on(port: int) -> None:
    @run(80)
    @given(heads() | st.binary(max_size=60) | st.binary(max_size=10).map(lambda noise: GOOD[:20] + noise + GOOD[20:]))
    def ask(data: bytes) -> None:
        answered = exchange(port, data)
        for status in statuses(answered):
            assert status < 500 or status == 501, answered

    ask()
    assert exchange(port, GOOD).startswith(b"HTTP/1.1 200")


def statuses(answered: bytes) -> list[int]:
    """The status of every answer on a connection; problem documents are whole and say the same."""
    found = []
    while answered:
        head, _, rest = answered.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", head)
        assert match, answered
        status = int(match[1])
        if status == 100:
            answered = rest
            continue
        length = re.search(rb"(?i)content-length: ([0-9]+)", head)
        size = int(length[1]) if length and not rest.startswith(b"HTTP/1.1 ") else 0  # HEAD says a length, and no body
        found.append(status)
        if status >= 400 and len(rest) >= size > 0:
            document = json.loads(rest[:size])
            assert document["status"] == status
            assert b"application/problem+json" in head
        answered = rest[size:] if len(rest) >= size else b""
    return found
