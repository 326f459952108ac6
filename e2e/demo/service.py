"""The memory service of the demo's tenant, called as an application would: with the key of the connection Secret."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from e2e.cluster.errors import ClusterError
from e2e.kube import forwarded, secret

Answer = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """One memory behind an open connection."""

    http: httpx2.Client
    memory: str

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Answer:
        """One request below the memory's own path. ClusterError with the problem document when it is refused."""
        answer = self.http.request(method, f"/memories/{self.memory}{path}", json=body, params=parameters)
        if answer.status_code >= 400:
            raise ClusterError(f"{method} {path}: {answer.status_code} {answer.text}")
        told: Answer = answer.json()
        return told

    def act(self, operation: str, **properties: Any) -> Answer:
        """One of the five conversation operations, with the property names of a flow's node."""
        return self.call("POST", "/actions", {"operation": operation, **properties})

    def append(self, thread: str, *messages: tuple[str, str]) -> Answer:
        """Append (role, content) messages to a thread."""
        batch = [{"role": role, "content": content} for role, content in messages]
        return self.call("POST", f"/threads/{thread}/messages", {"messages": batch})


@contextlib.contextmanager
def opened(namespace: str, memory: str) -> Iterator[Service]:
    """The service of a tenant, through a port-forward that ends with the block."""
    key = secret("memory-connection", namespace)["api-key"]
    with (
        forwarded("svc/memory", 8080, namespace) as url,
        httpx2.Client(base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
    ):
        yield Service(http, memory)
