"""One collection: a folder with a description and a shard."""

import itertools
import logging
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import qdrant_edge as edge
from msgspec import Struct

from memory_vectors import files
from memory_vectors.compaction import Compaction
from memory_vectors.errors import EngineFailure, NotFound
from memory_vectors.limits import LIMITS, Limits
from memory_vectors.requests import filters
from memory_vectors.schema import Schema
from memory_vectors.shard import Shard

log = logging.getLogger(__name__)

_DESCRIPTION = "collection.json"
_FIRST_SHARD = "shard-0"
_NOTED = 500
"""Deleted points after which their number is written down, so that being killed again and again forgets few."""


class Description(Struct, frozen=True):
    """What `collection.json` says."""

    name: str
    schema: Schema
    shard: str = _FIRST_SHARD
    """The folder of the current shard; any other is the rest of a compaction that was cut off."""
    dead: int = 0
    """Deleted points that still take room, as of the last flush or up to 500 ago."""


class Collection:
    """An open collection. Not for threads: one caller at a time."""

    def __init__(self, folder: Path, description: Description, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self.description = description
        self.dead = description.dead
        self.last_deletion = time.monotonic()
        self.unflushed_bytes = 0
        self.unflushed_since: float | None = None
        self.fault: str | None = None
        self._limits = limits
        self._shard: Shard | None = None
        self._compaction: Compaction | None = None
        self._steps: Generator[None, None, None] | None = None
        self._dead_before = 0

    @classmethod
    def create(cls, folder: Path, name: str, schema: Schema) -> None:
        """Make the new folder `folder`, complete on disk when this returns. Raises EngineFailure."""
        folder.mkdir()
        Shard.create(folder / _FIRST_SHARD, schema)
        files.replace(folder / _DESCRIPTION, msgspec.json.encode(Description(name, schema)))

    @classmethod
    def open(cls, folder: Path, limits: Limits = LIMITS) -> "Collection":
        """Open what `create` made. A shard that the engine cannot open is a `fault`, so that the others still serve."""
        description = msgspec.json.decode((folder / _DESCRIPTION).read_bytes(), type=Description)
        collection = cls(folder, description, limits)
        for leftover in folder.glob("shard-*"):
            if leftover.name != description.shard:
                files.remove(leftover)
        try:
            collection._shard = Shard(folder / description.shard)
        except EngineFailure as error:
            collection.fault = str(error)
            log.error("collection %r cannot be opened: %s", description.name, error)
        return collection

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def schema(self) -> Schema:
        return self.description.schema

    @property
    def shard(self) -> Shard:
        """The shard. Raises EngineFailure when it could not be opened."""
        if self._shard is None:
            raise EngineFailure(f"Collection `{self.name}` could not be opened: {self.fault}")
        return self._shard

    def upsert(self, points: list[edge.Point], size: int) -> None:
        """Write points, replacing those with the same ids. `size`, here and below, is the length of the request."""
        self._write(edge.UpdateOperation.upsert_points(points), size)

    def delete(self, selection: Sequence[Any] | edge.Filter, size: int) -> None:
        """Remove points by ids or by filter; those that do not exist are no error."""
        if isinstance(selection, edge.Filter):
            operation = edge.UpdateOperation.delete_points_by_filter(selection)
        else:
            operation = edge.UpdateOperation.delete_points(list(selection))
        before = self.shard.points()
        self._write(operation, size)
        self.last_deletion = time.monotonic()
        self.dead += before - self.shard.points()
        if self._compaction is None and self.dead - self.description.dead >= _NOTED:
            self._describe(shard=self.description.shard)

    def set_payload(
        self, selection: Sequence[Any] | edge.Filter, payload: dict[str, Any], key: str | None, size: int
    ) -> None:
        """Merge `payload` into points, at the path `key` if given. Raises NotFound for a missing id, with no write."""
        if not isinstance(selection, edge.Filter):
            self._check_known(selection)
            selection = filters.by_ids(list(selection))
        self._write(edge.UpdateOperation.set_payload_by_filter(selection, payload, key), size)

    def create_index(self, field: str, schema: Any) -> None:
        """Index a payload field; the same index again changes nothing."""
        self._write(edge.UpdateOperation.create_field_index(field, schema), 0)

    def delete_index(self, field: str) -> None:
        self._write(edge.UpdateOperation.delete_field_index(field), 0)

    def _check_known(self, ids: Sequence[Any]) -> None:
        known = {str(record.id) for record in self.shard.retrieve(list(ids), False, False)}
        for missing in itertools.filterfalse(lambda id_: str(id_) in known, ids):
            if not self.shard.retrieve([missing], False, False):
                raise NotFound(f"No point with id {missing} found")

    def _write(self, operation: edge.UpdateOperation, size: int) -> None:
        self._check_room()
        self.shard.update(operation)
        self.unflushed_bytes += size
        if self.unflushed_since is None:
            self.unflushed_since = time.monotonic()
        if self._compaction is not None:
            try:
                self._compaction.write(operation)
            except EngineFailure:
                log.exception("compaction of %r is given up", self.name)
                self._abandon_compaction()

    def _check_room(self) -> None:
        if files.free_bytes(self.folder) < self._limits.free_bytes:
            raise EngineFailure(f"No space left on device: less than {self._limits.free_bytes} bytes are free")

    def flush(self) -> None:
        """Make everything durable against power loss too, and the log short."""
        self.shard.flush()
        self.unflushed_bytes, self.unflushed_since = 0, None
        if self.dead != self.description.dead:
            self._describe(shard=self.description.shard)

    def _describe(self, *, shard: str) -> None:
        self.description = msgspec.structs.replace(self.description, shard=shard, dead=self.dead)
        files.replace(self.folder / _DESCRIPTION, msgspec.json.encode(self.description))

    def compact(self, points: int) -> bool:
        """One step of a compaction over `points` points, starting one if none is on; True when it is complete."""
        if self._steps is None:
            self._steps = self._compact(points)
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            return True
        except (EngineFailure, OSError):
            self._abandon_compaction()
            raise
        return False

    def _compact(self, points: int) -> Generator[None, None, None]:
        """The whole compaction, giving the process back to requests at every `yield`."""
        self._compaction = compaction = self._start_compaction()
        self._dead_before, self.dead = self.dead, 0
        yield
        while not compaction.step(points):
            self._check_room()
            yield
        compaction.target.flush()
        yield
        old = self._move_to(compaction.target)
        try:
            yield
        finally:
            old.close()
            files.remove(old.folder)

    def _move_to(self, new: Shard) -> Shard:
        """Serve from `new`, from the moment that the description names it; the shard until now is returned."""
        old = self.shard
        new.flush()
        self._describe(shard=new.folder.name)
        self._shard, self._compaction = new, None
        self.unflushed_bytes, self.unflushed_since = 0, None
        return old

    def _start_compaction(self) -> Compaction:
        number = int(self.description.shard.rpartition("-")[2]) + 1
        folder = self.folder / f"shard-{number}"
        Shard.create(folder, self.schema)
        return Compaction(self.shard, Shard(folder))

    def _abandon_compaction(self) -> None:
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        if self._compaction is not None:
            target, self._compaction = self._compaction.target, None
            self.dead += self._dead_before
            target.close()
            files.remove(target.folder)

    def close(self) -> None:
        """Flush and give the folder free."""
        self._abandon_compaction()
        if self._shard is not None:
            self.flush()
            self._shard.close()
            self._shard, self.fault = None, "it is closed"
