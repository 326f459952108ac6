"""One function a call of Qdrant's REST API: a parsed request in, the `result` out. Knows nothing of HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import qdrant_edge as edge

from memory_vectors import names, schema, wire
from memory_vectors.catalog import Catalog
from memory_vectors.collection import Collection
from memory_vectors.errors import BadRequest, NotFound
from memory_vectors.requests import indexes, points, queries
from memory_vectors.upkeep import Policy


@dataclass(frozen=True)
class Call:
    """A request: the parts of its path, its query string and its body."""

    catalog: Catalog
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def collection(self) -> Collection:
        return self.catalog.get(self.path["name"])


@dataclass(frozen=True)
class Leftover:
    """A result that leaves a folder to be removed when there is time."""

    result: Any
    folder: Path


Handler = Callable[[Call], Any]

_CREATE = msgspec.json.Decoder(wire.CreateCollection)
_ALIASES = msgspec.json.Decoder(wire.ChangeAliases)
_INDEX = msgspec.json.Decoder(wire.CreateIndex)
_UPSERT = msgspec.json.Decoder(wire.Upsert)
_SELECTION = msgspec.json.Decoder(wire.Selection)
_SET_PAYLOAD = msgspec.json.Decoder(wire.SetPayload)
_RETRIEVE = msgspec.json.Decoder(wire.Retrieve)
_SCROLL = msgspec.json.Decoder(wire.Scroll)
_COUNT = msgspec.json.Decoder(wire.Count)
_QUERY = msgspec.json.Decoder(wire.Query)
_QUERY_BATCH = msgspec.json.Decoder(wire.QueryBatch)


def list_collections(call: Call) -> Any:
    return {"collections": [{"name": collection.name} for collection in call.catalog]}


def create_collection(call: Call) -> Any:
    name = names.check_collection(call.path["name"])
    call.catalog.create(name, schema.parse(wire.decode(_CREATE, call.body)))
    return True


def delete_collection(call: Call) -> Any:
    folder = call.catalog.delete(call.path["name"])
    return False if folder is None else Leftover(True, folder)


def collection_exists(call: Call) -> Any:
    return {"exists": call.catalog.has(call.path["name"])}


def collection_info(call: Call) -> Any:
    """Qdrant's collection info; the configuration says what this server does, not what Qdrant would."""
    collection = call.collection
    config = {
        "params": collection.schema.params(),
        "hnsw_config": {"m": 0, "ef_construct": 4, "full_scan_threshold": 0},
        "optimizer_config": {
            "default_segment_number": 1,
            "flush_interval_sec": int(Policy.age),
            "indexing_threshold": 0,
        },
    }
    if collection.fault is not None:
        failed = {"status": "red", "optimizer_status": {"error": collection.fault}, "segments_count": 0}
        return failed | {"config": config, "payload_schema": {}}
    info = collection.shard.info()
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": 0,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": config,
        "payload_schema": {field: indexes.describe(index) for field, index in info.payload_schema.items()},
    }


def list_aliases(call: Call) -> Any:
    return _aliases(call.catalog.aliases())


def collection_aliases(call: Call) -> Any:
    return _aliases(call.catalog.aliases(call.collection.name))


def _aliases(pairs: list[tuple[str, str]]) -> Any:
    return {"aliases": [{"alias_name": alias, "collection_name": name} for alias, name in pairs]}


def change_aliases(call: Call) -> Any:
    call.catalog.change_aliases(wire.decode(_ALIASES, call.body).actions)
    return True


def create_index(call: Call) -> Any:
    field, index = indexes.create(wire.decode(_INDEX, call.body))
    call.collection.create_index(field, index)
    return _updated(call)


def delete_index(call: Call) -> Any:
    call.collection.delete_index(call.path["field"])
    return _updated(call)


def upsert(call: Call) -> Any:
    collection = call.collection
    collection.upsert(points.upsert(wire.decode(_UPSERT, call.body), collection.schema), len(call.body))
    return _updated(call)


