"""Working-memory documents: of a thread, living as long as it does, or of an owner."""

from __future__ import annotations

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.headers import decode_header
from memory_service.adapters.redis.reading import milliseconds
from memory_service.keys import Keys, partition
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Outcome
from memory_service.policies.retention import Policy


class Documents:
    """One memory's working-memory documents."""

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy

    async def get(self, *, thread: str | None, owner: str | None) -> WorkingDocument:
        """The document, or an empty one with version 0."""
        kind, name = _place(thread, owner)
        key = self._keys.key("document" if thread is not None else "owner_document", name)
        header = self._keys.header(name) if thread is not None else self._keys.memory
        clock, raw, fields = await self._connection.pipeline(
            [("TIME",), ("GET", header), ("HMGET", key, "content", "version", "updated")]
        )
        content, version, updated = fields
        if version is None or (kind == "thread" and not _lives(raw, milliseconds(clock))):
            return WorkingDocument()
        return WorkingDocument(content, int(version), int(updated))

    async def set(
        self, content: bytes | None, *, thread: str | None, owner: str | None, if_match: int | None, ttl_ms: int | None
    ) -> Outcome:
        """Replace the document, or delete it (content None). The outcome's version is the document's."""
        kind, name = _place(thread, owner)
        seen = -1 if if_match is None else if_match
        args: list[Argument] = [codec.pack_policy(self._policy), kind, name, partition(name), seen, ttl_ms or 0]
        args += ["0", b""] if content is None else ["1", content]
        epoch, raw = await self._connection.run("document", [self._keys.memory], args, write=True)
        outcome = codec.decode_outcome(raw, epoch.decode(), self._policy)
        if not isinstance(outcome, Outcome):
            raise outcome
        return outcome


def _place(thread: str | None, owner: str | None) -> tuple[str, str]:
    """Which document is meant. Raises ValueError unless exactly one of the two is given."""
    if thread is not None and owner is None:
        return "thread", thread
    if owner is not None and thread is None:
        return "owner", owner
    raise ValueError("a document belongs to a thread or to an owner: give exactly one")


def _lives(raw: bytes | None, now: int) -> bool:
    if raw is None:
        return False
    expires_at = decode_header(raw).expires_at
    return expires_at is None or expires_at > now
