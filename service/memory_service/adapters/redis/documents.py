"""Working-memory documents: of a thread, living as long as it does, or of an owner."""

from __future__ import annotations

from typing import Final, NamedTuple

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.headers import decode_header
from memory_service.adapters.redis.reading import milliseconds
from memory_service.keys import DOCUMENT_ANSWERS, Keys, partition
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Outcome
from memory_service.model.values import IdempotencyKey, Writing
from memory_service.policies.retention import Policy

_DELETE, _DRY, _KEEP, _TOUCH = 1, 2, 4, 8
_ANSWERS: Final = tuple(f"r{turn}" for turn in range(DOCUMENT_ANSWERS))
_VERSION_BYTES: Final = 6


class DocumentOf(NamedTuple):
    """Whose document: a `thread`'s or an `owner`'s, and the name of either."""

    kind: str
    name: str


def document_of(thread: str | None, owner: str | None) -> DocumentOf:
    """Which document is meant. Raises ValueError unless exactly one of the two is given."""
    if thread is not None and owner is None:
        return DocumentOf("thread", thread)
    if owner is not None and thread is None:
        return DocumentOf("owner", owner)
    raise ValueError("a document belongs to a thread or to an owner: give exactly one")


class Documents:
    """One memory's working-memory documents."""

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy

    async def get(self, place: DocumentOf) -> WorkingDocument:
        """The document, or an empty one with version 0."""
        content, version, updated = await self._fields(place, "content", "version", "updated")
        if content is None or version is None or updated is None:
            return WorkingDocument()
        return WorkingDocument(content, int(version), int(updated))

    async def at(self, version: int, place: DocumentOf) -> bytes | None:
        """The content that a keyed change left at that version; None when too much happened since."""
        content, now, *kept = await self._fields(place, "content", "version", *_ANSWERS)
        if now is not None and int(now) == version:
            return content
        for answer in kept:
            if answer is not None and int.from_bytes(answer[:_VERSION_BYTES], "little") == version:
                return answer[_VERSION_BYTES:]
        return None

    async def set(
        self, content: bytes | None, place: DocumentOf, *, if_match: int | None, ttl_ms: int | None, how: Writing
    ) -> Outcome:
        """Replace the document, or delete it (content None). The outcome's version is the document's."""
        digest, body = codec.digests(how.key) if how.key is not None and not how.dry_run else (b"", b"")
        flags = (content is None) * _DELETE | how.dry_run * _DRY | (how.keep and digest != b"") * _KEEP
        seen = -1 if if_match is None else if_match
        return await self._run(place, digest, [seen, ttl_ms or 0, flags, body, content or b""])

    async def touch(self, owner: str, ttl_ms: int) -> bool:
        """Refresh an owner's document after a read; True when its expiry moved."""
        return (await self._run(DocumentOf("owner", owner), b"", [-1, ttl_ms, _TOUCH, b"", b""])).refreshed

    async def _run(self, place: DocumentOf, digest: bytes, what: list[Argument]) -> Outcome:
        kind, name = place
        where: list[Argument] = [codec.pack_policy(self._policy), digest, kind, name, partition(name)]
        epoch, raw = await self._connection.run("document", [self._keys.memory], where + what, write=True)
        return codec.decode_document_outcome(raw, epoch.decode(), self._policy)

    async def answered(self, key: IdempotencyKey) -> Outcome | None:
        """What was answered to a change of a document under this key."""
        args: list[Argument] = ["", *codec.digests(key)]
        epoch, raw = await self._connection.run("answered", [self._keys.memory], args, write=True)
        return None if raw is None else codec.decode_document_outcome(raw, epoch.decode(), self._policy)

    async def _fields(self, place: DocumentOf, *names: str) -> list[bytes | None]:
        """Some fields of a document that lives; None each where there is none."""
        kind, name = place
        key = self._keys.key("document" if kind == "thread" else "owner_document", name)
        header = self._keys.header(name) if kind == "thread" else self._keys.memory
        clock, raw, fields = await self._connection.pipeline([("TIME",), ("GET", header), ("HMGET", key, *names)])
        if kind == "thread" and not _lives(raw, milliseconds(clock)):
            return [None] * len(names)
        found: list[bytes | None] = fields
        return found


def _lives(raw: bytes | None, now: int) -> bool:
    if raw is None:
        return False
    expires_at = decode_header(raw).expires_at
    return expires_at is None or expires_at > now
