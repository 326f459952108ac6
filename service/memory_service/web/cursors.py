"""Page cursors: opaque to clients, and bound to what they continue.

A cursor used for another list is refused, not guessed at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from memory_service.errors import Fault, Refused


def write(*parts: str | int) -> str:
    """A cursor that carries these parts."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def read(cursor: str, *expected: str | int, kinds: Sequence[type]) -> list[str | int]:
    """The parts after the expected ones, of these kinds. Raises Refused `invalid_cursor`."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        parts = None
    if (
        not isinstance(parts, list)
        or len(parts) != len(expected) + len(kinds)
        or parts[: len(expected)] != list(expected)
    ):
        raise invalid()
    rest = parts[len(expected) :]
    for part, kind in zip(rest, kinds, strict=True):
        if type(part) is not kind or (isinstance(part, int) and not 0 <= part < 1 << 53):
            raise invalid()
    return rest


def invalid() -> Refused:
    """The refusal of a cursor that this list did not give."""
    text = "is not a cursor of this list with these parameters; begin again without one"
    return Refused("invalid_cursor", f"the cursor {text}", [Fault("query:cursor", "invalid_cursor", text)])
