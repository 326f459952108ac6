"""Whatever Memory the API server admits: the service serves it, or says why it cannot, and goes on with the others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from memory_crd import definitions

from tests.memory_crd.test_agreement import CASES
from tests.memory_service.fuzz.budget import run
from tests.memory_service.web.harness import Api, Valkey, build, entry

ANY_SPEC = from_schema(CASES["memory"][0])
AWAY = {"vector_unavailable", "embedder_unavailable", "timeout"}
ASKED: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PUT", "/threads/t", {"owner": "ada", "ttl": "1h", "metadata": {"a": 1}}),
    ("POST", "/threads/t/messages", {"messages": [{"content": "a"}, {"role": "system", "content": "b" * 200}]}),
    ("GET", "/threads/t/messages", None),
    ("PUT", "/threads/t/working-memory", {"content": {"a": 1}}),
    ("PUT", "/owners/ada/working-memory", {"content": "text"}),
    ("GET", "/threads/t/context?timeout=5ms&query=a", None),
    ("POST", "/recall", {"query": "a", "timeout": "5ms", "scope": "thread", "thread": "t"}),
    ("POST", "/operations", {"operation": "flush", "key": "t", "flush_config": {"force": True}}),
    ("GET", "/stats", None),
    ("DELETE", "/owners/ada", None),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Valkey for definitions alone."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey


@pytest.mark.timeout(0)
def test_whatever_memory_is_declared_nothing_breaks(server: Valkey, tmp_path: Path) -> None:
    @run(6, share=0.1)
    @given(ANY_SPEC)
    def declare(spec: dict[str, Any]) -> None:
        file = tmp_path / "declared.json"
        file.write_text(json.dumps({"id": "fallback"} | spec))
        loaded = definitions.load(file)
        assert bool(loaded.entries) != bool(loaded.faults), loaded
        asyncio.run(use(server, [*loaded.entries, entry("other-memory-of-this-tenant")]))

    declare()


async def use(server: Valkey, entries: list[definitions.Entry]) -> None:
    """Serve these memories and ask each of them for a little of everything."""
    api = build(server.url, entries)
    try:
        for each in entries:
            for method, rest, body in ASKED:
                await ask(api, method, f"/v1/memories/{each.id}{rest}", body)
        written = await api.ask("POST", "/v1/memories/other-memory-of-this-tenant/threads/t/messages", "a")
        assert written.status_code == 200, written.text
    finally:
        await api.close()


async def ask(api: Api, method: str, path: str, body: Any) -> None:
    """Ask once: anything but a defect."""
    answer = await api.ask(method, path, body)
    status, code = answer.status_code, answer.json().get("code", "")
    assert status < 500 or code in AWAY or code == "definition_not_loaded", answer.text


@pytest.mark.timeout(0)
def test_whatever_is_in_a_file_is_read_or_a_fault(tmp_path: Path) -> None:
    @run(60)
    @given(st.binary(max_size=40) | st.text(alphabet="{}[]:&*!?|>-,'\"#%@ \nab1.~<=", max_size=40).map(str.encode))
    def load(data: bytes) -> None:
        for name in ("a.yaml", "a.json"):
            (tmp_path / name).write_bytes(data)
            definitions.load(tmp_path / name)

    load()
