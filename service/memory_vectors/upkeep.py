"""When collections are flushed and compacted, and the loop that does it between requests."""

import asyncio
import logging
import time
from dataclasses import dataclass

from memory_vectors.catalog import Catalog
from memory_vectors.collection import Collection
from memory_vectors.errors import EngineFailure

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """Both jobs hold the process while they run; the log already protects what was acknowledged against a kill."""

    interval: float = 0.25
    """Seconds between two looks."""
    idle: float = 2.0
    """Seconds without a request after which unflushed collections are flushed."""
    age: float = 30.0
    """Seconds after which a write is flushed although requests keep coming: what a power cut can take."""
    unflushed_bytes: int = 64 * 2**20
    """Bytes of requests after which a flush is due: the time that an opening after a kill takes."""
    dead_points: int = 2_000
    """Deleted points from which a compaction can pay off."""
    dead_share: float = 0.3
    """Deleted points for each living one from which it is due."""
    calm: float = 1.0
    """Seconds without a deletion before it begins: what is about to be deleted too need not be copied."""
    pressing_share: float = 2.0
    """Deleted points for each living one from which it begins although deletions go on."""
    step: int = 64
    """Points copied at once: about 4 ms in which no request is served."""
    back_off: float = 60.0
    """Seconds that a collection is left alone after a failure."""


def flush_is_due(collection: Collection, *, now: float, last_request: float, policy: Policy) -> bool:
    """Whether this is the moment to flush (pure)."""
    if collection.unflushed_since is None:
        return False
    return (
        now - last_request >= policy.idle
        or now - collection.unflushed_since >= policy.age
        or collection.unflushed_bytes >= policy.unflushed_bytes
    )


def compaction_is_due(*, dead: int, living: int, since_deletion: float, policy: Policy) -> bool:
    """Whether enough room is lost to deleted points, and this is the moment to win it back (pure)."""
    if dead < policy.dead_points or dead < policy.dead_share * living:
        return False
    return since_deletion >= policy.calm or dead >= policy.pressing_share * living


class Upkeep:
    """The loop. Set `last_request` at every request."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self.last_request = time.monotonic()
        self.compactions = 0
        self.flushes = 0
        self._catalog = catalog
        self._policy = policy
        self._left_alone: dict[str, float] = {}

    async def run(self) -> None:
        """Look after all collections until cancelled."""
        while True:
            await asyncio.sleep(self._policy.interval)
            for collection in self._catalog:
                if collection.fault is None and self._left_alone.get(collection.name, 0) <= time.monotonic():
                    await self._look_after(collection)

    async def _look_after(self, collection: Collection) -> None:
        try:
            if flush_is_due(collection, now=time.monotonic(), last_request=self.last_request, policy=self._policy):
                collection.flush()
                self.flushes += 1
                await asyncio.sleep(0)
            living, since = collection.shard.points(), time.monotonic() - collection.last_deletion
            if compaction_is_due(dead=collection.dead, living=living, since_deletion=since, policy=self._policy):
                await self._compact(collection)
        except (EngineFailure, OSError) as error:
            log.error("upkeep of collection %r failed: %s", collection.name, error)
            self._left_alone[collection.name] = time.monotonic() + self._policy.back_off

    async def _compact(self, collection: Collection) -> None:
        """Copy in steps; after each, requests have the process for as long as the step took."""
        started = time.monotonic()
        while collection.fault is None:
            before = time.monotonic()
            if collection.compact(self._policy.step):
                self.compactions += 1
                log.info("compacted %r in %.1f s", collection.name, time.monotonic() - started)
                return
            await asyncio.sleep(time.monotonic() - before)
