from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from memory_service.adapters.redis.stores import RedisStores

from tests.contracts.store.servers import Server, binaries, running
from tests.memory_service.parts import VectorsServer, vectors_server
from tests.memory_service.rig import MODEL, Rig, build


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey for the session, under the operator's own ACL."""
    binary = binaries()["valkey"]
    assert binary is not None
    with running(binary, tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorsServer]:
    """A memory-vectors for the session."""
    with vectors_server(tmp_path_factory.mktemp("vectors")) as running_server:
        yield running_server


@pytest.fixture
async def stores(valkey: Server) -> AsyncIterator[RedisStores]:
    stores = valkey.stores()
    yield stores
    await stores.close()


MakeRig = Callable[..., Rig]


@pytest.fixture
async def make_rig(valkey: Server, vectors: VectorsServer, stores: RedisStores) -> AsyncIterator[MakeRig]:
    """Makes memories on the session's servers."""
    if not (MODEL / "model.json").exists():
        pytest.skip("the local model is not built: run `make model`")
    rigs: list[Rig] = []

    def make(**options: Any) -> Rig:
        rigs.append(build(valkey, vectors, stores, **options))
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.vector_store.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A memory with default options."""
    return make_rig()
