"""The errors that operations and their callers tell apart.

ServiceError
|-- Refused              the request cannot be done as asked; `code` is one of api.md's, nothing was written
|-- TextRefused          a text that the embedder will never take
|-- SummaryFailed        a model made no summary; a rule makes one
`-- Unavailable          a part this needs did not answer; trying again may help
    |-- StorageUnavailable    Redis; `outcome_unknown` when a write may have happened
    |-- StorageFull           Redis is out of memory: writes are refused, reads work
    |-- VectorUnavailable     the vector store
    |-- EmbedderUnavailable   the embedder, or the worker that runs it
    |-- DefinitionNotLoaded   a declared memory whose definition is not read yet, or cannot be served
    |-- ShuttingDown          this instance is draining
    `-- Timeout               what was waited for did not come true in time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ServiceError(Exception):
    """Base of everything an operation raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where (`/messages/0/role`, `query:limit`), which code, and the remedy."""

    path: str
    code: str
    message: str


class Refused(ServiceError):
    """The request is understood and refused; nothing was written.

    `faults` lists every problem at once where there are several; the first one's code is the answer's code.
    """

    def __init__(self, code: str, detail: str, faults: Sequence[Fault] = (), **extra: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.extra = extra


class Unavailable(ServiceError):
    """A part that this request needs is away. `reason` is a CamelCase constant of memory_crd.status."""

    code = "storage_unavailable"

    def __init__(self, detail: str, *, reason: str = "Unreachable", outcome_unknown: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.outcome_unknown = outcome_unknown
        self.extra: dict[str, object] = {}


class StorageUnavailable(Unavailable):
    """Redis did not answer, or the connection broke after a write was sent (`outcome_unknown`)."""

    code = "storage_unavailable"


class StorageFull(Unavailable):
    """Redis refused a write for lack of memory; nothing was written."""

    code = "storage_full"


class VectorUnavailable(Unavailable):
    """The vector store did not answer in time."""

    code = "vector_unavailable"


class EmbedderUnavailable(Unavailable):
    """No vector could be had for a text: the worker or the embedding endpoint is away or misconfigured."""

    code = "embedder_unavailable"


class TextRefused(ServiceError):
    """The embedder cannot make a vector of a text, however often it is tried."""


class SummaryFailed(ServiceError):
    """No usable summary came from the model. `reason` is a CamelCase constant of memory_crd.status."""

    def __init__(self, detail: str, *, reason: str = "Unreachable") -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class DefinitionNotLoaded(Unavailable):
    """The memory is declared, but its definition is not read yet or cannot be served."""

    code = "definition_not_loaded"


class ShuttingDown(Unavailable):
    """This instance is draining; another one answers."""

    code = "shutting_down"


class Timeout(Unavailable):
    """What was asked for did not come true in the time given (`consistency=strong`)."""

    code = "timeout"
