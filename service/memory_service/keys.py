"""The one grammar of names: thread ids, owners, message ids, and every Redis key of a memory. Pure.

A key is `{<namespace>/<memory>}:` and one of KINDS, then a name where the kind has many. The tag in braces keeps a
memory on one slot and inside the tenant's ACL pattern. Scripts get the same kinds as constants.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from memory_crd import names

from memory_service.model.values import PARTITIONS

_THREAD = re.compile(r"(?!__)(?!\.+\Z)[A-Za-z0-9_:\-@.]{1,255}(?<!__)", re.ASCII)
_OWNER = re.compile(r"[A-Za-z0-9_:\-@.|+=~]{1,255}", re.ASCII)
_STORED = re.compile(rb'\{"tokens":\d+,"id":"(\d+)-(\d+)"')
_MESSAGE_ID = re.compile(r"([1-9][0-9]{0,14})-([1-9][0-9]{0,9})", re.ASCII)

IDEMPOTENCY_BUCKET_MS: Final = 12 * 3_600_000
"""Idempotency records are kept in hashes of this span, each gone IDEMPOTENCY_KEPT_MS after its end."""
IDEMPOTENCY_KEPT_MS: Final = 24 * 3_600_000

DOCUMENT_ANSWERS: Final = 4
"""How many answers of keyed merges a working-memory document keeps beside itself."""

KINDS: Final = {
    "memory": "mem",
    "header": "t:",
    "settings": "s:",
    "log": "l:",
    "system": "y:",
    "document": "w:",
    "owner_document": "ow:",
    "due": "x:",
    "accesses": "lru:",
    "summarising": "sum:",
    "owned": "o:",
    "expiries": "exp",
    "ids": "lex",
    "created": "cr",
    "message_expiries": "mx",
    "owners": "owners",
    "owner_expiries": "oexp",
    "outbox": "out:",
    "lease": "lease:",
    "dead": "dead",
    "expired": "expired",
    "idempotency": "i:",
    "backup": "b:",
    "backups": "backups",
    "rate": "rate",
    "staged": "im:",
    "stagings": "imports",
}
"""Kind -> what follows the tag; a kind that ends in a colon is followed by a name."""


def valid_thread(text: str) -> bool:
    """1-255 of `A-Z a-z 0-9 _ : - @ .`, no `__` at either end, not only dots; matched in full, never repaired."""
    return _THREAD.fullmatch(text) is not None


def valid_owner(text: str) -> bool:
    """1-255 of `A-Z a-z 0-9 _ : - @ . | + = ~`; matched in full."""
    return _OWNER.fullmatch(text) is not None


def parse_message_id(text: str) -> tuple[int, int] | None:
    """(incarnation, seq) of `<incarnation>-<seq>`; None when it is no message id."""
    match = _MESSAGE_ID.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def stored_numbers(message: bytes) -> tuple[int, int] | None:
    """(incarnation, seq) of a message as it is stored; None for what does not begin like one."""
    match = _STORED.match(message)
    return (int(match[1]), int(match[2])) if match else None


def partition(thread: str) -> int:
    """The outbox partition of a thread: always the same one, so its entries stay in order."""
    return zlib.crc32(thread.encode()) % PARTITIONS


@dataclass(frozen=True, slots=True)
class Keys:
    """The physical keys of one memory."""

    prefix: str

    @classmethod
    def of(cls, tenant: str, memory_id: str) -> Keys:
        """Keys of a memory of a tenant. Neither may hold `/` or `}`, which keeps two memories apart."""
        return cls(names.redis_tag(tenant, memory_id) + ":")

    def key(self, kind: str, name: str | int = "") -> str:
        """A key of one of KINDS. Raises KeyError for a kind that does not exist."""
        return f"{self.prefix}{KINDS[kind]}{name}"

    @property
    def memory(self) -> str:
        """The memory's counters: epoch, position, threads, messages, tokens, bytes."""
        return self.prefix + KINDS["memory"]

    def header(self, thread: str) -> str:
        """The thread's header."""
        return f"{self.prefix}{KINDS['header']}{thread}"

    def outboxes(self) -> list[str]:
        """The outbox streams, in order of partition."""
        return [self.key("outbox", number) for number in range(PARTITIONS)]
