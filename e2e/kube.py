"""What the end-to-end tests do to a cluster, in the words of a user: kubectl, port-forward and HTTP."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import yaml

Manifest = dict[str, Any]
API_VERSION = "memoryplatform.dev/v1alpha1"


class KubectlError(AssertionError):
    """kubectl said no; the message is what a user would read."""


def kubectl(*arguments: str, text: str | None = None, timeout: float = 120) -> str:
    """Run kubectl against the cluster under test and return what it prints; KubectlError carries its complaint."""
    done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise KubectlError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def apply(*manifests: Manifest, namespace: str | None = None) -> str:
    """`kubectl apply -f -` of the manifests as one file, in the order given."""
    where = ["-n", namespace] if namespace else []
    return kubectl("apply", *where, "-f", "-", text=yaml.safe_dump_all(manifests, sort_keys=False))


def get(kind: str, name: str, namespace: str) -> Manifest:
    """One object as it is now."""
    found: Manifest = json.loads(kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return found


def items(kind: str, namespace: str, selector: str | None = None) -> list[Manifest]:
    """All objects of a kind in a namespace."""
    chosen = ["-l", selector] if selector else []
    found: list[Manifest] = json.loads(kubectl("get", kind, "-n", namespace, *chosen, "-o", "json"))["items"]
    return found


def secret(name: str, namespace: str) -> dict[str, str]:
    """A Secret's data, decoded."""
    return {key: base64.b64decode(value).decode() for key, value in get("secret", name, namespace)["data"].items()}


def condition(thing: Manifest, kind: str) -> Manifest:
    """A condition of an object by type; an empty one when it is not there."""
    conditions: list[Manifest] = thing.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


T = TypeVar("T")


def until(what: str, check: Callable[[], T | None], *, within: float = 60, every: float = 0.25) -> T:
    """Ask `check` until it answers something true; fail naming what never came, with the last error."""
    deadline = time.monotonic() + within
    last = "it answered nothing"
    while time.monotonic() < deadline:
        try:
            if answer := check():
                return answer
        except (AssertionError, KeyError, httpx2.HTTPError) as error:
            last = str(error)
        time.sleep(every)
    raise AssertionError(f"{what}: not within {within:.0f} s; {last}")


def memory(name: str, **spec: Any) -> Manifest:
    """A Memory on Redis and Qdrant with the local embedder, changed by `spec`."""
    base: Manifest = {
        "id": name,
        "storage": {"use": "redis", "config": {}},
        "vector": {"use": "qdrant", "dimensions": 384, "config": {}},
        "embedder": {"use": "local", "config": {}},
        "options": {"ttl": {"after": "30d"}},
    }
    return {"apiVersion": API_VERSION, "kind": "Memory", "metadata": {"name": name}, "spec": base | spec}


def wait_ready(name: str, namespace: str, *, within: float = 90) -> float:
    """Wait until the Memory is Ready for its present generation; returns the seconds it took."""
    began = time.monotonic()

    def ready() -> bool:
        found = get("memory", name, namespace)
        state = condition(found, "Ready")
        told = {one["type"]: (one["status"], one["reason"], one.get("message", "")) for one in conditions_of(found)}
        assert state.get("status") == "True", told
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        return True

    until(f"Memory {namespace}/{name} Ready", ready, within=within)
    return time.monotonic() - began


def conditions_of(thing: Manifest) -> list[Manifest]:
    """Every condition of an object."""
    found: list[Manifest] = thing.get("status", {}).get("conditions", [])
    return found


@contextlib.contextmanager
def forwarded(target: str, port: int, namespace: str) -> Iterator[str]:
    """`kubectl port-forward` to a Service or pod; yields http://127.0.0.1:<chosen port>."""
    process = subprocess.Popen(
        ["kubectl", "port-forward", "-n", namespace, target, f":{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "Forwarding from" in line, f"port-forward to {target}: {line or 'it ended'}"
        yield "http://127.0.0.1:" + line.split("127.0.0.1:")[1].split(" ")[0]
    finally:
        process.terminate()
        process.wait(timeout=10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@dataclass
class Client:
    """The memory service of one tenant, called as an application calls it: by its connection Secret."""

    namespace: str

    @contextlib.contextmanager
    def open(self) -> Iterator[httpx2.Client]:
        """A client with the tenant's API key, through a port-forward that ends with it."""
        key = secret("memory-connection", self.namespace)["api-key"]
        with (
            forwarded("svc/memory", 8080, self.namespace) as url,
            httpx2.Client(base_url=url + "/v1", headers={"Authorization": f"Bearer {key}"}, timeout=15) as client,
        ):
            yield client

    def call(self, method: str, path: str, *, expect: int = 200, **options: Any) -> Manifest:
        """One request over a fresh port-forward, tried until the service answers `expect` or 30 s are over."""

        def asked() -> Manifest:
            with self.open() as client:
                answer = client.request(method, path, **options)
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
            body: Manifest = answer.json()
            return body

        return until(f"{method} {path}", asked, within=30)


def append(client: httpx2.Client, memory_id: str, thread: str, *contents: str, role: str = "user") -> Manifest:
    """Append messages to a thread; returns the answer."""
    body = {"messages": [{"role": role, "content": content} for content in contents]}
    answer = client.post(f"/memories/{memory_id}/threads/{thread}/messages", json=body)
    assert answer.status_code == 200, answer.text
    told: Manifest = answer.json()
    return told


def history(client: httpx2.Client, memory_id: str, thread: str) -> list[str]:
    """The contents of a thread's newest messages, oldest first."""
    answer = client.get(f"/memories/{memory_id}/threads/{thread}/messages", params={"last": 100})
    assert answer.status_code == 200, answer.text
    return [message["content"] for message in answer.json()["messages"]]


def recalled(client: httpx2.Client, memory_id: str, query: str, **request: Any) -> list[str]:
    """The contents of what recall finds in the whole memory, best first."""
    answer = client.post(
        f"/memories/{memory_id}/recall", json={"query": query, "scope": "memory", "consistency": "strong"} | request
    )
    assert answer.status_code == 200, answer.text
    return [hit["message"]["content"] for hit in answer.json()["hits"]]
