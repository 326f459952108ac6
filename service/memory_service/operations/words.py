"""The scalar words of the API, each with its grammar, its code and its JSON schema in one place.

A word is read from plain JSON data by `read`, which raises ValueError with the remedy; web turns that into a fault with
the word's code, or with that of the place it stands in when it has none. The classes name grammars and are never made:
what is read is a plain str or int.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from memory_crd import durations
from msgspec import Meta

from memory_service.operations import moments

THREAD_PATTERN: Final = r"^(?!__)(?!\.+$)[A-Za-z0-9_:\-@.]{1,255}(?<!__)$"
OWNER_PATTERN: Final = r"^[A-Za-z0-9_:\-@.|+=~]{1,255}$"
MESSAGE_ID_PATTERN: Final = r"^[1-9][0-9]{0,14}-[1-9][0-9]{0,9}$"
TITLE_CHARACTERS: Final = 1024
"""Of a thread's title, at most, before and after redaction."""
MEMORY_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$"


class Text(str):
    """A string that matches a pattern in full."""

    code: ClassVar[str | None] = None
    pattern: ClassVar[str]
    remedy: ClassVar[str]
    matcher: ClassVar[re.Pattern[str]]

    def __init_subclass__(cls) -> None:
        cls.matcher = re.compile(cls.pattern.removeprefix("^").removesuffix("$").replace("+$", r"+\Z"), re.ASCII)

    @classmethod
    def read(cls, raw: object) -> str:
        if not isinstance(raw, str) or cls.matcher.fullmatch(raw) is None:
            raise ValueError(cls.remedy)
        return raw

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": cls.pattern, "description": cls.remedy}


class ThreadId(Text):
    """A thread's id, chosen by the client."""

    code = "invalid_thread"
    pattern = THREAD_PATTERN
    remedy = "must be 1 to 255 characters of A-Z a-z 0-9 _ : - @ . with no __ at either end, and not only dots"


class OwnerId(Text):
    """The person or thing that a thread belongs to."""

    code = "invalid_owner"
    pattern = OWNER_PATTERN
    remedy = "must be 1 to 255 characters of A-Z a-z 0-9 _ : - @ . | + = ~"


class AnyOwner(Text):
    """An owner, or `*` for every one (administrators)."""

    code = "invalid_owner"
    pattern = r"^([A-Za-z0-9_:\-@.|+=~]{1,255}|\*)$"
    remedy = "must be 1 to 255 characters of A-Z a-z 0-9 _ : - @ . | + = ~, or * for every owner"


class MessageId(Text):
    """A message's id: the incarnation of its thread, a hyphen, its number there."""

    pattern = MESSAGE_ID_PATTERN
    remedy = "must be a message id as the service gave it, such as 8-200"


class Duration(int):
    """A length of time in milliseconds, written `30m`, `24h`, `30d` or as whole seconds; 0 is no expiry."""

    code: ClassVar[str | None] = "invalid_ttl"

    @classmethod
    def read(cls, raw: object) -> int:
        return durations.parse(raw)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {
            "description": f"{durations.FORMS}; 0 is no expiry",
            "anyOf": [
                {"type": "string", "pattern": durations.PATTERN},
                {"type": "integer", "minimum": 0, "maximum": durations.MAX_SECONDS},
            ],
        }


class Span(Duration):
    """A length of time that is no time to live: how long to wait, how far to look ahead."""

    code = None


class Moment(int):
    """An instant in milliseconds since the epoch, written in RFC 3339."""

    code: ClassVar[str | None] = None

    @classmethod
    def read(cls, raw: object) -> int:
        if not isinstance(raw, str):
            raise ValueError("must be an RFC 3339 time, such as 2026-01-31T12:00:00Z")
        return moments.parse(raw)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Expiry(Moment):
    """The instant when something expires."""

    code = "invalid_ttl"


Version = Annotated[
    int, Meta(ge=0, le=(1 << 53) - 1, description="Rises over the memory's life and is never used again.")
]
"""A thread's version. Beyond, JSON numbers are no whole ones any more for half of its readers."""


def is_memory_id(text: str) -> bool:
    """True for what could be a memory's id at all."""
    return _MEMORY.fullmatch(text) is not None


_MEMORY = re.compile(MEMORY_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)

WORDS: Final[Mapping[str, type]] = {
    word.__name__: word for word in (ThreadId, OwnerId, AnyOwner, MessageId, Duration, Span, Moment, Expiry)
}
