"""The door to a Redis server: opens memories on one shared connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from memory_service.adapters.redis.connection import Connection, Target
from memory_service.adapters.redis.outbox import RedisOutbox
from memory_service.adapters.redis.store import RedisThreadStore
from memory_service.adapters.redis.waking import Waker
from memory_service.keys import Keys
from memory_service.policies.retention import Policy

if TYPE_CHECKING:
    from memory_crd.options import Options


class RedisStores:
    """One Redis server and one tenant's memories on it. Nothing is connected before the first call.

    `open` does no I/O and may be called again with other options; stores of one memory agree through Redis alone.
    """

    def __init__(self, target: Target, *, tenant: str, name: str = "memory") -> None:
        self._tenant = tenant
        self._connection = Connection(target, name=name)
        self._blocking = Connection(target, name=f"{name}-blocking")
        self._waker = Waker(self._blocking, self._connection)

    def open(self, memory_id: str, options: Options) -> tuple[RedisThreadStore, RedisOutbox]:
        """A memory's log, from the side of its callers and of its worker."""
        return self.open_with(memory_id, Policy.of(options))

    def open_with(self, memory_id: str, policy: Policy) -> tuple[RedisThreadStore, RedisOutbox]:
        """The same with a policy in plain numbers."""
        keys = Keys.of(self._tenant, memory_id)
        store = RedisThreadStore(self._connection, keys, policy)
        return store, RedisOutbox(self._connection, keys, policy, store, self._waker)

    async def ping(self) -> float:
        """Milliseconds of a round trip. Raises StorageUnavailable with the reason."""
        started = time.perf_counter()
        await self._connection.ready()
        return (time.perf_counter() - started) * 1_000

    async def close(self) -> None:
        """Close the connections; calls in flight fail."""
        await self._waker.close()
        await self._blocking.close()
        await self._connection.close()
