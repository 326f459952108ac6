"""What leaves a memory whole, and comes into one whole: threads and documents of an export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from memory_service.model.facts import Facts, WorkingDocument

NO_DOCUMENT: Final = WorkingDocument()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A thread at one instant.

    `ttl_ms` is its own time to live: 0 for none ever, None where it follows the memory's. `expires_at` is the stored
    expiry, which a pin suspends. `messages` are stored bytes in order, None where they are more than was asked for:
    then they are those of the incarnation up to `last_seq`. `corrupted` counts entries that were passed over.
    `expiries` are the messages' own, by seq; where `messages` is None, `expiring` only says that there are some.
    """

    facts: Facts
    ttl_ms: int | None
    expires_at: int | None
    last_seq: int
    messages: list[bytes] | None
    expiries: dict[int, int] = field(default_factory=dict)
    expiring: bool = False
    corrupted: int = 0
    document: WorkingDocument = NO_DOCUMENT


@dataclass(frozen=True, slots=True)
class OwnerDocument:
    """An owner's working memory, and when it expires."""

    owner: str
    document: WorkingDocument
    expires_at: int | None
