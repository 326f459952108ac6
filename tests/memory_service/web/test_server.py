"""The real server on a real socket: what only the wire can say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from memory_service.settings import Address
from memory_service.web.server import Listener, bind, url_of

from tests.memory_service.web.harness import Api


class Wire:
    """Raw requests to the listener."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def send(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send these bytes on a new connection; status, headers and body of the first answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(5):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
            return int(head[0].split()[1]), headers, body
        finally:
            writer.close()

    async def get(self, target: str, *more: str) -> tuple[int, dict[str, str], bytes]:
        """GET exactly this request target."""
        lines = [f"GET {target} HTTP/1.1", "Host: memory", *more, "", ""]
        return await self.send("\r\n".join(lines).encode("latin-1"))


@pytest.fixture
async def wire(api: Api) -> AsyncIterator[Wire]:
    bound = bind(Address("127.0.0.1", 0))
    stop = asyncio.Event()
    serving = asyncio.create_task(Listener(api.app, bound).run_until(stop))
    yield Wire(int(url_of(bound).rpartition(":")[2]))
    stop.set()
    await serving


def code(body: bytes) -> str:
    """The code of a problem document."""
    return str(json.loads(body)["code"])


@pytest.mark.parametrize(
    ("target", "status", "expected"),
    [
        ("/v1/memories/support/threads/a%2Fmessages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/..%2F..%2Fv1/messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/../../support/threads/t", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%2E%2E", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a%00", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a;b", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%", 400, "invalid_thread"),
        ("//v1/memories", 404, "route_not_found"),
        ("/v1//memories", 404, "route_not_found"),
        ("/V1/memories", 404, "route_not_found"),
        ("/v1/memories/support%3Fx=1", 404, "memory_not_found"),
        ("/v1/memories/support/threads/t/messages/%2e%2e", 404, "message_not_found"),
    ],
)
async def test_encoded_tricks_reach_no_other_route(wire: Wire, target: str, status: int, expected: str) -> None:
    got, headers, body = await wire.get(target)
    assert (got, code(body)) == (status, expected)
    assert headers["content-type"] == "application/problem+json"


async def test_a_fragment_or_query_is_no_part_of_the_path(wire: Wire) -> None:
    assert (await wire.get("/v1/memories/support/threads/t?x=/../..%2F"))[0] == 400
    assert (await wire.get("/v1/memories/support/threads/t"))[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"POST /v1/memories HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/memories HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/memories HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_with_a_problem_too(wire: Wire, data: bytes) -> None:
    status, headers, body = await wire.send(data)
    assert (status, headers["content-type"], code(body)) == (400, "application/problem+json", "invalid_header")
    assert json.loads(body)["request_id"] == headers["x-request-id"]


@pytest.mark.parametrize(
    "head",
    [
        "X-Long: " + "x" * 40_000,
        "\r\n".join(f"X-{number}: y" for number in range(120)),
        "X-Never-Ending: " + "x" * 200_000,
    ],
)
async def test_a_head_that_is_too_large_is_431(wire: Wire, head: str) -> None:
    ending = "" if "Never" in head else "\r\n\r\n"
    status, _, body = await wire.send(f"GET /v1/memories HTTP/1.1\r\nHost: x\r\n{head}{ending}".encode())
    assert (status, code(body)) == (431, "headers_too_large")


async def test_a_target_that_is_too_long_is_431(wire: Wire) -> None:
    status, _, body = await wire.get("/v1/memories/" + "x" * 40_000)
    assert (status, code(body)) == (431, "headers_too_large")


async def test_a_connection_serves_many_requests_with_large_bodies(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    for number in range(3):
        body = json.dumps({"content": "x" * 50_000}).encode()
        writer.write(
            b"POST /v1/memories/support/threads/t/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert json.loads(await reader.readexactly(length))["total"] == number + 1
    writer.close()


async def test_head_sends_no_body(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"HEAD /v1/memories HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(5):
        head = await reader.read()
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")
    writer.close()
