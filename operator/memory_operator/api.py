"""The API server over HTTP: `kubernetes.aio` for credentials and TLS, plain dicts for everything else.

The client's typed models are not used: they refuse answers after the write happened, and cost CPU on every call.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config
from memory_crd import names

from memory_operator.errors import Unavailable, error_for
from memory_operator.kinds import Kind, Manifest
from memory_operator.metrics import Metrics

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
REQUEST_SECONDS: Final = 15.0
WATCH_SILENCE_SECONDS: Final = 70.0
POOL: Final = 24
UNLIMITED: Final = 0
USER_AGENT: Final = names.FIELD_MANAGER


@dataclass(frozen=True)
class Listing:
    """The answer to a LIST: the objects, and the resourceVersion at which they were true."""

    items: tuple[Manifest, ...]
    at: int


async def connect(kubeconfig: str | None, metrics: Metrics) -> "ApiServer":
    """Return a connection with the named kubeconfig, or with the pod's own service account when None."""
    # Watches hold a connection each for as long as they last: they must not take those of requests.
    requests, watches = await _client(kubeconfig, POOL), await _client(kubeconfig, UNLIMITED)
    return ApiServer(requests, watches, metrics)


async def _client(kubeconfig: str | None, connections: int) -> Any:
    configuration = kubernetes_client.Configuration()
    configuration.connection_pool_maxsize = connections
    loader: Any = kubernetes_config
    if kubeconfig is None:
        loader.load_incluster_config(client_configuration=configuration)
    else:
        await loader.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    client = kubernetes_client.ApiClient(configuration)
    client.user_agent = USER_AGENT
    return client


class ApiServer:
    """Requests on kinds. Errors are those of `memory_operator.errors`, decided here once."""

    def __init__(self, client: Any, watcher: Any, metrics: Metrics) -> None:
        self._client = client
        self._watcher = watcher
        self._metrics = metrics

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()
        await self._watcher.close()

    async def get(self, kind: Kind, tenant: str | None, name: str) -> Manifest:
        """Read one object; raise NotFound."""
        return await self._request("get", "GET", kind, kind.path(tenant, name))

    async def list(self, kind: Kind, tenant: str | None, *, labels: str = "", name: str = "") -> Listing:
        """Read the objects of a kind, limited to a label selector or to one name on the server's side."""
        body = await self._request("list", "GET", kind, kind.path(tenant), query=_selectors(labels, name))
        return Listing(tuple(body.get("items") or ()), int(body["metadata"].get("resourceVersion") or 0))

    async def apply(self, manifest: Manifest, kind: Kind) -> Manifest:
        """Server-side apply under our one field manager, taking over what others changed of ours."""
        metadata = manifest["metadata"]
        query = [("fieldManager", names.FIELD_MANAGER), ("force", "true")]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self._request("apply", "PATCH", kind, path, query=query, body=manifest, content_type=APPLY)

    async def create(self, manifest: Manifest, kind: Kind) -> Manifest:
        """Create an object; raise Conflict when it exists."""
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._request(
            "create", "POST", kind, kind.path(manifest["metadata"]["namespace"]), query=query, body=manifest
        )

    async def patch(
        self, target: Manifest, kind: Kind, body: Any, *, content_type: str = MERGE, subresource: str | None = None
    ) -> Manifest:
        """Patch an object or its subresource."""
        metadata = target["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], subresource)
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._request("patch", "PATCH", kind, path, query=query, body=body, content_type=content_type)

    async def delete(self, target: Manifest, kind: Kind, *, propagation: str = "Background") -> None:
        """Delete this very object: another one of the same name is left alone (Conflict)."""
        metadata = target["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": metadata["uid"]},
        }
        await self._request("delete", "DELETE", kind, kind.path(metadata["namespace"], metadata["name"]), body=body)

    async def watch(
        self, kind: Kind, tenant: str | None, *, name: str, since: int
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """Yield (type, object) of one name until the stream ends; bookmarks included.

        Raises the error the stream ends with, 410 among them: LIST again then.
        """
        query = [
            *_selectors("", name),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", str(since)),
        ]
        timeout = aiohttp.ClientTimeout(total=None, sock_read=WATCH_SILENCE_SECONDS)
        async with await self._send("watch", "GET", kind, kind.path(tenant), query=query, timeout=timeout) as response:
            if response.status != 200:
                raise error_for(response.status, await _body(response))
            try:
                while line := await response.content.readline():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise error_for(int(event["object"].get("code") or 500), event["object"])
                    yield event["type"], event["object"]
            except (TimeoutError, aiohttp.ClientError) as error:
                raise Unavailable(0, type(error).__name__, "the watch went silent") from error

    async def _request(
        self,
        verb: str,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Any = (),
        body: Any = None,
        content_type: str = "application/json",
    ) -> Manifest:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        response = await self._send(
            verb, method, kind, path, query=query, body=body, content_type=content_type, timeout=timeout
        )
        async with response:
            answer = await _body(response)
        if response.status >= 400:
            raise error_for(response.status, answer)
        return answer

    async def _send(
        self, verb: str, method: str, kind: Kind, path: str, *, query: Any = (), body: Any = None,
        content_type: str = "application/json", timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        headers = {"Accept": "application/json", "Content-Type": content_type}
        code = "none"
        try:
            # Serialised without the body: the client would copy it into models first.
            client = self._watcher if verb == "watch" else self._client
            method, url, headers, _, _ = await client.param_serialize(
                method, path, query_params=list(query), header_params=headers, auth_settings=["BearerToken"]
            )
            answer = await client.call_api(method, url, headers, body, _request_timeout=timeout)
            code = str(answer.status)
            response: aiohttp.ClientResponse = answer.response
            return response
        except (TimeoutError, aiohttp.ClientError) as error:
            raise Unavailable(0, type(error).__name__, f"{method} {path}: no answer") from error
        finally:
            self._metrics.api_calls.labels(verb, kind.name, code).inc()


def _selectors(labels: str, name: str) -> list[tuple[str, str]]:
    return [
        *([("labelSelector", labels)] if labels else []),
        *([("fieldSelector", f"metadata.name={name}")] if name else []),
    ]


async def _body(response: aiohttp.ClientResponse) -> Manifest:
    try:
        raw = await response.read()
        answer = json.loads(raw) if raw else {}
    except (TimeoutError, aiohttp.ClientError) as error:
        raise Unavailable(0, type(error).__name__, "the answer broke off") from error
    except ValueError:
        return {"message": raw[:200].decode(errors="replace")}
    return answer if isinstance(answer, dict) else {}
