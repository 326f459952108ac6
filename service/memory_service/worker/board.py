"""What the parts of one memory answered last; `/checks` and the status conditions come from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from memory_crd.status import Reason

from memory_service.errors import Unavailable
from memory_service.model.facts import Check

Part = Literal["vector", "embedder", "index"]
PENDING: Final = Check("degraded", Reason.LOADING, "not tried yet")


@dataclass(slots=True)
class Board:
    """The latest check of each part. A part that failed stays failed until it works again."""

    vector: Check = PENDING
    embedder: Check = PENDING
    index: Check = PENDING
    reindexing: bool = field(default=False)
    """A new collection is being filled: the serving one cannot be asked by meaning."""

    def worked(self, part: Part, latency_ms: float | None = None, message: str = "") -> None:
        """The part did what it was asked; without a time of this answer the last one known stays."""
        before: Check = getattr(self, part)
        setattr(self, part, Check("ok", Reason.OK, message, before.latency_ms if latency_ms is None else latency_ms))

    def failed(self, part: Part, error: Unavailable) -> None:
        """The part did not; `error` has the reason."""
        setattr(self, part, Check("failed", error.reason, error.detail))

    def degraded(self, part: Part, reason: str, message: str) -> None:
        """The part works, and not as it should."""
        setattr(self, part, Check("degraded", reason, message))

    def checks(self) -> dict[Part, Check]:
        """All parts, as health reports them."""
        return {"vector": self.vector, "embedder": self.embedder, "index": self.index}
