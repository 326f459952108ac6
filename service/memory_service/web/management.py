"""The pages beside the API: liveness, readiness, metrics, what is loaded; the OpenAPI document and its reader.

Readiness says that definitions are parsed and the port listens, whatever the stores do: otherwise all replicas would
leave their Service at once and no client would ever see a 503 with a reason, or a degraded answer.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Scope, Send

from memory_service.errors import Refused
from memory_service.web import openapi, problems
from memory_service.web.app import Page
from memory_service.web.call import Reply, open_call, send_reply
from memory_service.web.docs import PAGE
from memory_service.web.service import Service
from memory_service.web.timing import Spans


def management_pages(service: Service) -> Mapping[str, Page]:
    """Pages of the management listener."""

    def livez(accept: str) -> Reply:
        return Reply(200, b'{"status":"ok"}')

    def readyz(accept: str) -> Reply:
        registry = service.registry
        ready = registry.loaded_once and not service.drain.draining
        body = {
            "status": "ready" if ready else "not ready",
            "definitions": {"loaded": registry.loaded_once, "hash": registry.digest, "faults": list(registry.faults)},
            "draining": service.drain.draining,
            "dependencies": service.monitor.dependencies(),
        }
        return Reply(200 if ready else 503, msgspec.json.encode(body))

    def metrics(accept: str) -> Reply:
        body, content_type = service.metrics.render(accept)
        return Reply(200, body, content_type=content_type.encode())

    def loaded(accept: str) -> Reply:
        return Reply(200, msgspec.json.encode(service.monitor.loaded(service.pod)))

    return {"/livez": livez, "/readyz": readyz, "/metrics": metrics, "/loaded": loaded}


def public_pages() -> Mapping[str, Page]:
    """Pages of the main listener that describe the API."""
    document = openapi.encoded()

    def description(accept: str) -> Reply:
        return Reply(200, document, [(b"cache-control", b"max-age=300")])

    def docs(accept: str) -> Reply:
        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return Reply(200, PAGE, [(b"content-security-policy", policy)], b"text/html; charset=utf-8")

    return {"/openapi.json": description, "/docs": docs}


class ManagementApp:
    """The management listener: its pages and nothing else."""

    def __init__(self, service: Service) -> None:
        self._pages = management_pages(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = open_call(scope, receive, Spans())
        page = self._pages.get(scope["path"])
        if page is None or call.method not in ("GET", "HEAD"):
            known = ", ".join(self._pages)
            refusal = Refused("route_not_found", f"this listener answers GET {known}")
            problem = problems.of_error(refusal, call.request_id)
            body = msgspec.json.encode(problem)
            await send_reply(call, Reply(404, body, content_type=problems.CONTENT_TYPE.encode()), send)
            return
        await send_reply(call, page(call.headers.get(b"accept", b"").decode("latin-1")), send)
