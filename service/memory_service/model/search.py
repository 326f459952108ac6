"""What is asked of the vector index, what it proposes, and what it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the vector store proposes: a message of one incarnation of a thread."""

    thread: str
    incarnation: int
    seq: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose threads may come back: one thread, one owner's, the ownerless (`owner` None), both, or all (`any_owner`).

    A thread with an owner passes only for that owner, also when it is the `thread` named here.
    """

    thread: str | None = None
    owner: str | None = None
    ownerless: bool = True
    any_owner: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A candidate that is alive at the instant of the check: its stored bytes and those of its neighbours, in order."""

    candidate: Candidate
    owner: str | None
    message: bytes
    before: list[bytes]
    after: list[bytes]


@dataclass(frozen=True, slots=True)
class SparseVector:
    """A BM25 vector: term ids and their weights, of equal length. Empty when a text has no indexable word."""

    indices: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """A question as vectors. What could not be made is None: `reason` (of memory_crd.status) and `message` say why."""

    dense: tuple[float, ...] | None = None
    sparse: SparseVector | None = None
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """One field that a recalled message must match: any of some values, or a range. Filters of a recall are ANDed.

    `key` is `role`, `timestamp` (milliseconds) or a declared metadata key; `metadata` tells the last from the others.
    Datetimes arrive as milliseconds. An empty `any_of` means a range.
    """

    key: str
    metadata: bool = False
    any_of: tuple[str | int | float | bool, ...] = ()
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask of the vector index: by meaning (`dense`), by words (`sparse`), or both; `limit` of each.

    `exclude` holds message ids that must not come back.
    """

    audience: Audience
    dense: tuple[float, ...] | None = None
    sparse: SparseVector | None = None
    filters: tuple[FieldFilter, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int = 40


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the index proposes, best first: (candidate, cosine) for all, (candidate, BM25 score) for word matches."""

    dense: tuple[tuple[Candidate, float], ...] = ()
    keyword: tuple[tuple[Candidate, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One message as the vector index keeps it. `metadata` holds declared keys only; `timestamp` is milliseconds."""

    candidate: Candidate
    owner: str | None
    role: str
    timestamp: int
    metadata: dict[str, object]
    dense: Sequence[float] | None
    sparse: SparseVector | None


@dataclass(frozen=True, slots=True)
class Removals:
    """What the index must forget, and the owners it must learn, after coalescing; all of it idempotent.

    `gone` are incarnations; `cuts` are (incarnation, upto): every seq <= upto; `candidates` are single messages;
    `owners` are (incarnation, owner).
    """

    gone: tuple[int, ...] = ()
    cuts: tuple[tuple[int, int], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    owners: tuple[tuple[int, str], ...] = ()
