"""The right to work on one partition, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from memory_service.errors import ServiceError, Unavailable
from memory_service.model.values import PARTITIONS
from memory_service.ports import Outbox

LEASE_MS: Final = 15_000
RENEW_BELOW_MS: Final = 10_000
"""Less than this left: renew before the next step. A vector call ends within 4 s, so it never outlives the lease."""

UPKEEP: Final = PARTITIONS
"""The lease, beside those of the partitions, of whoever sets up, audits or migrates a memory's collection."""


class LeaseLost(ServiceError):
    """Another worker has the partition now; what was not acknowledged is its work."""


class Lease:
    """A partition's lease, held while it is open. `clock` is in seconds and never goes back."""

    def __init__(self, outbox: Outbox, partition: int, token: str, clock: Callable[[], float]) -> None:
        self._outbox = outbox
        self._partition = partition
        self.token = token
        self._clock = clock
        self._until = 0.0

    async def __aenter__(self) -> Self:
        """Take it. Raises LeaseLost when somebody else has it."""
        await self._take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back, so that another worker need not wait for its end."""
        try:
            await self._outbox.release(self._partition, self.token)
        except Unavailable:
            return  # it ends by itself

    async def keep(self) -> None:
        """Make sure that it lasts through the next step. Raises LeaseLost."""
        if (self._until - self._clock()) * 1000 < RENEW_BELOW_MS:
            await self._take()

    async def _take(self) -> None:
        asked = self._clock()
        if not await self._outbox.lease(self._partition, self.token, ttl_ms=LEASE_MS):
            raise LeaseLost(f"another worker has partition {self._partition}")
        self._until = asked + LEASE_MS / 1000
