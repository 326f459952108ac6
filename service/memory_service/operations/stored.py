"""What operations need to know of a stored message, read from the bytes that the service itself wrote."""

from __future__ import annotations

import msgspec


class StoredMessage(msgspec.Struct, frozen=True):
    """One message of the log, decoded."""

    tokens: int
    id: str
    role: str
    content: str
    timestamp: str
    metadata: dict[str, object] = {}


_decoder = msgspec.json.Decoder(StoredMessage)


def decode(message: bytes) -> StoredMessage:
    """A stored message from its bytes."""
    return _decoder.decode(message)


def decoded(message: bytes) -> StoredMessage | None:
    """A stored message, or None for bytes that are damaged inside: one such entry must not hide the others."""
    try:
        return _decoder.decode(message)
    except msgspec.MsgspecError:
        return None
