"""What a read does to its thread's expiry: where `options.ttl.refresh` is `read`, it keeps the thread alive.

A read is one of a thread's content, by the thread's name: messages, one message, context, working memory. Facts, lists,
statistics, health, recall and exports look at threads without using them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


async def after_read(memory: OpenMemory, thread: str) -> None:
    """Move the thread's expiry if a read does so here, and if it would move by a grain at least."""
    if memory.definition.spec.options.ttl.refresh == "read" and await memory.store.touch(thread):
        memory.on_refresh()


async def after_reading_document(memory: OpenMemory, owner: str) -> None:
    """The same of an owner's working memory, which has an expiry of its own."""
    ttl = memory.definition.spec.options.ttl
    if ttl.refresh == "read" and ttl.after_ms and await memory.store.touch_document(owner, ttl.after_ms):
        memory.on_refresh()
