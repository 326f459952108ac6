"""What Redis's errors mean to callers: away, refusing us, full, or not the kind of server we can use. Pure."""

from __future__ import annotations

from memory_crd.status import Reason
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, OutOfMemoryError

from memory_service.errors import StorageFull, StorageUnavailable, Unavailable

_UNAUTHORIZED = (AuthenticationError, AuthorizationError, NoPermissionError)
_UNAUTHORIZED_TEXTS = ("NOAUTH", "WRONGPASS", "NOPERM", "no permissions", "invalid username-password")


class Unsupported(Exception):
    """A server that answers but cannot keep a memory."""


def translate(error: Exception, *, write: bool) -> Unavailable:
    """The error a caller gets for a failed connect or a refused command; nothing was written."""
    text = str(error) or type(error).__name__
    if isinstance(error, Unsupported):
        return StorageUnavailable(text, reason=Reason.STORAGE_UNSUPPORTED)
    if isinstance(error, OutOfMemoryError) or text.startswith("OOM") or "command not allowed when used memory" in text:
        return StorageFull("Redis is out of memory and refuses writes", reason=Reason.STORAGE_FULL)
    if isinstance(error, _UNAUTHORIZED) or any(mark in text for mark in _UNAUTHORIZED_TEXTS):
        return StorageUnavailable(f"Redis refuses this service's user: {text}", reason=Reason.UNAUTHORIZED)
    return StorageUnavailable(f"Redis does not answer as it should: {text}", reason=Reason.UNREACHABLE)


def lost(text: str, *, write: bool) -> StorageUnavailable:
    """The connection went while a reply was awaited; what became of a write is unknown."""
    return StorageUnavailable(text, reason=Reason.UNREACHABLE, outcome_unknown=write)
