"""The shapes of request bodies, as Qdrant 1.18 names them (pure).

A field that Qdrant has and this server does not is typed `Absent`: only null is accepted, anything else is refused by
name. A field that is not listed at all is refused too, so nothing is ever accepted and then ignored.
"""

from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from memory_vectors.errors import FormatError

Absent: TypeAlias = None
PointId = int | str
Payload = dict[str, Any]
SparseIndex = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Wire(Struct, forbid_unknown_fields=True, frozen=True):
    """A body or a part of one."""


class SparseVector(Wire, frozen=True):
    indices: list[SparseIndex]
    values: list[float]


Vector = list[float] | SparseVector


class Match(Wire, frozen=True):
    value: str | int | bool | None = None
    any: list[str | int] | None = None
    excluded: list[str | int] | None = msgspec.field(default=None, name="except")
    text: Absent = None
    phrase: Absent = None


class Range(Wire, frozen=True):
    """Bounds of a number, or of a date and time in RFC 3339."""

    gt: float | str | None = None
    gte: float | str | None = None
    lt: float | str | None = None
    lte: float | str | None = None


class FieldName(Wire, frozen=True):
    key: str


class Filter(Wire, frozen=True):
    must: "list[Condition] | Condition | None" = None
    should: "list[Condition] | Condition | None" = None
    must_not: "list[Condition] | Condition | None" = None
    min_should: Absent = None


class Condition(Filter, frozen=True):
    """Exactly one of: a field (`key` with `match` or `range`), `is_empty`, `is_null`, `has_id`, or a nested filter."""

    key: str | None = None
    match: Match | None = None
    range: Range | None = None
    is_empty: FieldName | None = None
    is_null: FieldName | None = None
    has_id: list[PointId] | None = None
    geo_bounding_box: Absent = None
    geo_radius: Absent = None
    geo_polygon: Absent = None
    values_count: Absent = None
    nested: Absent = None
    has_vector: Absent = None


class PayloadSelector(Wire, frozen=True):
    include: list[str] | None = None
    exclude: list[str] | None = None


WithPayload = bool | list[str] | PayloadSelector
WithVector = bool | list[str]


class Point(Wire, frozen=True):
    id: PointId
    vector: list[float] | dict[str, Vector]
    payload: Payload | None = None


class Batch(Wire, frozen=True):
    ids: list[PointId]
    vectors: dict[str, list[Vector]]
    payloads: list[Payload | None] | None = None


class Upsert(Wire, frozen=True):
    points: list[Point] | None = None
    batch: Batch | None = None
    shard_key: Absent = None
    update_filter: Absent = None
    update_mode: Absent = None


class Selection(Wire, frozen=True):
    """Points by id or by filter; exactly one of them."""

    points: list[PointId] | None = None
    filter: Filter | None = None
    shard_key: Absent = None


class SetPayload(Selection, frozen=True, kw_only=True):
    payload: Payload
    key: str | None = None


class Retrieve(Wire, frozen=True):
    ids: list[PointId]
    with_payload: WithPayload | None = None
    with_vector: WithVector | None = None
    shard_key: Absent = None


class OrderBy(Wire, frozen=True):
    key: str
    direction: str | None = None
    start_from: int | float | str | None = None


class Scroll(Wire, frozen=True):
    filter: Filter | None = None
    limit: int | None = None
    offset: PointId | None = None
    with_payload: WithPayload | None = None
    with_vector: WithVector | None = None
    order_by: str | OrderBy | None = None
    shard_key: Absent = None


class Count(Wire, frozen=True):
    filter: Filter | None = None
    exact: bool = True
    shard_key: Absent = None


class SearchParams(Wire, frozen=True):
    exact: bool | None = None
    """True or not, every search here is exact."""
    hnsw_ef: Absent = None
    quantization: Absent = None
    indexed_only: Absent = None
    acorn: Absent = None
    idf: Absent = None


