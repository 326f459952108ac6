"""Requests of several steps under an idempotency key: who works on one now, and what was answered."""

from __future__ import annotations

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.keys import Keys
from memory_service.model.values import IdempotencyKey, Reservation


class Reservations:
    """One memory's reservations. `token` (8 bytes) names the caller."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def take(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> Reservation:
        """Reserve a key, unless it was answered or somebody holds it."""
        state, *answer = await self._run("take", key, token, lease_ms)
        return Reservation(state.decode(), *answer)

    async def renew(self, key: IdempotencyKey, token: bytes, lease_ms: int) -> bool:
        """Hold it longer; False when it was lost."""
        return await self._run("renew", key, token, lease_ms) == [b"done"]

    async def keep(self, key: IdempotencyKey, token: bytes, answer: bytes) -> bool:
        """End it with an answer that is kept; False when it was lost."""
        return await self._run("keep", key, token, answer) == [b"done"]

    async def drop(self, key: IdempotencyKey, token: bytes) -> None:
        """End it without one, so that the request may be made again at once."""
        await self._run("drop", key, token, b"")

    async def _run(self, what: str, key: IdempotencyKey, token: bytes, more: Argument) -> list[bytes]:
        args: list[Argument] = [what, *codec.digests(key), token, more]
        reply: list[bytes] = await self._connection.run("reserve", [self._keys.memory], args, write=True)
        return reply
