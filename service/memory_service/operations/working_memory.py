"""Working memory: one document a thread or an owner, beside the messages, with a version of its own.

A template document is text and is replaced; a schema document is JSON and can be merged (null deletes, lists are
replaced). What a change answers is what it wrote, never what somebody else wrote a moment later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.model.facts import WorkingDocument
from memory_service.model.mutations import Outcome
from memory_service.model.values import Guard, Writing
from memory_service.operations import keeping_alive, privacy
from memory_service.operations.outcomes import settle
from memory_service.policies import documents

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

BUILT_IN_TEMPLATE: Final = """<user>
  <name></name>
  <location></location>
  <preferences></preferences>
  <goals></goals>
  <facts></facts>
</user>"""
"""What a document starts with when the Memory enables working memory and declares neither template nor schema."""

ATTEMPTS: Final = 3
"""How often a merge is tried again when somebody else wrote in between."""

Format = Literal["template", "schema"]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose document: exactly one of the two is set."""

    thread: str | None = None
    owner: str | None = None

    @property
    def scope(self) -> Literal["thread", "owner"]:
        return "thread" if self.thread is not None else "owner"


@dataclass(frozen=True, slots=True)
class Document:
    """A working-memory document; `version` 0 means that nothing is stored, and `content` is what one starts with.

    `outcome` is that of the change that made it so, which on a dry run left version and time as they were.
    """

    content: Any
    format: Format
    scope: Literal["thread", "owner"]
    version: int
    updated_at: int | None
    outcome: Outcome | None = None


async def read(memory: OpenMemory, place: Place) -> Document:
    """The document, or the one it would start with. Raises `working_memory_disabled` or `wrong_scope`."""
    _form(memory, place)
    now = await _now(memory, place)
    if place.thread is not None:
        await keeping_alive.after_read(memory, place.thread)
    elif place.owner is not None and now.version:
        await keeping_alive.after_reading_document(memory, place.owner)
    return now


async def _now(memory: OpenMemory, place: Place) -> Document:
    return present(memory, await memory.store.working(thread=place.thread, owner=place.owner))


def present(memory: OpenMemory, stored: WorkingDocument) -> Document:
    """A stored document as callers see it; one that was never written is what a new one starts with.

    Where a Memory changed from a template to a schema, text of before stays text until the next change replaces it.
    """
    working = memory.definition.spec.options.working_memory
    form: Format = "schema" if working.schema is not None else "template"
    if stored.version == 0:
        return Document(_initial(memory, form), form, working.scope, 0, None)
    content, form = readable(stored.content, form)
    return Document(content, form, working.scope, stored.version, stored.updated_at)


async def replace(memory: OpenMemory, place: Place, content: object, guard: Guard) -> Document:
    """Store a whole document, redacted. Raises `invalid_field` for content of the other kind, `version_mismatch`."""
    form = _form(memory, place)
    desk = privacy.desk(memory)
    content = desk.data(content, "/content")
    raw = _encoded(memory, form, content)
    seen = await _seen(memory, place, guard)
    outcome = settle(await _store(memory, place, raw, seen, Writing(guard.dry_run, guard.key)))
    return _changed(place, form, content, desk.cleaned(outcome, guard))


def prepared(memory: OpenMemory, place: Place, content: object, desk: privacy.Desk) -> bytes:
    """A whole document as it is stored, redacted and checked. Raises Refused as `replace` does."""
    return _encoded(memory, _form(memory, place), desk.data(content, "/content"))


async def merge(memory: OpenMemory, place: Place, content: object, guard: Guard) -> Document:
    """Merge into a schema document. Raises `not_mergeable` for a template, `busy` when others keep writing.

    A replay answers content None where the document has changed too much since, or is gone, to know it still.
    """
    if _form(memory, place) == "template":
        raise Refused("not_mergeable", "a template document is text: replace it with PUT")
    if not isinstance(content, dict):
        raise _wrong_kind("must be an object: the members to change, null to remove one")
    desk = privacy.desk(memory)
    change = desk.data(content, "/content")
    if guard.key is not None and not guard.dry_run and (before := await memory.store.answered(guard.key)) is not None:
        return await _again(memory, place, desk.cleaned(settle(before), guard))
    for _ in range(ATTEMPTS):
        now = await _now(memory, place)
        _check_version(now, guard)
        merged = documents.merged(now.content, change)
        raw = _encoded(memory, "schema", merged)
        outcome = await _store(memory, place, raw, now.version, Writing(guard.dry_run, guard.key, keep=True))
        if outcome.code == "version_mismatch" and guard.if_match is None:
            continue
        cleaned = desk.cleaned(settle(outcome), guard)
        return await _again(memory, place, cleaned) if outcome.replayed else _changed(place, "schema", merged, cleaned)
    raise Refused("busy", "others keep changing this document; try again")


