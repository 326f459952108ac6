"""What a route is: a row of the table that the router, the OpenAPI document and the metrics are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory_service.errors import Fault
from memory_service.web import requests
from memory_service.web.readers import reader

if TYPE_CHECKING:
    from memory_service.web.service import Handler


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: one of `types`; `pick` tells from the raw value which one it means to be.

    An `optional` one may be left out, which says `{}`.
    """

    types: tuple[Any, ...]
    pick: Callable[[object], Any] | None = None
    optional: bool = False

    def read(self, raw: object, faults: list[Fault]) -> Any:
        """The typed value; faults are added."""
        chosen = self.pick(raw) if self.pick is not None else self.types[0]
        return reader(chosen)(raw, "", faults)


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path below /v1.

    `operation` labels metrics; `codes` are the refusals beyond those that any route may answer; `guarded` mutations
    of a thread or a document honour If-Match, Idempotency-Key and dry_run, `keyed` ones of more than one thread
    Idempotency-Key alone; `searches` honours Memory-Consistency.
    `lines` are the kinds of lines that a streamed body has, one JSON document each; an answer of several kinds is such
    a stream too.
    """

    method: str
    path: str
    operation: str
    summary: str
    handler: Handler
    answer: Any
    query: type[requests.Query] = requests.NoQuery
    body: Body | None = None
    lines: tuple[Any, ...] = ()
    codes: tuple[str, ...] = ()
    guarded: bool = False
    keyed: bool = False
    searches: bool = False
    status: int = 200

    @property
    def streams(self) -> bool:
        """Whether the answer is lines."""
        return isinstance(self.answer, tuple)
