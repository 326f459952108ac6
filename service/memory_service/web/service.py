"""What the HTTP floor is given by the composition root: one frozen value, no globals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from memory_service.errors import Refused
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


MAX_TRANSFERS: Final = 2


@dataclass(slots=True)
class Transfers:
    """Exports and imports of this process: a few at a time, so that they leave it to those who wait for an answer."""

    under_way: int = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises Refused `busy` when none is free."""
        if self.under_way >= MAX_TRANSFERS:
            raise Refused("busy", f"{MAX_TRANSFERS} exports or imports run here already; try again in a moment")
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a handler may need beyond its memory."""

    registry: Registry
    monitor: Monitor
    worker: Worker
    keys: Keys
    metrics: Metrics
    drain: Drain = field(default_factory=Drain)
    transfers: Transfers = field(default_factory=Transfers)
    tracer: Tracer = field(default_factory=NoTracer)
    pod: str = ""


Handler = Callable[["Call", Service], Awaitable["Reply"]]
