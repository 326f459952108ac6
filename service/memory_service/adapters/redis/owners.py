"""Owners of one memory: whom there is, whose threads there are, and taking everything of one away."""

from __future__ import annotations

from typing import Final

from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.keys import Keys
from memory_service.model.facts import Forgotten, Owner

STEP: Final = 200
"""Threads, and backups, of one script."""


class Owners:
    """The owners of one memory."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def page(self, *, after: str | None, limit: int) -> tuple[list[Owner], bool]:
        """Owners in order of name, and whether there are more."""
        low = "-" if after is None else f"({after}"
        found = await self._connection.call("ZRANGEBYLEX", self._keys.key("owners"), low, "+", "LIMIT", 0, limit + 1)
        names = [name.decode() for name in found[:limit]]
        if not names:
            return [], False
        counts = await self._connection.pipeline(
            [
                command
                for name in names
                for command in (
                    ("ZCARD", self._keys.key("owned", name)),
                    ("EXISTS", self._keys.key("owner_document", name)),
                )
            ]
        )
        pairs = zip(names, counts[::2], counts[1::2], strict=True)
        return [Owner(name, threads, bool(document)) for name, threads, document in pairs], len(found) > limit

    async def threads(self, owner: str) -> list[tuple[str, int]]:
        """Every thread of an owner, and its incarnation."""
        rows = await self._connection.call("ZRANGE", self._keys.key("owned", owner), 0, -1, "WITHSCORES")
        return [(row[0].decode(), int(float(row[1]))) for row in rows]

    async def forget(self, owner: str, *, cursor: int, erase: bool) -> Forgotten:
        """One bounded step: up to STEP threads, the owner's document, up to STEP backups from `cursor` on."""
        args: list[Argument] = ["1" if erase else "0", owner, STEP, cursor]
        messages, documents, backups, left, after, pos, *gone = await self._connection.run(
            "forget", [self._keys.memory], args, write=True
        )
        return Forgotten(messages, documents, backups, left, None if after < 0 else after, pos, tuple(gone))