class QueryVector(Wire, frozen=True):
    """A sparse vector, or `nearest` around a dense or sparse one."""

    indices: list[SparseIndex] | None = None
    values: list[float] | None = None
    nearest: Vector | None = None
    mmr: Absent = None
    fusion: Absent = None
    rrf: Absent = None
    order_by: Absent = None
    formula: Absent = None
    recommend: Absent = None
    discover: Absent = None
    context: Absent = None
    sample: Absent = None


class Prefetch(Wire, frozen=True):
    query: list[float] | QueryVector | None = None
    using: str | None = None
    filter: Filter | None = None
    params: SearchParams | None = None
    score_threshold: float | None = None
    limit: int | None = None
    prefetch: "list[Prefetch] | Prefetch | None" = None
    lookup_from: Absent = None


class Query(Prefetch, frozen=True):
    offset: int | None = None
    with_payload: WithPayload | None = None
    with_vector: WithVector | None = None
    shard_key: Absent = None


class QueryBatch(Wire, frozen=True):
    searches: list[Query]


class VectorParams(Wire, frozen=True):
    size: int
    distance: str
    on_disk: bool | None = None
    hnsw_config: Absent = None
    quantization_config: Absent = None
    multivector_config: Absent = None
    datatype: str | None = None
    memory: Absent = None


class SparseIndexParams(Wire, frozen=True):
    on_disk: bool | None = None
    full_scan_threshold: Absent = None
    datatype: str | None = None
    memory: Absent = None


class SparseVectorParams(Wire, frozen=True):
    modifier: str | None = None
    index: SparseIndexParams | None = None


class CreateCollection(Wire, frozen=True):
    vectors: dict[str, Any] | None = None
    sparse_vectors: dict[str, SparseVectorParams] | None = None
    on_disk_payload: bool | None = None
    shard_number: int | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    sharding_method: Absent = None
    hnsw_config: Absent = None
    wal_config: Absent = None
    optimizers_config: Absent = None
    quantization_config: Absent = None
    init_from: Absent = None
    strict_mode_config: Absent = None
    metadata: Absent = None
    uuid: Absent = None


class CreateAlias(Wire, frozen=True):
    collection_name: str
    alias_name: str


class DeleteAlias(Wire, frozen=True):
    alias_name: str


class RenameAlias(Wire, frozen=True):
    old_alias_name: str
    new_alias_name: str


class AliasAction(Wire, frozen=True):
    """Exactly one of the three."""

    create_alias: CreateAlias | None = None
    delete_alias: DeleteAlias | None = None
    rename_alias: RenameAlias | None = None


class ChangeAliases(Wire, frozen=True):
    actions: list[AliasAction]


class IndexParams(Wire, frozen=True):
    type: str
    lookup: bool | None = None
    range: bool | None = None
    is_tenant: Absent = None
    is_principal: Absent = None
    on_disk: Absent = None
    enable_hnsw: Absent = None
    prefix: Absent = None
    memory: Absent = None


class CreateIndex(Wire, frozen=True):
    field_name: str
    field_schema: str | IndexParams


Body = TypeVar("Body", bound=Wire)


def decode(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """The body as its shape. Raises FormatError, which names the field and what to do."""
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise FormatError(explain(str(error))) from None
    except RecursionError:
        raise FormatError("recursion limit exceeded: nested too deep") from None


def convert(value: object, shape: type[Body], path: str) -> Body:
    """A part of a body whose shape depends on the rest, as that shape."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.MsgspecError as error:
        raise FormatError(f"{path}: {explain(str(error))}") from None


def explain(message: str) -> str:
    """A message of the decoder, with the remedy where only null is accepted."""
    if message.startswith("Expected `null`") and "`$." in message:
        field = message.rpartition("`$.")[2].rstrip("`")
        return f"`{field}` is not supported by memory-vectors, leave it out"
    return message
