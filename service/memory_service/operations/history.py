"""A thread's messages: append, write, read, clear, restore, and one message at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memory_service.errors import Refused
from memory_service.model.facts import MessagePage, Slice
from memory_service.model.mutations import Append, Clear, DeleteMessage, Outcome, Replace, Restore, SetMessageTtl
from memory_service.model.values import Guard
from memory_service.operations import accesses, keeping_alive
from memory_service.operations.messages import NewMessage, received
from memory_service.operations.outcomes import settle
from memory_service.operations.relieving import brought, relieved
from memory_service.operations.threads import NewExpiry

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

BACKUP_TTL_MS = 30 * 86_400_000
"""How long a clear's backup can be restored."""


async def append(
    memory: OpenMemory,
    thread: str,
    messages: Sequence[NewMessage],
    guard: Guard,
    *,
    path: str = "/messages",
    one: bool = False,
) -> Outcome:
    """Add messages at the end of a thread, which is created when absent. No messages is a no-op.

    `path` is the JSON Pointer of the list, or of the `one` message.
    """
    new = received(memory, messages, path, one=one)
    return new.cleaned(await brought(memory, Append(thread, new.drafts, guard)), guard)


async def write(
    memory: OpenMemory,
    thread: str,
    messages: Sequence[NewMessage],
    guard: Guard,
    *,
    path: str = "/messages",
    one: bool = False,
) -> Outcome:
    """Replace all messages of a thread by these; readers see the old list or the new one, never a part."""
    new = received(memory, messages, path, one=one)
    return new.cleaned(await brought(memory, Replace(thread, new.drafts, guard)), guard)


async def read(memory: OpenMemory, thread: str, what: Slice) -> MessagePage:
    """A page of a thread's messages.

    Raises `gone` when an id or a cursor belongs to a thread of that name that is no more.
    """
    page = await memory.store.read(thread, what)
    if page.gone:
        raise Refused(
            "gone", "the id or cursor belongs to an earlier thread of this name, which was deleted or expired"
        )
    if page.stale:
        await keeping_alive.after_read(memory, thread)
    await accesses.note(memory, ((thread, message) for message in page.messages))
    return page


async def clear(memory: OpenMemory, thread: str, *, backup: bool, guard: Guard) -> Outcome:
    """Empty a thread; its settings stay. With `backup` a copy can be restored for BACKUP_TTL_MS."""
    return settle(await memory.store.mutate(Clear(thread, BACKUP_TTL_MS if backup else None, guard)))


async def restore(memory: OpenMemory, thread: str, backup_id: str, guard: Guard) -> Outcome:
    """Bring a backup back into an empty thread."""
    outcome = settle(await memory.store.mutate(Restore(thread, backup_id, guard)))
    return await relieved(memory, thread, outcome, guard)


async def one(memory: OpenMemory, thread: str, message_id: str) -> bytes:
    """The stored bytes of one message. Raises `message_not_found`."""
    found = await memory.store.message(thread, message_id)
    if found is None:
        raise no_message(message_id)
    await keeping_alive.after_read(memory, thread)
    await accesses.note(memory, [(thread, found)])
    return found


async def delete_one(memory: OpenMemory, thread: str, message_id: str, guard: Guard) -> Outcome:
    """Remove one message."""
    return settle(await memory.store.mutate(DeleteMessage(thread, message_id, guard)))


async def expire_one(memory: OpenMemory, thread: str, message_id: str, asked: NewExpiry, guard: Guard) -> Outcome:
    """Set or extend the expiry of one message."""
    change = SetMessageTtl(
        thread,
        message_id,
        asked.mode,
        ttl_ms=asked.ttl_ms,
        expires_at=asked.expires_at,
        forever=asked.forever,
        guard=guard,
    )
    return settle(await memory.store.mutate(change))


def no_message(message_id: str) -> Refused:
    """The refusal of an id that names no living message."""
    return Refused("message_not_found", f"the thread has no message {message_id[:64]!r} (any more)")
