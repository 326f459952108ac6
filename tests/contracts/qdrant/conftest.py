"""The same suite on memory-vectors and, where QDRANT_URL (and QDRANT_API_KEY) name one, on a real Qdrant."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from qdrant_client import AsyncQdrantClient

_STORES = ["memory-vectors", *(["qdrant"] if os.environ.get("QDRANT_URL") else [])]


@dataclass(frozen=True)
class Store:
    """A server that speaks Qdrant's REST API."""

    url: str
    key: str | None
    http: httpx2.Client

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and decoded body."""
        response = self.http.request(method, path, json=body)
        return response.status_code, response.json()

    def result(self, method: str, path: str, body: Any = None) -> Any:
        """The `result` of a call that must succeed."""
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        assert answer["status"] == "ok"
        assert answer["time"] >= 0
        return answer["result"]

    def error(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of a call that must be refused."""
        status, answer = self.call(method, path, body)
        assert status >= 400, answer
        return status, answer["status"]["error"]


@pytest.fixture(scope="module", params=_STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "qdrant":
        yield from _reached(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY"))
        return
    command = [sys.executable, "-m", "memory_vectors", "--listen", "127.0.0.1:0"]
    environment = os.environ | {
        "QDRANT__SERVICE__API_KEY": "contract",
        "QDRANT__STORAGE__STORAGE_PATH": str(tmp_path_factory.mktemp("storage")),
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        yield from _reached(process.stdout.readline().split()[-1], "contract")
        process.terminate()


def _reached(url: str, key: str | None) -> Iterator[Store]:
    headers = {"api-key": key} if key else {}
    with httpx2.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as http:
        yield Store(url, key, http)


@pytest.fixture
def name(store: Store) -> Iterator[str]:
    """A collection name of this test's own; the collection is removed afterwards, if it was made."""
    unique = f"contract-{uuid.uuid4().hex[:12]}"
    yield unique
    store.call("DELETE", f"/collections/{unique}")


@pytest.fixture
def notes(store: Store, name: str) -> str:
    """The notes of `fill`, in a collection of this test's own."""
    fill(store, name)
    return name


@pytest.fixture(scope="module")
def library(store: Store) -> Iterator[str]:
    """The notes of `fill`, for tests that change nothing."""
    shared = f"contract-{uuid.uuid4().hex[:12]}"
    fill(store, shared)
    yield shared
    store.call("DELETE", f"/collections/{shared}")


def fill(store: Store, name: str) -> None:
    """Make a collection with two vectors, indexed fields and ten points: `n` from 1 to 10, threads a (1-4) and b."""
    config = {"vectors": {"dense": {"size": 3, "distance": "Cosine"}}, "sparse_vectors": {"text": {"modifier": "idf"}}}
    store.result("PUT", f"/collections/{name}", config)
    for field, schema in (("thread", "keyword"), ("n", "integer"), ("at", "datetime")):
        index = {"field_name": field, "field_schema": schema}
        store.result("PUT", f"/collections/{name}/index?wait=true", index)
    store.result("PUT", f"/collections/{name}/points?wait=true", {"points": [note(n) for n in range(1, 11)]})


def note(n: int) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "n": n,
        "thread": "a" if n < 5 else "b",
        "score": n / 2,
        "even": n % 2 == 0,
        "at": f"2025-01-{n:02d}T00:00:00Z",
        "tags": ["all", f"t{n % 3}"],
        "nested": {"deep": n},
    }
    if n > 8:
        payload["late"] = True
    text = {"indices": [1, 100 + n], "values": [1.0, 2.0]}
    return {"id": n, "vector": {"dense": [10, n, 0], "text": text}, "payload": payload}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[AsyncQdrantClient]:
    """The official client, as the service uses it for administration."""
    official = AsyncQdrantClient(url=store.url, api_key=store.key, check_compatibility=False, timeout=20)
    yield official
    await official.close()
