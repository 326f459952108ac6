"""Where the time of a request went: storage, vector, embedder.

Ports are wrapped once; the request that a call belongs to is known by a context variable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from time import perf_counter
from typing import Any, Final, Literal, TypeVar

Part = Literal["storage", "vector", "embedder"]
Port = TypeVar("Port")


class Spans:
    """Seconds spent waiting for each part while one request was served."""

    __slots__ = ("embedder", "storage", "vector")

    def __init__(self) -> None:
        self.storage = self.vector = self.embedder = 0.0

    def header(self) -> bytes:
        """As a Server-Timing header: milliseconds."""
        return b"storage;dur=%.3f, vector;dur=%.3f, embedder;dur=%.3f" % (
            self.storage * 1e3,
            self.vector * 1e3,
            self.embedder * 1e3,
        )


CURRENT: Final[ContextVar[Spans | None]] = ContextVar("spans", default=None)


class _Timed:
    """Forwards to a port and adds each call's time to the current request's Spans."""

    def __init__(self, port: object, part: Part) -> None:
        self._port, self._part = port, part

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)
        if callable(inner):
            inner = _timed(inner, self._part)
            setattr(self, name, inner)  # the next look-up finds it without coming here
        return inner


def timed(port: Port, part: Part) -> Port:
    """The same port, timed."""
    wrapper: Any = _Timed(port, part)
    return wrapper  # type: ignore[no-any-return]


def _timed(method: Callable[..., Awaitable[Any]], part: Part) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        spans = CURRENT.get()
        if spans is None:
            return await method(*args, **kwargs)
        since = perf_counter()
        try:
            return await method(*args, **kwargs)
        finally:
            setattr(spans, part, getattr(spans, part) + perf_counter() - since)

    return call
