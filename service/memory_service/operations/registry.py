"""Which memories this instance serves, kept in step with their definitions while it runs.

One entry a definition: `active` ones are served, `retained` ones are only counted (the worker still expires them),
`erase` ones are erased here and answered for in `/loaded`. The files are looked at four times a second, by a
fingerprint that costs a few stat calls; a definition that cannot be served leaves its last good version in place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from memory_crd.errors import InvalidMemory

from memory_service.errors import DefinitionNotLoaded, Refused, ServiceError
from memory_service.operations.afterwards import Afterwards
from memory_service.operations.erase import Erasure, erase
from memory_service.policies.tokens import ESTIMATOR, Counter

if TYPE_CHECKING:
    from memory_crd.definitions import Entry, Loaded
    from memory_crd.memory import Memory

    from memory_service.ports import Clock, Outbox, QueryEmbedder, Summarizer, ThreadStore, VectorIndex

POLL_SECONDS = 0.25
ERASE_RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenMemory:
    """One declared memory with everything an operation on it needs, bound to its current options.

    `relieving` are the threads that this process is flushing just now: it spares work and decides nothing.
    """

    definition: Memory
    store: ThreadStore
    outbox: Outbox
    index: VectorIndex
    embedder: QueryEmbedder
    clock: Clock
    counter: Counter = ESTIMATOR
    summarizer: Summarizer | None = None
    afterwards: Afterwards = field(default_factory=Afterwards, compare=False)
    relieving: set[str] = field(default_factory=set, compare=False)
    on_refresh: Callable[[], None] = lambda: None
    """Hears of every expiry that a read moved."""


class Source(Protocol):
    """Where definitions come from. `fingerprint` is cheap and differs whenever `load` may answer something else."""

    def fingerprint(self) -> object: ...

    def load(self) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one entry: its definition, opened when it could be, and why not otherwise.

    `generation` is the one being served, which is older than the entry's own while a newer one is at fault.
    """

    entry: Entry
    generation: int = 0
    memory: OpenMemory | None = None
    fault: str | None = None
    erasure: Erasure | None = None


class Registry:
    """The memories of this instance by id, and the loop that keeps them current.

    `open_memory` builds the ports of one definition (no I/O yet) and raises InvalidMemory when it cannot be served.
    """

    def __init__(
        self,
        source: Source,
        open_memory: Callable[[Entry], OpenMemory],
        *,
        on_gone: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._open = open_memory
        self._on_gone = on_gone
        self._fingerprint: object = None
        self._held: dict[str, Held] = {}
        self._erasures: dict[str, asyncio.Task[None]] = {}
        self.digest = ""
        self.faults: tuple[str, ...] = ()
        self.loaded_once = False

    def get(self, memory_id: str) -> OpenMemory:
        """The served memory of that id. Raises `memory_not_found`, or `definition_not_loaded` while it has a fault."""
        held = self._held.get(memory_id)
        if held is None or held.entry.state != "active":
            if not self.loaded_once:
                raise DefinitionNotLoaded("the definitions are still being read; try again in a moment")
            raise Refused("memory_not_found", f"no memory {memory_id!r} is declared here; GET /v1/memories lists them")
        if held.memory is None:
            raise DefinitionNotLoaded(f"memory {memory_id!r} is declared but cannot be served: {held.fault}")
        return held.memory

    def held(self) -> Iterable[Held]:
        """Every entry, in order of id."""
        return [self._held[key] for key in sorted(self._held)]

    def find(self, memory_id: str) -> Held | None:
        """What is known of one active entry, faulty or not."""
        held = self._held.get(memory_id)
        return held if held is not None and held.entry.state == "active" else None

    def holds(self, memory_id: str) -> bool:
        """Whether there is an entry of that id, in whatever state."""
        return memory_id in self._held

    def opened(self) -> Iterator[OpenMemory]:
        """Memories whose data exists here: active and retained, in order of id."""
        for held in self.held():
            if held.memory is not None and held.entry.state != "erase":
                yield held.memory

    def refresh(self) -> bool:
        """Load the definitions again if their fingerprint moved; True when something was loaded."""
        fingerprint = self._source.fingerprint()
        if self.loaded_once and fingerprint == self._fingerprint:
            return False
        loaded = self._source.load()
        self._fingerprint = fingerprint
        self._take(loaded)
        return True

    def _take(self, loaded: Loaded) -> None:
        before = self._held
        self._held = {entry.id: self._hold(entry, before.get(entry.id)) for entry in loaded.entries}
        if loaded.faults:  # an unreadable document says not whose it is, so nothing is dropped until all can be read
            self._held = {**before, **self._held}
        self.digest = loaded.digest
        self.faults = tuple(str(fault) for fault in loaded.faults)
        self.loaded_once = True
        for fault in self.faults:
            log.warning("definition not usable: %s", fault)
        for gone in before.keys() - self._held.keys():
            self._on_gone(gone)
        self._start_erasures()

    def _hold(self, entry: Entry, before: Held | None) -> Held:
        if before is not None and before.entry == entry and before.fault is None:
            return before
        same = before if before is not None and before.entry.uid == entry.uid else None
        erasure = same.erasure if same is not None and entry.state == "erase" else None
        try:
            return Held(entry, entry.generation, self._open(entry), None, erasure)
        except InvalidMemory as fault:
            log.warning("memory %s generation %d cannot be served: %s", entry.id, entry.generation, fault)
            if same is not None and same.memory is not None:
                return replace(same, entry=entry, fault=str(fault))
            return Held(entry, 0, None, str(fault), erasure)

    def _start_erasures(self) -> None:
        for memory_id, held in self._held.items():
            if held.entry.state == "erase" and held.memory is not None and not _done(held):
                task = self._erasures.get(held.entry.uid)
                if task is None or task.done():
                    self._erasures[held.entry.uid] = asyncio.create_task(self._erase(memory_id, held.entry.uid))
        live = {held.entry.uid for held in self._held.values() if held.entry.state == "erase"}
        for uid in self._erasures.keys() - live:
            self._erasures.pop(uid).cancel()

    async def _erase(self, memory_id: str, uid: str) -> None:
        """Erase until nothing remains; what each round found is in `/loaded` at once."""
        while (held := self._held.get(memory_id)) is not None and held.entry.uid == uid and held.memory is not None:
            try:
                erasure = await erase(held.memory, before=held.erasure)
            except ServiceError as error:
                log.warning("erasing memory %s is blocked, trying again: %s", memory_id, error)
            else:
                self._held[memory_id] = replace(self._held[memory_id], erasure=erasure)
                if erasure.verified:
                    log.info("memory %s is erased: %s", memory_id, erasure.removed)
                    return
            await asyncio.sleep(ERASE_RETRY_SECONDS)

    async def run(self, also: Callable[[], Awaitable[None]] | None = None) -> None:
        """Keep definitions current until cancelled; a failing look is logged and repeated."""
        while True:
            try:
                self.refresh()
                if also is not None:
                    await also()
            except OSError as error:
                log.warning("definitions cannot be read now: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Stop erasures that still run; they go on where they were after a restart."""
        for task in self._erasures.values():
            task.cancel()
        await asyncio.gather(*self._erasures.values(), return_exceptions=True)


def _done(held: Held) -> bool:
    return held.erasure is not None and held.erasure.verified
