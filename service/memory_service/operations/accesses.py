"""Which messages were read and when, for memories that flush the least recently used first (`options.flushing`).

What an answer holds was read: pages, single messages, contexts, and recalled messages with their neighbours. What only
looks at a thread (facts, health, stats, a flush) reads nothing in this sense.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from memory_service.keys import stored_numbers
from memory_service.model.search import Candidate

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


def kept(memory: OpenMemory) -> bool:
    """Whether this memory keeps times of access."""
    flushing = memory.definition.spec.options.flushing
    return flushing is not None and flushing.type == "lru"


async def note(memory: OpenMemory, read: Iterable[tuple[str, bytes]]) -> None:
    """Note stored messages, each with its thread, as read now. Nothing to do for most memories."""
    if not kept(memory):
        return
    found = ((thread, stored_numbers(message)) for thread, message in read)
    messages = [Candidate(thread, *numbers) for thread, numbers in found if numbers is not None]
    if messages:
        await memory.store.used(messages)
