"""Working memory: one document a thread or an owner, beside the messages, with a version of its own.

A template document is text and is replaced; a schema document is JSON and can be merged (null deletes, lists are
replaced).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.model.facts import WorkingDocument
from memory_service.operations import privacy
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
    """A working-memory document; `version` 0 means that nothing is stored, and `content` is what one starts with."""

    content: Any
    format: Format
    scope: Literal["thread", "owner"]
    version: int
    updated_at: int | None
    redacted: int = 0


async def read(memory: OpenMemory, place: Place) -> Document:
    """The document, or the one it would start with. Raises `working_memory_disabled` or `wrong_scope`."""
    _form(memory, place)
    return present(memory, await memory.store.working(thread=place.thread, owner=place.owner))


def present(memory: OpenMemory, stored: WorkingDocument) -> Document:
    """A stored document as callers see it; one that was never written is what a new one starts with."""
    working = memory.definition.spec.options.working_memory
    form: Format = "schema" if working.schema is not None else "template"
    if stored.version == 0:
        return Document(_initial(memory, form), form, working.scope, 0, None)
    content = stored.content.decode() if form == "template" else msgspec.json.decode(stored.content)
    return Document(content, form, working.scope, stored.version, stored.updated_at)


async def replace(memory: OpenMemory, place: Place, content: object, if_match: int | None) -> Document:
    """Store a whole document, redacted. Raises `invalid_field` for content of the other kind, `version_mismatch`."""
    form = _form(memory, place)
    desk = privacy.desk(memory)
    await _store(memory, place, _encoded(memory, form, desk.data(content, "/content")), if_match)
    return dataclasses.replace(await read(memory, place), redacted=desk.redacted)


async def merge(memory: OpenMemory, place: Place, content: object, if_match: int | None) -> Document:
    """Merge into a schema document. Raises `not_mergeable` for a template, `busy` when others keep writing."""
    if _form(memory, place) == "template":
        raise Refused("not_mergeable", "a template document is text: replace it with PUT")
    if not isinstance(content, dict):
        raise _wrong_kind("must be an object: the members to change, null to remove one")
    desk = privacy.desk(memory)
    content = desk.data(content, "/content")
    for _ in range(ATTEMPTS):
        now = await read(memory, place)
        if if_match is not None and now.version != if_match:
            raise Refused("version_mismatch", f"it is at version {now.version} now", version=now.version)
        try:
            await _store(memory, place, _encoded(memory, "schema", documents.merged(now.content, content)), now.version)
        except Refused as refusal:
            if refusal.code != "version_mismatch" or if_match is not None:
                raise
        else:
            return dataclasses.replace(await read(memory, place), redacted=desk.redacted)
    raise Refused("busy", "others keep changing this document; try again")


async def delete(memory: OpenMemory, place: Place, if_match: int | None) -> bool:
    """Remove the document; True when there was one."""
    _form(memory, place)
    stored = await memory.store.working(thread=place.thread, owner=place.owner)
    await _store(memory, place, None, if_match)
    return stored.version > 0


def _form(memory: OpenMemory, place: Place) -> Format:
    working = memory.definition.spec.options.working_memory
    if not working.enabled:
        raise Refused("working_memory_disabled", "the Memory does not enable it: set options.workingMemory.enabled")
    if working.scope != place.scope:
        raise Refused("wrong_scope", f"the Memory keeps one document a {working.scope}; use that route")
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


async def _store(memory: OpenMemory, place: Place, raw: bytes | None, if_match: int | None) -> None:
    ttl = memory.definition.spec.options.ttl.after_ms if place.owner is not None else None
    settle(
        await memory.store.set_working(
            raw, thread=place.thread, owner=place.owner, if_match=if_match, ttl_ms=ttl or None
        )
    )
