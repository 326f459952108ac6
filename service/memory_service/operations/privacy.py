"""A memory's privacy on whatever comes in, before a byte of it is stored, embedded or searched for.

It fails closed: a text that cannot be redacted refuses the request, and no error tells any of the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import thread_time
from typing import TYPE_CHECKING, Any

import msgspec

from memory_service.errors import DefinitionNotLoaded, Fault, Refused
from memory_service.model.mutations import Cleaned, Outcome
from memory_service.model.values import UNSET, Guard, Settings
from memory_service.policies.redaction import Effort, Redactor, TooCostly, redactor

if TYPE_CHECKING:
    from memory_service.operations.messages import NewMessage
    from memory_service.operations.registry import OpenMemory
    from memory_service.operations.stored import StoredMessage


@dataclass(slots=True)
class Desk:
    """Where the texts of one request are redacted; `redacted` counts those that were changed."""

    redactor: Redactor | None
    effort: Effort = field(default_factory=lambda: Effort(thread_time))
    redacted: int = 0

    def text(self, text: str, path: str, code: str = "message_too_large") -> str:
        """A text without matches. Raises Refused (`code` at `path`) when it takes too long."""
        if self.redactor is None:
            return text
        with _closed(path, code):
            cleaned = self.redactor.text(text, self.effort)
        self.redacted += cleaned != text
        return cleaned

    def data(self, value: Any, path: str) -> Any:
        """JSON data without matches. Raises Refused when it takes too long."""
        if self.redactor is None:
            return value
        with _closed(path, "message_too_large"):
            cleaned = self.redactor.data(value, self.effort)
        self.redacted += cleaned != value
        return cleaned

    def message(self, message: NewMessage, path: str) -> NewMessage:
        """A message whose content and metadata have no matches; it counts once."""
        before = self.redacted
        content = self.text(message.content, f"{path}/content")
        metadata = self.data(message.metadata, f"{path}/metadata") if message.metadata else message.metadata
        if self.redacted == before:
            return message
        self.redacted = before + 1
        return msgspec.structs.replace(message, content=content, metadata=metadata)

    def shown(self, message: StoredMessage) -> StoredMessage:
        """A stored message under the patterns of today: it may be older than they are.

        Where that takes too long, nothing of its text is shown.
        """
        if self.redactor is None:
            return message
        try:
            content = self.redactor.text(message.content, self.effort)
            metadata = self.redactor.data(message.metadata, self.effort)
        except TooCostly:
            content, metadata = self.redactor.replacement, {}
        return msgspec.structs.replace(message, content=content, metadata=metadata)

    def settings(self, settings: Settings) -> Settings:
        """A thread's settings whose title and metadata have no matches."""
        title, metadata = settings.title, settings.metadata
        if title is not UNSET and title is not None:
            title = self.text(title, "/title")
        if isinstance(metadata, dict):
            metadata = self.data(metadata, "/metadata")
        return replace(settings, title=title, metadata=metadata)

    def excludes(self, role: str) -> bool:
        """Whether messages of a role are not kept."""
        return self.redactor is not None and role in self.redactor.excluded

    def cleaned(self, outcome: Outcome, guard: Guard, excluded: Sequence[str] = ()) -> Outcome:
        """The outcome with what privacy did; one that changed nothing, or of before, is not counted again."""
        if self.redactor is None:
            return outcome
        counted = not guard.dry_run and not outcome.replayed
        return replace(outcome, cleaned=Cleaned(self.redacted, tuple(Counter(excluded).items()), counted))


def desk(memory: OpenMemory) -> Desk:
    """A desk for one request to a memory. Raises DefinitionNotLoaded when its patterns cannot be used."""
    privacy = memory.definition.spec.options.privacy
    if privacy is None:
        return _NOTHING
    try:
        return Desk(redactor(privacy))
    except ValueError as error:
        raise DefinitionNotLoaded(f"a redaction pattern cannot be used, so nothing is taken: {error}") from None


_NOTHING = Desk(None)
"""The desk of a memory without privacy: it changes nothing, so all share it."""


def told(outcome: Outcome) -> dict[str, int]:
    """What answers say of privacy, in numbers: nothing at all where the memory declares none."""
    if outcome.cleaned is None:
        return {}
    return {"redacted": outcome.cleaned.redacted, "excluded": outcome.cleaned.kept_out}


@contextmanager
def _closed(path: str, code: str) -> Iterator[None]:
    """Turn what can go wrong into a refusal without the text, and without the error that may hold it."""
    try:
        yield
    except TooCostly:
        text = "takes too long to redact with this memory's patterns (options.privacy.redact); send it in smaller parts"
        raise Refused(code, f"{path or 'the text'} {text}", [Fault(path, code, text)]) from None
    except (ValueError, RuntimeError, MemoryError):
        raise DefinitionNotLoaded("the text could not be redacted, so nothing was stored") from None