def delete_points(call: Call) -> Any:
    collection = call.collection
    collection.delete(points.selection(wire.decode(_SELECTION, call.body)), len(call.body))
    return _updated(call)


def set_payload(call: Call) -> Any:
    collection, body = call.collection, wire.decode(_SET_PAYLOAD, call.body)
    payload = points.payload(body.payload, "payload")
    collection.set_payload(points.selection(body), payload, points.payload_key(body.key), len(call.body))
    return _updated(call)


def _updated(call: Call) -> Any:
    """An update is applied and logged before it is answered; with `wait=true` the answer also says so."""
    return {"operation_id": None, "status": "completed" if call.query.get("wait") == "true" else "acknowledged"}


def retrieve(call: Call) -> Any:
    body = wire.decode(_RETRIEVE, call.body)
    return [
        _record(record)
        for record in call.collection.shard.retrieve(
            points.ids(body.ids, "ids"),
            queries.with_payload(body.with_payload, default=True),
            queries.with_vector(body.with_vector),
        )
    ]


def get_point(call: Call) -> Any:
    text = call.path["id"]
    id_ = names.check_point_id(int(text) if text.isascii() and text.isdigit() else text)
    for record in call.collection.shard.retrieve([id_], True, True):
        return _record(record)
    raise NotFound(f"Point with id {text} does not exists!")


def scroll(call: Call) -> Any:
    collection, body = call.collection, wire.decode(_SCROLL, call.body)
    records, following = collection.shard.scroll(queries.scroll(body))
    return {"points": [_record(record) for record in records], "next_page_offset": following}


def count(call: Call) -> Any:
    shard, body = call.collection.shard, wire.decode(_COUNT, call.body)
    # A shard has one segment, so its own number of points is exact, and there at once.
    return {"count": shard.points() if body.filter is None else shard.count(queries.count(body))}


def query(call: Call) -> Any:
    collection, body = call.collection, wire.decode(_QUERY, call.body)
    return _hits(collection.shard.query(queries.query(body, collection.schema)))


def query_batch(call: Call) -> Any:
    collection, body = call.collection, wire.decode(_QUERY_BATCH, call.body)
    if not body.searches:
        return []
    return [_hits(hits) for hits in collection.shard.query_batch(queries.batch(body, collection.schema))]


def _hits(hits: list[edge.ScoredPoint]) -> Any:
    return {"points": [{"id": hit.id, "version": hit.version, "score": hit.score, **_contents(hit)} for hit in hits]}


def _record(record: edge.Record) -> Any:
    order = record.order_value
    return {"id": record.id, **_contents(record), **({} if order is None else {"order_value": order})}


def _contents(point: edge.Record | edge.ScoredPoint) -> dict[str, Any]:
    """Payload and vectors, as far as they were asked for."""
    contents: dict[str, Any] = {}
    if (payload := point.payload) is not None:
        contents["payload"] = payload
    if (vectors := point.vector) is not None:
        assert isinstance(vectors, dict)
        contents["vector"] = {name: _vector(vector) for name, vector in vectors.items()}
    return contents


def _vector(vector: Any) -> Any:
    if isinstance(vector, edge.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector


def check_query(query: Mapping[str, str], allowed: frozenset[str]) -> None:
    """Refuse what a query string says beyond `allowed`, and values that mean nothing. Raises BadRequest.

    One process is every replica, and an update is applied before its answer, so any `ordering`, `consistency` and
    `timeout` holds without doing anything.
    """
    for name, value in query.items():
        if name not in allowed:
            raise BadRequest(f"unknown query parameter `{name}`")
        valid = {
            "wait": value in ("true", "false"),
            "timeout": value.isascii() and value.isdigit() and int(value) > 0,
            "ordering": value in ("weak", "medium", "strong"),
            "consistency": value in ("majority", "quorum", "all") or (value.isascii() and value.isdigit()),
        }[name]
        if not valid:
            raise BadRequest(f"Deserialize error in query parameters: `{name}` cannot be `{value[:40]}`")
