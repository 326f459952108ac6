"""HTTP: an ASGI application around `api`. Everything runs on one thread, because the engine holds the interpreter."""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from memory_vectors import VERSION, api, files, metrics, routes
from memory_vectors.catalog import Catalog
from memory_vectors.errors import EngineFailure, TooLarge, Unauthorized, VectorsError
from memory_vectors.limits import LIMITS
from memory_vectors.upkeep import Policy, Upkeep

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_JSON, _TEXT = b"application/json", b"text/plain; charset=utf-8"
_ABOUT = {
    "title": "memory-vectors - not Qdrant, but Qdrant's engine behind the REST calls that the memory service uses",
    "version": VERSION,
    "api": "part of Qdrant 1.18",
}
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class _Answer:
    endpoint: str
    body: bytes
    content_type: bytes = _JSON
    status: int = 200


_OPEN_PATHS = {
    "/": _Answer("/", _encoder.encode(_ABOUT)),
    "/healthz": _Answer("/healthz", b"healthz check passed", _TEXT),
    "/livez": _Answer("/livez", b"healthz check passed", _TEXT),
    "/readyz": _Answer("/readyz", b"all shards are ready", _TEXT),
}


class _ClientGone(Exception):
    """The connection was closed before the whole body had come."""


class Application:
    """The server over one catalog. Its lifespan runs the upkeep and closes the catalog."""

    def __init__(self, catalog: Catalog, api_key: str | None, policy: Policy) -> None:
        self._catalog = catalog
        self._api_key = api_key.encode() if api_key else None
        self._requests = metrics.Requests()
        self._upkeep = Upkeep(catalog, policy)
        self._removals: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        upkeep = asyncio.create_task(self._upkeep.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        upkeep.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upkeep
        self._catalog.close()
        if self._removals:
            await asyncio.wait(self._removals, timeout=1)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method, path = scope["method"], scope["raw_path"].decode("ascii", "replace")
        try:
            answer = await self._answer(method, path, scope, receive)
        except _ClientGone:
            return
        except VectorsError as error:
            answer = _refusal(error, started)
            if error.status >= 500:
                log.error("%s %s: %s", method, path, error, exc_info=error)
        except Exception:
            # The outermost seam: whatever else goes wrong must not take the other collections with it.
            log.exception("%s %s failed", method, path)
            answer = _refusal(EngineFailure("unexpected, see the log"), started)
        self._requests.add(method, answer.endpoint, answer.status, time.perf_counter() - started)
        headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})

    async def _answer(self, method: str, path: str, scope: Scope, receive: Receive) -> _Answer:
        """Serve one request, its body read only once its key is known to be right."""
        started = time.perf_counter()
        if path in _OPEN_PATHS and method in ("GET", "HEAD"):
            return _OPEN_PATHS[path]
        self._authenticate(scope["headers"])
        if path == "/metrics" and method == "GET":
            return _Answer(path, self._metrics(), _TEXT)
        route, parts = routes.match(method, path)
        try:
            body = await _read(scope["headers"], receive)
            return _Answer(route.template, self._result(route, parts, scope["query_string"], body, started))
        except VectorsError as error:
            error.endpoint = route.template
            raise

    def _result(
        self, route: routes.Route, parts: Mapping[str, str], query: bytes, body: bytes, started: float
    ) -> bytes:
        self._upkeep.last_request = time.monotonic()
        options = dict(parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True))
        api.check_query(options, route.query)
        result = route.handler(api.Call(self._catalog, parts, options, body))
        if isinstance(result, api.Leftover):
            self._remove_later(result)
            result = result.result
        return _encoder.encode({"result": result, "status": "ok", "time": time.perf_counter() - started})

    def _remove_later(self, leftover: api.Leftover) -> None:
        removal = asyncio.create_task(asyncio.to_thread(files.remove, leftover.folder))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    def _authenticate(self, headers: Headers) -> None:
        """Raise Unauthorized unless the key of the request is ours; an `api-key` header goes before a bearer token."""
        if self._api_key is None:
            return
        given = dict(headers)
        key, bearer = given.get(b"api-key"), given.get(b"authorization", b"")
        if key is None and bearer.startswith(b"Bearer "):
            key = bearer.removeprefix(b"Bearer ")
        if key is None:
            raise Unauthorized("Must provide an API key or an Authorization bearer token")
        if not hmac.compare_digest(key, self._api_key):
            raise Unauthorized("Invalid API key or JWT")

    def _metrics(self) -> bytes:
        states = [
            metrics.CollectionState(
                collection.name,
                collection.shard.points() if collection.fault is None else 0,
                collection.dead,
                collection.fault is None,
            )
            for collection in self._catalog
        ]
        return metrics.render(self._requests, states, self._upkeep.flushes, self._upkeep.compactions).encode()


async def _read(headers: Headers, receive: Receive) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be over the limit."""
    announced = dict(headers).get(b"content-length", b"0")
    _check_size(int(announced) if announced.isdigit() else 0)
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        _check_size(size)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_size(size: int) -> None:
    if size > LIMITS.body_bytes:
        raise TooLarge(f"JSON payload ({size} bytes) is larger than allowed (limit: {LIMITS.body_bytes} bytes).")


def _refusal(error: VectorsError, started: float) -> _Answer:
    """An error as Qdrant words it: JSON, but plain text where the key is wrong."""
    if isinstance(error, Unauthorized):
        return _Answer(error.endpoint, str(error).encode(), _TEXT, error.status)
    body = {"status": {"error": str(error)}, "time": time.perf_counter() - started}
    return _Answer(error.endpoint, _encoder.encode(body), status=error.status)
