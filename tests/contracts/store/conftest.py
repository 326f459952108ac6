"""One suite on every kind of server: Valkey from its wheel, Redis 7.0 where `redis-server` is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from memory_service.adapters.redis.stores import RedisStores

from tests.contracts.store.log import Log
from tests.contracts.store.servers import Server, binaries, running


@pytest.fixture(scope="session", params=list(binaries()))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of each kind for the session."""
    binary = binaries()[request.param]
    if binary is None:
        pytest.skip("redis-server is not on PATH: install Debian's redis-server to run the contract on Redis 7.0 too")
    with running(binary, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
async def stores(server: Server) -> AsyncIterator[RedisStores]:
    """The tenant's memories on it."""
    stores = server.stores()
    yield stores
    await stores.close()


@pytest.fixture
def log(stores: RedisStores, server: Server) -> Log:
    """A memory of its own, without limits or ttl."""
    return Log.new(stores, server)
