"""What leaves a memory whole, and comes into one in parts: the side of the log that exports and imports see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from memory_service.adapters.redis.codec import pack_staged
from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.headers import decode_header
from memory_service.adapters.redis.reading import facts_of, is_whole, message_numbers
from memory_service.keys import Keys
from memory_service.model.archive import OwnerDocument, Snapshot
from memory_service.model.facts import WorkingDocument
from memory_service.model.values import Draft
from memory_service.policies.retention import Policy

OWN: Final = Policy()
"""Of no memory: what a thread sets for itself stays as it is."""
STAGED_MS: Final = 120_000
"""How long parts of a thread wait for the next one; what an import leaves behind is gone after that."""


class Archive:
    """Whole threads and documents of one memory."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def born(self, after: int, most: int) -> list[tuple[int, str]]:
        """Incarnations greater than `after` and their threads, in order of creation."""
        entries = await self._connection.call("XRANGE", self._keys.key("created"), f"({after}-0", "+", "COUNT", most)
        return [(int(entry[0].split(b"-")[0]), entry[1][1].decode()) for entry in entries]

    async def snapshot(self, thread: str, most_bytes: int) -> Snapshot | None:
        """The thread as it is, with its messages where they have at most `most_bytes`; None when it is absent."""
        keys = [self._keys.memory, self._keys.header(thread)]
        raw, now, *rest = await self._connection.run("snapshot", keys, [most_bytes], write=False)
        if raw is None:
            return None
        header = decode_header(raw)
        if header.expires_at is not None and header.expires_at <= now:
            return None
        settings, document, *content = rest
        facts = facts_of(thread, header, settings, now, OWN)
        over = 0 if header.pinned else now  # while a thread is pinned none of its messages expires
        messages, expiries, damaged = _living(content, over) if content else (None, {}, 0)
        return Snapshot(
            facts=facts,
            ttl_ms=header.ttl if header.own_ttl else None,
            expires_at=header.expires or None,
            last_seq=header.seq,
            messages=messages,
            expiries=expiries,
            expiring=header.next_due != 0,
            corrupted=damaged,
            document=_document(document),
        )

    async def expiries(self, thread: str, seqs: Sequence[int]) -> dict[int, int]:
        """The messages' own expiries, of those that have one."""
        scores = await self._connection.call("ZMSCORE", self._keys.key("due", thread), *seqs)
        return {seq: int(float(score)) for seq, score in zip(seqs, scores, strict=True) if score is not None}

    async def documents(self, owners: Sequence[str]) -> list[OwnerDocument]:
        """Those owners' working memory, of the owners that have one now."""
        keys = [self._keys.key("owner_document", owner) for owner in owners]
        commands: list[tuple[str, ...]] = []
        for key in keys:
            commands += [("HMGET", key, "content", "version", "updated"), ("PEXPIRETIME", key)]
        replies = await self._connection.pipeline(commands) if commands else []
        rows = zip(owners, map(_document, replies[::2]), replies[1::2], strict=True)
        return [
            OwnerDocument(owner, document, at if at > 0 else None) for owner, document, at in rows if document.version
        ]

    async def stage(self, token: str, drafts: Sequence[Draft]) -> int:
        """Keep a part of a thread's messages under a token; answers how many it holds."""
        args: list[Argument] = [token, STAGED_MS, *map(pack_staged, drafts)]
        held: int = await self._connection.run("stage", [self._keys.memory], args, write=True)
        return held


def _living(content: Sequence[Any], over: int) -> tuple[list[bytes], dict[int, int], int]:
    """Messages in order of seq without those whose time was `over`, the expiries of the others, and damaged entries."""
    log, system, flat = content
    expiries = {int(seq): int(float(at)) for seq, at in zip(flat[::2], flat[1::2], strict=True)}
    entries = log + system
    messages = [entry for entry in entries if is_whole(entry)]
    damaged = len(entries) - len(messages)
    if system:
        messages.sort(key=_seq)
    if expiries:
        messages = [message for message in messages if expiries.get(_seq(message), over + 1) > over]
    return messages, {seq: at for seq, at in expiries.items() if at > over}, damaged


def _document(fields: Sequence[bytes | None] | None) -> WorkingDocument:
    content, version, updated = fields or (None, None, None)
    if version is None:
        return WorkingDocument()
    return WorkingDocument(content or b"", int(version), int(updated or 0))


def _seq(message: bytes) -> int:
    return message_numbers(message)[1]
