"""PURE: the four store workloads, one row each.

`in-memory` is the same Redis and Qdrant without a volume, in workloads of their own (crds.md, decision 7).
"""

from dataclasses import dataclass
from typing import Final

from memory_crd import names


@dataclass(frozen=True)
class Store:
    """One store workload: its name, whether it keeps a volume, and what a definition says to need it."""

    name: str
    component: str
    durable: bool
    slot: str
    use: str


REDIS: Final = Store(names.REDIS, names.COMPONENT_REDIS, True, "storage", "redis")
REDIS_EPHEMERAL: Final = Store(names.REDIS_EPHEMERAL, names.COMPONENT_REDIS_EPHEMERAL, False, "storage", "in-memory")
QDRANT: Final = Store(names.QDRANT, names.COMPONENT_QDRANT, True, "vector", "qdrant")
QDRANT_EPHEMERAL: Final = Store(names.QDRANT_EPHEMERAL, names.COMPONENT_QDRANT_EPHEMERAL, False, "vector", "in-memory")
STORES: Final = (REDIS, REDIS_EPHEMERAL, QDRANT, QDRANT_EPHEMERAL)
