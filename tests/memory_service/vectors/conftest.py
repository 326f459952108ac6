from collections.abc import AsyncIterator, Iterator

import pytest
from memory_service.adapters.vectors.rest import VectorStore

from tests.memory_service.parts import API_KEY, VectorsServer, vectors_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorsServer]:
    with vectors_server(tmp_path_factory.mktemp("vectors")) as running:
        yield running


@pytest.fixture
async def store(server: VectorsServer) -> AsyncIterator[VectorStore]:
    store = VectorStore(server.url, lambda: API_KEY)
    yield store
    await store.close()
