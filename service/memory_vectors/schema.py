"""What a collection holds: its named vectors and where they are kept (pure)."""

from typing import Any, Literal

import qdrant_edge as edge
from msgspec import Struct

from memory_vectors import wire
from memory_vectors.errors import BadInput, FormatError, Invalid
from memory_vectors.limits import LIMITS, within
from memory_vectors.names import check_vector

DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}
# Indexing by graph only ever happens in the engine's optimizer, which is never run; the number says so to the engine.
_NEVER_INDEX_KB = 2**40


class Dense(Struct, frozen=True):
    size: int
    distance: str
    on_disk: bool | None = None


class Sparse(Struct, frozen=True):
    modifier: Literal["idf"] | None = None


class Schema(Struct, frozen=True):
    dense: dict[str, Dense]
    sparse: dict[str, Sparse]
    on_disk_payload: bool = True

    def engine(self) -> edge.EdgeConfig:
        """The engine's configuration: one search thread, a log, and no graph index."""
        return edge.EdgeConfig(
            vectors={
                name: edge.EdgeVectorParams(dense.size, DISTANCES[dense.distance], on_disk=dense.on_disk)
                for name, dense in self.dense.items()
            },
            sparse_vectors={
                name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if sparse.modifier else None)
                for name, sparse in self.sparse.items()
            },
            on_disk_payload=self.on_disk_payload,
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=_NEVER_INDEX_KB),
            max_search_threads=1,
            wal_enabled=True,
        )

    def params(self) -> dict[str, Any]:
        """The `config.params` of Qdrant's collection info."""
        dense = {
            name: {"size": dense.size, "distance": dense.distance}
            | ({} if dense.on_disk is None else {"on_disk": dense.on_disk})
            for name, dense in self.dense.items()
        }
        sparse = {name: {"modifier": kind.modifier} if kind.modifier else {} for name, kind in self.sparse.items()}
        return {
            "vectors": dense,
            **({"sparse_vectors": sparse} if sparse else {}),
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": self.on_disk_payload,
        }


def parse(body: wire.CreateCollection) -> Schema:
    """The schema that a creation asks for. Raises VectorsError with the field that cannot be met."""
    for name in ("shard_number", "replication_factor", "write_consistency_factor"):
        if getattr(body, name) not in (None, 1):
            raise BadInput(f"`{name}` must be 1: memory-vectors keeps one shard a collection in one process")
    vectors, sparse_vectors = body.vectors or {}, body.sparse_vectors or {}
    if "size" in vectors and "distance" in vectors:
        raise FormatError('vectors: an unnamed vector is not supported by memory-vectors, write {"<name>": {...}}')
    if not vectors and not sparse_vectors:
        raise Invalid("vectors", "give at least one dense or sparse vector")
    within(len(vectors) + len(sparse_vectors), LIMITS.vectors, "vectors")
    if both := vectors.keys() & sparse_vectors.keys():
        raise BadInput(f"`{min(both)}` names a dense and a sparse vector, give one of them another name")
    return Schema(
        {check_vector(name, "vectors"): _dense(value, f"vectors.{name}") for name, value in vectors.items()},
        {
            check_vector(name, "sparse_vectors"): _sparse(value, f"sparse_vectors.{name}")
            for name, value in sparse_vectors.items()
        },
        True if body.on_disk_payload is None else body.on_disk_payload,
    )


def _dense(value: object, path: str) -> Dense:
    params = wire.convert(value, wire.VectorParams, path)
    if not 1 <= params.size <= 65536:
        raise Invalid(f"{path}.size", f"value {params.size} invalid, must be from 1 to 65536")
    if params.distance not in DISTANCES:
        raise FormatError(
            f"{path}.distance: unknown variant `{params.distance}`, expected one of {', '.join(DISTANCES)}"
        )
    _only_float32(params.datatype, path)
    return Dense(params.size, params.distance, params.on_disk)


def _sparse(params: wire.SparseVectorParams, path: str) -> Sparse:
    if params.modifier not in (None, "none", "idf"):
        raise FormatError(f"{path}.modifier: unknown variant `{params.modifier}`, expected `none` or `idf`")
    if params.index is not None:
        _only_float32(params.index.datatype, f"{path}.index")
        if params.index.on_disk:
            raise FormatError(f"{path}.index.on_disk: memory-vectors keeps sparse indexes in memory, leave it out")
    return Sparse("idf" if params.modifier == "idf" else None)


def _only_float32(datatype: str | None, path: str) -> None:
    if datatype not in (None, "float32"):
        raise FormatError(f"{path}.datatype: memory-vectors stores `float32` only")
