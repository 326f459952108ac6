"""A server of a test's own, to be stopped and killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from memory_service.adapters.redis.stores import RedisStores

from tests.contracts.store.log import Log
from tests.contracts.store.servers import Server, binaries, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Valkey that keeps every acknowledged write over a restart."""
    binary = binaries()["valkey"]
    assert binary is not None
    with running(binary, tmp_path, ["--appendonly", "yes", "--appendfsync", "always"]) as server:
        yield server


@pytest.fixture
async def stores(server: Server) -> AsyncIterator[RedisStores]:
    """The tenant's memories on it."""
    stores = server.stores()
    yield stores
    await stores.close()


@pytest.fixture
def log(stores: RedisStores, server: Server) -> Log:
    """A memory of its own."""
    return Log.new(stores, server)
