"""A rebuild of a shard in small steps, without what was deleted.

The engine never reuses the place of a deleted point. Its own remedy, `optimize()`, stops the whole process for about
0.1 s per 1,000 points, because it holds the interpreter. This one copies a few points at a time into a fresh shard,
between requests, while every write goes to both; then the collection moves over.
"""

from typing import Any

import qdrant_edge as edge

from memory_vectors.shard import Shard


class Compaction:
    """A copy in progress. `write` must see every update that the source sees, after the source did."""

    def __init__(self, source: Shard, target: Shard) -> None:
        self.target = target
        self._source = source
        self._next: Any = None
        for field, info in source.info().payload_schema.items():
            target.update(edge.UpdateOperation.create_field_index(field, info.params or info.data_type))

    def write(self, operation: edge.UpdateOperation) -> None:
        self.target.update(operation)

    def step(self, points: int) -> bool:
        """Copy the next `points` points in order of their ids; True when there are no more.

        A point that was written meanwhile is copied in its newest state, or is there already; one that was deleted is
        not found.
        """
        page = edge.ScrollRequest(offset=self._next, limit=points, with_payload=True, with_vector=True)
        records, self._next = self._source.scroll(page)
        if records:
            copies = [edge.Point(record.id, record.vector or {}, record.payload) for record in records]
            self.target.update(edge.UpdateOperation.upsert_points(copies))
        return self._next is None
