"""An import under way: what it has brought so far, and the thread of which lines are still to come."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from memory_service.model.mutations import Cleaned, Outcome
from memory_service.model.values import Strategy
from memory_service.operations import lines
from memory_service.operations.lines import ThreadLine, WorkingMemoryLine
from memory_service.operations.messages import NewMessage

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

Mode = Literal["fail", "skip", "replace"]
"""What becomes of a thread, or an owner's document, that exists."""


class Numbered(NamedTuple):
    """A line, its number in the request, and its bytes without the newline."""

    number: int
    raw: bytes
    line: lines.AnyLine


@dataclass(slots=True)
class Tally:
    """How many were stored (of which `replaced` had been there), left alone, over already, evicted by a window."""

    imported: int = 0
    replaced: int = 0
    skipped: int = 0
    expired: int = 0
    evicted: int = 0


@dataclass(slots=True)
class Report:
    """What an import did so far. `resume_after` is where it would go on; `flushed` counts, by strategy, the messages
    that left by the flushes it made due.
    """

    resume_after: int
    lines: int = 0
    threads: Tally = field(default_factory=Tally)
    messages: Tally = field(default_factory=Tally)
    documents: Tally = field(default_factory=Tally)
    redacted: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    flushed: Counter[Strategy] = field(default_factory=Counter)
    last: Outcome | None = None

    def summary(self, memory: OpenMemory) -> Outcome:
        """Everything stored, as one outcome: for metrics, `flushed` aside, and for waiting until it is indexed."""
        private = memory.definition.spec.options.privacy is not None
        cleaned = Cleaned(self.redacted, tuple(self.excluded.items())) if private else None
        count, evicted = self.messages.imported, self.messages.evicted
        return replace(self.last or Outcome(), count=count, evicted=evicted, relief=None, cleaned=cleaned)


@dataclass(slots=True)
class Arriving:
    """A thread of which lines are still to come. `lands` is False where it is only read."""

    number: int
    line: ThreadLine
    lands: bool = True
    seen: int = 0
    expired: int = 0
    pending: list[NewMessage] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0
    bytes: int = 0
    excluded: list[str] = field(default_factory=list)
    redacted: int = 0
    document: WorkingMemoryLine | None = None
    document_number: int = 0
    token: str = field(default_factory=lambda: os.urandom(12).hex())
    staged: int = 0
    sent: int = 0

    @property
    def whole(self) -> bool:
        return self.seen == self.line.messages and self.line.working_memory == (self.document is not None)
