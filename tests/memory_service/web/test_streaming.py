"""Exports and imports on a real socket: what is streamed, what breaks off, and who goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from memory_service.settings import Address
from memory_service.web.server import Listener, bind, url_of

from tests.memory_service.web.harness import Api

LARGE = "x" * 60_000
HEAD = "POST /v1/memories/support/{} HTTP/1.1\r\nHost: memory\r\n{}\r\n"


@pytest.fixture
async def port(api: Api) -> AsyncIterator[int]:
    """A listener over more than a connection's buffers hold."""
    for _ in range(12):
        items = [{"thread": "t", "messages": [{"content": LARGE}] * 16}]
        assert (await api.ask("POST", "messages", {"items": items})).status_code == 200
    bound, stop = bind(Address("127.0.0.1", 0)), asyncio.Event()
    serving = asyncio.create_task(Listener(api.app, bound).run_until(stop))
    yield int(url_of(bound).rpartition(":")[2])
    stop.set()
    await serving


async def exporting(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has read the head of an export and nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.format("export", "Content-Length: 0\r\n").encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200") and "transfer-encoding: chunked" in head and "content-length" not in head
    return reader, writer


async def idle(api: Api) -> None:
    async with asyncio.timeout(10):
        while api.service.transfers.under_way:
            await asyncio.sleep(0.01)


async def test_an_export_is_held_back_by_who_reads_it_and_ends_with_its_footer(api: Api, port: int) -> None:
    reader, writer = await exporting(port)
    await asyncio.sleep(0.3)
    assert api.service.transfers.under_way == 1
    whole = b""
    while not whole.endswith(b"\r\n0\r\n\r\n"):
        whole += await reader.read(1 << 20)
    assert b'{"type":"footer"' in whole[-400:]
    await idle(api)
    writer.close()


async def test_others_are_answered_while_an_export_waits(api: Api, port: int) -> None:
    _, writer = await exporting(port)
    async with asyncio.timeout(5):
        assert (await api.ask("GET", "threads/t")).json()["messages"] == 192
    writer.close()
    await idle(api)


async def test_who_goes_away_ends_an_export(api: Api, port: int) -> None:
    _, writer = await exporting(port)
    writer.transport.abort()
    await idle(api)


async def test_an_export_of_an_instance_that_goes_away_breaks_off_without_an_end(api: Api, port: int) -> None:
    reader, writer = await exporting(port)
    api.service.drain.draining = True
    whole = await reader.read()
    assert b'"type":"footer"' not in whole
    assert not whole.endswith(b"0\r\n\r\n")
    writer.close()
    await idle(api)


async def test_an_import_of_unknown_length_is_read_as_it_comes(api: Api, port: int) -> None:
    lines = (await api.ask("POST", "export")).content.splitlines(keepends=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    more = "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
    writer.write(HEAD.format("import?mode=replace", more).encode())
    for line in lines:
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    report = json.loads(await reader.readexactly(length))
    assert (report["threads"]["replaced"], report["messages"]["imported"]) == (1, 192)
    writer.close()


async def test_an_import_whose_client_goes_away_leaves_no_half_thread(api: Api, port: int) -> None:
    lines = (await api.ask("POST", "export")).content.splitlines(keepends=True)
    await api.ask("DELETE", "threads/t")
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    more = "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
    writer.write(HEAD.format("import", more).encode())
    for line in lines[:100]:
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.1)
    await idle(api)
    assert not (await api.facts("t"))["exists"]


async def test_an_import_that_is_refused_early_is_answered_and_the_connection_ends(api: Api, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    more = "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
    writer.write(HEAD.format("import", more).encode() + b"3\r\nno\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    writer.close()
    await idle(api)
