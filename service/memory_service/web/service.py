"""What the HTTP floor is given by the composition root: one frozen value, no globals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from memory_service.metrics import Metrics
from memory_service.operations.health import Worker
from memory_service.operations.monitor import Monitor
from memory_service.operations.registry import Registry
from memory_service.web.tracing import NoTracer, Tracer

if TYPE_CHECKING:
    from memory_service.web.call import Call, Reply


class Keys(Protocol):
    """Who may ask, by the headers of a request. Raises Refused `unauthenticated` or `forbidden`."""

    def principal(self, headers: Mapping[bytes, bytes]) -> str: ...


@dataclass(slots=True)
class Drain:
    """Set when the process is going away: requests that come now are sent elsewhere."""

    draining: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a handler may need beyond its memory."""

    registry: Registry
    monitor: Monitor
    worker: Worker
    keys: Keys
    metrics: Metrics
    drain: Drain = field(default_factory=Drain)
    tracer: Tracer = field(default_factory=NoTracer)
    pod: str = ""


Handler = Callable[["Call", Service], Awaitable["Reply"]]
