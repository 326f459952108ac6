"""The ASGI application: guard, caller, hot routes, router, problems; and what every answer carries.

The few hot routes are dispatched here, before Starlette's router; everything runs through the same `run`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from time import perf_counter
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from memory_service.errors import Refused, ShuttingDown, Unavailable
from memory_service.web import paths, problems
from memory_service.web.call import Call, Reply, open_call, send_reply
from memory_service.web.dispatch import run
from memory_service.web.route import Route
from memory_service.web.routes import ROUTES, T
from memory_service.web.service import Service
from memory_service.web.streaming import send_stream
from memory_service.web.timing import CURRENT, Spans

log = logging.getLogger(__name__)

Page = Callable[[str], Reply]
"""A page outside the API: from its Accept header to a reply."""

_HOT: Final[Mapping[str, Route]] = {
    route.method: route for route in ROUTES if route.path == f"{T}/messages" and route.method in ("GET", "POST")
}


class App:
    """The whole main listener. `pages` are served without credentials: they hold no data of the tenant."""

    def __init__(self, service: Service, pages: Mapping[str, Page]) -> None:
        self._service = service
        self._pages = pages
        self._router = Router(routes=_starlette_routes(), default=_no_route, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        spans = Spans()
        CURRENT.set(spans)
        call = open_call(scope, receive, spans, self._service.tracer.flags)
        try:
            reply = await self._reply(call)
        except (Refused, Unavailable) as error:
            reply = _problem(call, problems.of_error(error, call.request_id), error)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request %s failed: %s %s", call.request_id, call.method, call.route)
            reply = _problem(call, problems.internal(call.request_id), None)
        if reply.rest is not None:
            await self._stream(call, reply, reply.rest, send)
            return
        self._count(call, reply)
        await send_reply(call, reply, send)

    async def _stream(self, call: Call, reply: Reply, rest: AsyncGenerator[bytes, None], send: Send) -> None:
        """Send an answer as it is made. One that breaks off has no end: the server closes its connection."""
        try:
            await send_stream(call, reply, rest, send)
        except (Refused, Unavailable) as error:
            reply.outcome = error.code
            log.warning("request %s broke off: %s: %s", call.request_id, call.route, error)
        except (ClientDisconnect, TimeoutError):
            reply.outcome = "disconnected"
        except Exception:
            reply.outcome = "internal"
            log.exception("request %s failed: %s %s", call.request_id, call.method, call.route)
        self._count(call, reply)

    async def _reply(self, call: Call) -> Reply:
        if self._service.drain.draining:
            raise ShuttingDown("this instance is going away; the next request reaches another one")
        raw_path = call.scope.get("raw_path") or call.scope["path"].encode()
        call.scope["raw_path"] = raw_path = raw_path.split(b"?")[0]
        page = self._pages.get(call.scope["path"])
        if page is not None:
            return _page(call, page)
        names = call.segments = paths.segments(raw_path)
        call.principal = self._service.keys.principal(call.headers)
        if len(names) == 6 and names[5] == "messages" and names[3] == "threads" and names[1] == "memories":
            route = _HOT.get(call.method)
            if route is not None and names[0] == paths.PREFIX:
                call.route = route.path
                call.params = {"memory": names[2], "thread": names[4]}
                return await run(route, call, self._service)
        return await self._routed(call)

    async def _routed(self, call: Call) -> Reply:
        """Let Starlette's router find the route; its endpoint leaves the reply in the scope."""
        call.scope["path"] = "/" + "/".join(call.segments)
        call.scope["memory.call"], call.scope["memory.service"] = call, self._service
        await self._router(call.scope, call.receive, _no_send)
        reply: Reply = call.scope["memory.reply"]
        return reply

    def _count(self, call: Call, reply: Reply) -> None:
        metrics = self._service.metrics
        seconds = perf_counter() - call.started
        metrics.requested(call.route, _method(call.method), reply.status)
        self._service.tracer.answered(call, reply, seconds)
        if call.memory is None:
            return
        memory = call.params["memory"]
        metrics.operated(memory, call.operation, reply.outcome, seconds)
        for outcome in call.outcomes:
            if outcome.evicted and not outcome.replayed and outcome.pos:
                metrics.evicted(memory, "window", outcome.evicted)
            if outcome.relief is not None and not outcome.replayed:
                metrics.evicted(memory, outcome.relief.strategy, outcome.relief.removed)
            if outcome.refreshed and not outcome.replayed:
                metrics.refreshed(memory)
            if outcome.cleaned is not None and outcome.cleaned.counted:
                metrics.cleaned(memory, outcome.cleaned.redacted, outcome.cleaned.excluded)


class _Endpoint:
    """All methods of one path."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes
        self._allow = ", ".join(sorted({*routes, *(["HEAD"] if "GET" in routes else [])}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call: Call = scope["memory.call"]
        route = self._routes.get("GET" if call.method == "HEAD" else call.method)
        call.route = next(iter(self._routes.values())).path
        if route is None:
            raise Refused("method_not_allowed", f"this path answers {self._allow}", allow=self._allow)
        call.params = scope["path_params"]
        scope["memory.reply"] = await run(route, call, scope["memory.service"])


def _starlette_routes() -> list[StarletteRoute]:
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    return [StarletteRoute(f"/{paths.PREFIX}{path}", _Endpoint(routes)) for path, routes in by_path.items()]


def _page(call: Call, page: Page) -> Reply:
    call.route = call.scope["path"]
    if call.method not in ("GET", "HEAD"):
        raise Refused("method_not_allowed", "this path answers GET, HEAD", allow="GET, HEAD")
    return page(call.headers.get(b"accept", b"").decode("latin-1"))


def _problem(call: Call, problem: problems.Problem, error: Refused | Unavailable | None) -> Reply:
    headers = [(name.encode(), value.encode()) for name, value in problems.headers(problem) if name != "content-type"]
    if isinstance(error, Refused):
        if "allow" in error.extra:
            headers.append((b"allow", str(error.extra["allow"]).encode()))
        if error.extra.get("replayed"):
            headers.append((b"idempotent-replayed", b"true"))
    body = msgspec.json.encode(problem)
    return Reply(problem.status, body, headers, problems.CONTENT_TYPE.encode(), problem.code)


async def _no_route(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refused("route_not_found", "there is no such route; GET /openapi.json lists them")


async def _no_send(message: Any) -> None:
    raise AssertionError("endpoints leave their reply in the scope")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _method(method: str) -> str:
    """A label from a closed set, whatever a client sends."""
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
