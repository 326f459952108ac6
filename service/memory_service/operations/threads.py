"""Threads: settings, facts, lists, expiry, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.model.facts import Facts, ThreadPage, ThreadQuery
from memory_service.model.mutations import Configure, Delete, Outcome, SetTtl
from memory_service.model.values import Guard, Settings
from memory_service.operations import privacy
from memory_service.operations.messages import count_keys
from memory_service.operations.outcomes import settle
from memory_service.operations.words import TITLE_CHARACTERS

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


@dataclass(frozen=True, slots=True)
class NewExpiry:
    """What POST ttl asks for: exactly one of a time to live, an instant, no expiry at all, or a pin."""

    mode: Literal["extend", "set"] = "extend"
    ttl_ms: int | None = None
    expires_at: int | None = None
    forever: bool = False
    pinned: bool | None = None


async def facts(memory: OpenMemory, thread: str) -> Facts:
    """A thread as it is; an absent one has `exists` False."""
    return await memory.store.facts(thread)


async def listed(memory: OpenMemory, query: ThreadQuery) -> ThreadPage:
    """A page of the memory's threads."""
    return await memory.store.threads(query)


async def configure(
    memory: OpenMemory,
    thread: str,
    settings: Settings,
    mode: Literal["replace", "merge", "create"],
    guard: Guard,
    *,
    window: str = "/max_messages",
) -> Outcome:
    """Replace (PUT), merge (PATCH) or insist on (create) a thread's settings; the thread is created when absent.

    Raises `invalid_field` at `window` for a window of its own in a memory that flushes, and what `redacted` raises.
    """
    check_window(memory, settings, window)
    if settings.ttl_ms in (0, None):
        _check_required(memory)
    desk = privacy.desk(memory)
    change = Configure(thread, redacted(memory, desk, settings), mode, guard)
    return desk.cleaned(settle(await memory.store.mutate(change)), guard)


def redacted(memory: OpenMemory, desk: privacy.Desk, settings: Settings, path: str = "") -> Settings:
    """A thread's settings as they are stored, in which a match may have become longer. `path` is where they stand.

    Raises `invalid_field` for a title, and `invalid_message` or `message_too_large` for metadata, beyond the limits.
    """
    settings = desk.settings(settings)
    if isinstance(settings.metadata, dict):
        _check_metadata(memory, settings.metadata, f"{path}/metadata")
    if isinstance(settings.title, str) and len(settings.title) > TITLE_CHARACTERS:
        text = f"has {len(settings.title)} characters as redacted; a title has at most {TITLE_CHARACTERS}"
        raise Refused("invalid_field", f"the title {text}", [Fault(f"{path}/title", "invalid_field", text)])
    return settings


def _check_required(memory: OpenMemory) -> None:
    """Refuse "no expiry" where there must be one; a maximum age is one for every thread."""
    ttl = memory.definition.spec.options.ttl
    if ttl.required and not ttl.max_age_ms:
        text = "is no expiry, and this memory requires one (options.ttl.required); pin the thread to keep it"
        raise Refused("invalid_ttl", f"the ttl {text}", [Fault("/ttl", "invalid_ttl", text)])


def check_window(memory: OpenMemory, settings: Settings, path: str) -> None:
    """Raises Refused at `path`: a thread's own window would mix an exact window with flushes."""
    if memory.definition.spec.options.flushing is not None and isinstance(settings.max_messages, int):
        text = "is a window of its own, and this memory flushes (options.flushing); leave it out"
        raise Refused("invalid_field", f"{path} {text}", [Fault(path, "invalid_field", text)])


def _check_metadata(memory: OpenMemory, metadata: dict[str, Any], path: str) -> None:
    """Raises Refused where a thread's metadata exceeds the memory's limits."""
    limits = memory.definition.spec.options.limits
    if (keys := count_keys(metadata)) > limits.metadata_keys:
        raise _metadata("invalid_message", f"has {keys} keys; this memory takes at most {limits.metadata_keys}", path)
    if (size := len(msgspec.json.encode(metadata))) > limits.message_bytes:
        raise _metadata("message_too_large", f"is {size} bytes; this memory takes at most {limits.message_bytes}", path)


def _metadata(code: str, text: str, path: str) -> Refused:
    return Refused(code, f"metadata {text}", [Fault(path, code, text)])


async def expire(memory: OpenMemory, thread: str, asked: NewExpiry, guard: Guard) -> Outcome:
    """Set or extend a thread's expiry, or pin it. Raises `thread_not_found`, `invalid_ttl`."""
    if asked.forever:
        _check_required(memory)
    change = SetTtl(
        thread,
        asked.mode,
        ttl_ms=asked.ttl_ms,
        expires_at=asked.expires_at,
        forever=asked.forever,
        pinned=asked.pinned,
        guard=guard,
    )
    return settle(await memory.store.mutate(change))


async def delete(memory: OpenMemory, thread: str, guard: Guard) -> Outcome:
    """Remove a thread with all it has; an absent one is success with `deleted` False."""
    return settle(await memory.store.mutate(Delete(thread, guard)))
