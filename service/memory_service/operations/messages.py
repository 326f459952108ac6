"""A message on its way in: from what a caller sent to the Draft that the store keeps, with every limit checked before.

The canonical JSON is written here, once; reads join these bytes and never decode them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.errors import Fault, Refused
from memory_service.model.mutations import Outcome
from memory_service.model.values import Draft, Guard, Role
from memory_service.operations import moments, privacy
from memory_service.operations.words import Duration, Expiry, Moment

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

MAX_BATCH: Final = 1_000
"""Messages of one request, over all threads it names."""

_encode = msgspec.json.Encoder().encode


class NewMessage(msgspec.Struct, frozen=True):
    """A message to store. The service gives it an id, and the time if it says none."""

    code = "invalid_message"

    content: Annotated[str, Meta(min_length=1, description="What was said.")]
    role: Role = "user"
    timestamp: Annotated[Moment | UnsetType, Meta(description="When it was said; now if absent.")] = UNSET
    metadata: Annotated[dict[str, Any], Meta(description="Whatever else belongs to it.")] = {}
    ttl: Annotated[Duration | UnsetType, Meta(description="Its own expiry, from now on.")] = UNSET
    expires_at: Annotated[Expiry | UnsetType, Meta(description="Its own expiry, as an instant.")] = UNSET


@dataclass(frozen=True, slots=True)
class Received:
    """Messages as the store takes them, redacted, and what is not there: the role of each message that is not kept."""

    drafts: tuple[Draft, ...]
    excluded: tuple[str, ...]
    desk: privacy.Desk

    def cleaned(self, outcome: Outcome, guard: Guard) -> Outcome:
        """The outcome of storing them, with what privacy did."""
        return self.desk.cleaned(outcome, guard, self.excluded)


def received(
    memory: OpenMemory,
    messages: Sequence[NewMessage],
    path: str = "/messages",
    *,
    one: bool = False,
    pinned: bool = False,
) -> Received:
    """The messages, redacted and checked. `path` is the JSON Pointer of their list, or of the `one` message.

    With `pinned` an expiry may be over: they are of a thread whose pin keeps them all the same.
    Messages of excluded roles are checked like the others, then left out. Raises Refused with every fault of every
    message: `invalid_message`, `invalid_ttl`, `message_too_large`, `request_too_large`.
    """
    if len(messages) > MAX_BATCH:
        text = f"has {len(messages)} messages; a request takes at most {MAX_BATCH}, so send several"
        raise Refused("request_too_large", f"the request {text}", [Fault(path, "request_too_large", text)])
    desk = privacy.desk(memory)
    now, faults = memory.clock.now_ms(), []
    over = 0 if pinned else now
    limits = memory.definition.spec.options.limits
    out: list[Draft] = []
    excluded: list[str] = []
    for index, sent in enumerate(messages):
        place = path if one else f"{path}/{index}"
        out_of_here = desk.excludes(sent.role)
        message = sent if desk.redactor is None or out_of_here else desk.message(sent, place)
        draft = _draft(message, now, memory.counter.count)
        faults += _faults(message, draft, place, limits.message_bytes, limits.metadata_keys, over)
        if out_of_here:
            excluded.append(sent.role)
        else:
            out.append(draft)
    if faults:
        raise Refused(faults[0].code, f"{faults[0].path or 'the message'} {faults[0].message}", faults)
    return Received(tuple(out), tuple(excluded), desk)


def of_our_own(memory: OpenMemory, message: NewMessage) -> Draft | None:
    """A message that the service says itself, redacted; None where its role is not kept.

    `options.limits` are for what callers send: a memory without metadata keys can still be summarised.
    """
    desk = privacy.desk(memory)
    if desk.excludes(message.role):
        return None
    message = message if desk.redactor is None else desk.message(message, "")
    return _draft(message, memory.clock.now_ms(), memory.counter.count)


def _draft(message: NewMessage, now: int, count: Callable[[str], int]) -> Draft:
    at = now if message.timestamp is UNSET else message.timestamp
    text = b'"role":"%s","content":%s,"timestamp":"%s"' % (
        message.role.encode(),
        _encode(message.content),
        moments.render(at).encode(),
    )
    if message.metadata:
        text += b',"metadata":' + _encode(message.metadata)
    ttl = None if message.ttl is UNSET or message.ttl == 0 else int(message.ttl)
    expiry = None if message.expires_at is UNSET else int(message.expires_at)
    return Draft(message.role, text + b"}", count(message.content), ttl, expiry)


def _faults(message: NewMessage, draft: Draft, path: str, most_bytes: int, most_keys: int, over: int) -> list[Fault]:
    """What this memory's limits say against a message; the cheap, common case allocates nothing else."""
    faults = []
    if len(draft.tail) > most_bytes:
        remedy = (
            f"is {len(draft.tail)} bytes of JSON; this memory takes at most {most_bytes} (options.limits.messageBytes)"
        )
        faults.append(Fault(path, "message_too_large", remedy))
    if message.metadata and (keys := count_keys(message.metadata)) > most_keys:
        remedy = f"has {keys} keys; this memory takes at most {most_keys} (options.limits.metadataKeys)"
        faults.append(Fault(f"{path}/metadata", "invalid_message", remedy))
    if message.ttl is not UNSET and message.expires_at is not UNSET:
        faults.append(Fault(f"{path}/expires_at", "invalid_ttl", "excludes ttl; send one of the two"))
    if message.expires_at is not UNSET and message.expires_at <= over:
        faults.append(Fault(f"{path}/expires_at", "invalid_ttl", "lies in the past"))
    return faults


def count_keys(value: object) -> int:
    """Keys of an object, nested ones included."""
    if isinstance(value, dict):
        return len(value) + sum(count_keys(item) for item in value.values())
    if isinstance(value, list):
        return sum(count_keys(item) for item in value)
    return 0
