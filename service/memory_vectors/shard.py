"""The engine: one shard in one folder, its errors as ours, its panics survived."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from memory_vectors.errors import BadInput, BadRequest, EngineFailure, EnginePanic, NotFound, VectorsError
from memory_vectors.schema import Schema

log = logging.getLogger(__name__)

# An id that no caller is likely to have: deleting it changes nothing, but it moves the log past what came before.
_NOBODY = 2**64 - 1
_REFUSALS: tuple[tuple[str, type[VectorsError]], ...] = (
    ("Vector dimension error", BadInput),
    ("Not existing vector name error", BadInput),
    ("No range index for", BadRequest),
    ("No point with id", NotFound),
    ("Wrong usage of sparse vectors", BadInput),
    ("Validation failed", BadRequest),
)


class Shard:
    """An open shard. The engine lets a folder be open once, and holds the interpreter during every call."""

    def __init__(self, folder: Path) -> None:
        """Open what `create` made, replaying the log. Raises EngineFailure."""
        self.folder = folder
        self._engine = _load(folder)

    @classmethod
    def create(cls, folder: Path, schema: Schema) -> None:
        """Make an empty shard in the new folder `folder`. Raises EngineFailure."""
        folder.mkdir()
        with _engine_errors():
            edge.EdgeShard.create(str(folder), schema.engine()).close()

    def update(self, operation: edge.UpdateOperation) -> None:
        """Apply an update and log it. Raises VectorsError; after a panic the shard is reopened without the update."""
        try:
            with _engine_errors():
                self._engine.update(operation)
        except EnginePanic as panic:
            log.error("the engine panicked in %s: %s; reopening it without that update", self.folder.name, panic)
            self._reopen()
            raise EngineFailure(f"the engine could not apply the update: {panic}") from panic

    def _reopen(self) -> None:
        """Leave the last update behind: acknowledged in the log, it is not replayed, at the next opening either."""
        with _engine_errors():
            self._engine.update(edge.UpdateOperation.delete_points([_NOBODY]))
            self._engine.flush()
            self._engine.close()
        self._engine = _load(self.folder)

    def query(self, request: edge.QueryRequest) -> list[edge.ScoredPoint]:
        with _engine_errors():
            return self._engine.query(request)

    def query_batch(self, request: edge.QueryBatchRequest) -> list[list[edge.ScoredPoint]]:
        with _engine_errors():
            return self._engine.query_batch(request)

    def scroll(self, request: edge.ScrollRequest) -> tuple[list[edge.Record], Any]:
        """One page and the id that the next one starts with, or None."""
        with _engine_errors():
            return self._engine.scroll(request)

    def retrieve(self, ids: list[Any], with_payload: Any, with_vector: bool | list[str]) -> list[edge.Record]:
        with _engine_errors():
            return self._engine.retrieve(ids, with_payload, with_vector)

    def count(self, request: edge.CountRequest) -> int:
        with _engine_errors():
            return self._engine.count(request)

    def info(self) -> "edge.ShardInfo":
        with _engine_errors():
            return self._engine.info()

    def points(self) -> int:
        """Points now; takes a microsecond."""
        return self.info().points_count

    def flush(self) -> None:
        """Write everything to disk and acknowledge the log; some tens of file syncs, 50 to 300 ms."""
        with _engine_errors():
            self._engine.flush()

    def close(self) -> None:
        """Flush and give the folder free; the shard cannot be used afterwards."""
        with _engine_errors():
            self._engine.close()


def _load(folder: Path) -> edge.EdgeShard:
    with _engine_errors():
        return edge.EdgeShard.load(str(folder))


@contextmanager
def _engine_errors() -> Iterator[None]:
    """The engine's exceptions, which have no types, as VectorsError; its panics, no `Exception`s, as EnginePanic."""
    try:
        yield
    except Exception as error:
        text = str(error)
        for beginning, kind in _REFUSALS:
            if text.startswith(beginning):
                raise kind(text) from error
        raise EngineFailure(text) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise EnginePanic(str(error)) from error