async def delete(memory: OpenMemory, place: Place, guard: Guard) -> Outcome:
    """Remove the document; the outcome says whether there was one (`deleted`)."""
    _form(memory, place)
    return settle(await _store(memory, place, None, guard.if_match, Writing(guard.dry_run, guard.key)))


async def _seen(memory: OpenMemory, place: Place, guard: Guard) -> int | None:
    """The version that the document must have: none where it must be absent. Raises `version_mismatch`."""
    if guard.if_absent and guard.if_match:
        now = await _now(memory, place)
        settle(Outcome("version_mismatch", version=now.version))
    return 0 if guard.if_absent else guard.if_match


def _check_version(now: Document, guard: Guard) -> None:
    if guard.if_match is not None and now.version != guard.if_match:
        settle(Outcome("version_mismatch", version=now.version))


def _changed(place: Place, form: Format, content: object, outcome: Outcome) -> Document:
    return Document(content, form, place.scope, outcome.version, outcome.updated_at, outcome)


async def _again(memory: OpenMemory, place: Place, outcome: Outcome) -> Document:
    """The first answer of a merge that was done before."""
    raw = await memory.store.working_at(outcome.version, thread=place.thread, owner=place.owner)
    content = None if raw is None else readable(raw, "schema")[0]
    return _changed(place, "schema", content, outcome)


def readable(raw: bytes, form: Format) -> tuple[Any, Format]:
    """A stored document's content in a memory of that form; text that a template left behind stays what it is."""
    text = raw.decode(errors="replace")
    if form == "template":
        return text, form
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text, "template"
    return (content, "schema") if isinstance(content, dict) else (text, "template")


def _form(memory: OpenMemory, place: Place) -> Format:
    working = memory.definition.spec.options.working_memory
    if not working.enabled:
        raise Refused("working_memory_disabled", "the Memory does not enable it: set options.workingMemory.enabled")
    if working.scope != place.scope:
        route = f".../{working.scope}s/{{{working.scope}}}/working-memory"
        raise Refused("wrong_scope", f"the Memory keeps a document for each {working.scope}: use {route}")
    return "schema" if working.schema is not None else "template"


def _initial(memory: OpenMemory, form: Format) -> object:
    working = memory.definition.spec.options.working_memory
    return {} if form == "schema" else working.template or BUILT_IN_TEMPLATE


def _encoded(memory: OpenMemory, form: Format, content: object) -> bytes:
    if form == "template":
        if not isinstance(content, str):
            raise _wrong_kind("must be a string: the Memory declares a template")
        raw = content.encode()
    else:
        if not isinstance(content, dict):
            raise _wrong_kind("must be an object: the Memory declares a schema")
        raw = msgspec.json.encode(content)
        _check_schema(memory, content)
    most = memory.definition.spec.options.limits.message_bytes
    if len(raw) > most:
        text = f"is {len(raw)} bytes; this memory takes at most {most} (options.limits.messageBytes)"
        raise Refused("message_too_large", f"the content {text}", [Fault("/content", "message_too_large", text)])
    return raw


def _check_schema(memory: OpenMemory, content: object) -> None:
    broken = documents.faults(memory.definition.spec.options.working_memory.schema or {}, content)
    if broken:
        faults = [Fault(f"/content{path}", "invalid_field", message) for path, message in broken]
        raise Refused("invalid_field", f"{faults[0].path} {faults[0].message}", faults)


def _wrong_kind(text: str) -> Refused:
    return Refused("invalid_field", f"content {text}", [Fault("/content", "invalid_field", text)])


async def _store(memory: OpenMemory, place: Place, raw: bytes | None, if_match: int | None, how: Writing) -> Outcome:
    ttl = memory.definition.spec.options.ttl.after_ms if place.owner is not None else None
    return await memory.store.set_working(
        raw, thread=place.thread, owner=place.owner, if_match=if_match, ttl_ms=ttl or None, how=how
    )
