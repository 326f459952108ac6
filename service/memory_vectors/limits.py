"""The limits that are stated in docs/memory-vectors.md and enforced before anything is written."""

from dataclasses import dataclass

from memory_vectors.errors import BadRequest


@dataclass(frozen=True)
class Limits:
    body_bytes: int = 32 * 2**20
    collections: int = 256
    points: int = 10_000
    """Points, ids or payload updates in one request."""
    results: int = 10_000
    """`limit` plus `offset` of a query, and `limit` of a page."""
    queries: int = 100
    """Queries in one batch."""
    prefetches: int = 16
    """Prefetches of one query, nested ones included."""
    payload_depth: int = 64
    """Objects and lists inside one another; the engine could not read its log back beyond 121."""
    filter_depth: int = 8
    """Filters inside filters; the same log holds them."""
    conditions: int = 1_000
    """Conditions of one filter, nested ones included."""
    vectors: int = 16
    """Named vectors of one collection."""
    alias_actions: int = 100
    free_bytes: int = 128 * 2**20
    """Free disk below which writes are refused: the engine maps its files, and a full disk would kill the process."""
    vector_norm: float = 1e19
    """Length of a vector: its square must fit a 32-bit float, or similarities become infinite."""


LIMITS = Limits()


def within(count: int, limit: int, name: str) -> None:
    """Raise BadRequest when `count` of what `name` says is over `limit`."""
    if count > limit:
        raise BadRequest(f'Limit exceeded {count} > {limit} for "{name}"')
