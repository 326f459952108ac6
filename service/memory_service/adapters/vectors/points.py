"""Messages as points: ids, payloads and filters. Pure.

A payload holds what filters need and no text: thread, g (incarnation), seq, owner ("" for none), role, timestamp (ms),
and declared metadata as `m_<key>`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from memory_service.model.search import Audience, Candidate, FieldFilter, Point, SparseVector

DENSE: Final = "dense"
WORDS: Final = "words"

PROPOSAL_FIELDS: Final = ["thread", "g", "seq"]
FIXED_INDEXES: Final = {
    "thread": "keyword",
    "g": "integer",
    "seq": "integer",
    "owner": "keyword",
    "role": "keyword",
    "timestamp": "integer",
}
INDEX_TYPES: Final = {
    "keyword": "keyword",
    "integer": "integer",
    "float": "float",
    "bool": "bool",
    "datetime": "integer",
}

_SPACE: Final = uuid.UUID("6f1b0d0e-6d1f-5f2e-9a53-0e3c3b9f6a11")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")

Json = dict[str, Any]


def point_id(tenant: str, memory_id: str, incarnation: int, seq: int) -> str:
    """The id of a message's point: the same for ever, whoever writes it."""
    return str(uuid.uuid5(_SPACE, f"{tenant}/{memory_id}/{incarnation}/{seq}"))


def field(key: str) -> str:
    """Name of the payload field of a metadata key; hexadecimal where the key would read as a path."""
    return f"m_{key}" if _PLAIN.fullmatch(key) else f"mx_{key.encode().hex()}"


def payload(point: Point) -> Json:
    """What a point knows about its message."""
    fixed = {
        "thread": point.candidate.thread,
        "g": point.candidate.incarnation,
        "seq": point.candidate.seq,
        "owner": point.owner or "",
        "role": point.role,
        "timestamp": point.timestamp,
    }
    return fixed | {field(key): value for key, value in point.metadata.items()}


def vectors(point: Point) -> Json:
    """The named vectors of a point; a text without indexable words has no words vector."""
    named: Json = {} if point.dense is None else {DENSE: point.dense}
    if point.sparse is not None and point.sparse.indices:
        named[WORDS] = sparse(point.sparse)
    return named


def sparse(vector: SparseVector) -> Json:
    """A sparse vector as the store writes it."""
    return {"indices": vector.indices, "values": vector.values}


def candidate(raw: Json) -> Candidate:
    """Whose point this payload belongs to."""
    return Candidate(raw["thread"], raw["g"], raw["seq"])


def audience_filter(audience: Audience) -> list[Json]:
    """Conditions that keep to threads which the audience may see; the store's word is checked again in Redis."""
    conditions = []
    if audience.thread is not None:
        conditions.append(match("thread", [audience.thread]))
    if not audience.any_owner:
        owners = ([audience.owner] if audience.owner is not None else []) + ([""] if audience.ownerless else [])
        conditions.append(match("owner", owners))
    return conditions


def condition(each: FieldFilter) -> Json:
    """One filter of a recall as a condition."""
    name = field(each.key) if each.metadata else each.key
    if not each.any_of:
        bounds = {bound: value for bound in ("gte", "gt", "lte", "lt") if (value := getattr(each, bound)) is not None}
        return {"key": name, "range": bounds}
    return match(name, each.any_of)


def match(name: str, values: Sequence[str | int | float | bool]) -> Json:
    """A condition that holds for any of some values. The store can only match texts, whole numbers and truth values."""
    if any(isinstance(value, float) for value in values):
        return {"should": [{"key": name, "range": {"gte": value, "lte": value}} for value in values]}
    if len(values) == 1:
        return {"key": name, "match": {"value": values[0]}}
    if any(isinstance(value, bool) for value in values):
        return {"should": [{"key": name, "match": {"value": value}} for value in values]}
    return {"key": name, "match": {"any": list(values)}}


def everything(conditions: Iterable[Json], excluded: Sequence[str] = ()) -> Json | None:
    """A filter of all conditions and none of some point ids, or None when that is every point."""
    must = list(conditions)
    if not must and not excluded:
        return None
    return ({"must": must} if must else {}) | ({"must_not": [{"has_id": list(excluded)}]} if excluded else {})
