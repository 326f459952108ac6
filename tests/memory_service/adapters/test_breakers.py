"""Parts that hang: the first callers wait, the others are told at once, and a part that is back is found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest
from memory_service.adapters.embedders import remote
from memory_service.adapters.embedders.remote import WorkerSocket
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.errors import VectorUnavailable
from memory_service.policies.breaker import FAILURES

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"result": "now"}'


class Hanging:
    """A server that takes requests and answers only when `well`."""

    def __init__(self) -> None:
        self.well = False
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            self.asked += 1
            if self.well:
                writer.write(ANSWER)


@asynccontextmanager
async def listening(part: Hanging, path: Path | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await part.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    if path is not None:
        server = await asyncio.start_unix_server(serve, path)
        port = 0
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        server.close()


async def test_a_hanging_vector_store_is_waited_for_a_few_times_only_and_found_again() -> None:
    part = Hanging()
    async with listening(part) as port:
        store = VectorStore(f"http://127.0.0.1:{port}", lambda: None, timeout=0.4)
        for _ in range(FAILURES):
            with pytest.raises(VectorUnavailable):
                await store.call("GET", "/collections")
        started = perf_counter()
        for _ in range(20):
            with pytest.raises(VectorUnavailable, match="does not answer: TimeoutError"):
                await store.call("GET", "/collections")
        assert perf_counter() - started < 0.4
        assert (part.asked, store.breaker.state) == (FAILURES, "open")

        part.well = True
        while store.breaker.state == "open":
            await asyncio.sleep(0.05)
        assert await store.call("GET", "/collections") == "now"
        assert store.breaker.state == "closed"
        await store.close()


async def test_a_refusal_is_an_answer() -> None:
    part = Hanging()
    part.well = True
    async with listening(part) as port:
        store = VectorStore(f"http://127.0.0.1:{port}", lambda: None, timeout=1)
        for _ in range(2 * FAILURES):
            await store.call("GET", "/collections")
        assert (part.asked, store.breaker.state) == (2 * FAILURES, "closed")
        await store.close()


async def test_a_hanging_worker_costs_a_question_nothing_after_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "QUERY_SECONDS", 0.4)
    part = Hanging()
    async with listening(part, tmp_path / "s"):
        socket = WorkerSocket(str(tmp_path / "s"))
        embedder = socket.of("m")
        for _ in range(FAILURES):
            assert (await embedder.query("tea")).reason == "Unreachable"
        started = perf_counter()
        answers = [await embedder.query("tea") for _ in range(20)]
        assert perf_counter() - started < 0.4
        assert {(answer.dense, answer.reason) for answer in answers} == {(None, "Unreachable")}
        assert "memory-worker does not answer: TimeoutError" in answers[0].message
        assert (part.asked, embedder.circuit, socket.of("other").circuit) == (FAILURES, "open", "closed")
        await socket.close()
