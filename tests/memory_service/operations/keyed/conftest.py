"""The real application on a real Valkey, with the memories that the tasks name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.memory_service.operations.keyed.asking import Tasks
from tests.memory_service.web.harness import Valkey, build, entry


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The session's server."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
async def tasks(valkey: Valkey, request: pytest.FixtureRequest) -> AsyncIterator[Tasks]:
    """Tasks on the memory `support`; its options are the fixture's parameter. Nothing is embedded by default."""
    options = {"semanticRecall": {"enabled": False}} | getattr(request, "param", {})
    names = ("support", "user_session", "conversation_memory", "user_sessions")
    built = build(valkey.url, [entry(name, options=options) for name in names])
    yield Tasks(built, valkey.url)
    await built.close()
