"""Names of collections, aliases, vectors, and the ids of points."""

import hashlib
import re

from memory_vectors.errors import FormatError, Invalid

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_VECTOR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_UUID = re.compile(
    r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|[0-9a-f]{32}",
    re.IGNORECASE,
)
_LARGEST_ID = 2**64 - 1

PointId = int | str


def check_collection(name: str, *, path: str = "name", where: str = "path parameters") -> str:
    """Return `name` if it fits Qdrant's grammar: 1 to 255 characters, none of ``< > : " / \\ | ? *``."""
    if not 1 <= len(name) <= 255:
        raise Invalid(path, f'value "{name[:40]}" invalid, must have from 1 to 255 characters', where=where)
    for mark in name:
        if mark in _FORBIDDEN:
            raise Invalid(path, f'value "{name}" invalid, collection name cannot contain "{mark}" char', where=where)
    return name


def check_vector(name: str, path: str) -> str:
    """Return `name` if it can name a vector: it becomes part of file names."""
    if not _VECTOR.fullmatch(name):
        raise Invalid(path, f'vector name "{name[:70]}" must match {_VECTOR.pattern}')
    return name


def check_point_id(value: PointId) -> PointId:
    """Return `value` if it is an unsigned 64-bit integer or a UUID."""
    valid = _UUID.fullmatch(value) is not None if isinstance(value, str) else 0 <= value <= _LARGEST_ID
    if not valid:
        text = str(value)[:80]
        raise FormatError(
            f"value {text} is not a valid point ID, valid values are either an unsigned integer or a UUID"
        )
    return value


def folder(collection: str) -> str:
    """The folder of a collection: readable, safe on every file system, and different for every name."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", collection)[:48].strip("-")
    return f"{readable}-{hashlib.sha256(collection.encode()).hexdigest()[:16]}"
