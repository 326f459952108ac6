"""A real Valkey a session; the real application, with a tenant of its own, a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.memory_service.web.harness import Api, Valkey, build, entry


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The session's server."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
async def api(valkey: Valkey, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """The application with one memory, `support`; its options are the fixture's parameter."""
    built = build(valkey.url, [entry(options=getattr(request, "param", None))])
    yield built
    await built.close()
