"""What a memory's privacy makes of texts and data: every match of a pattern replaced, nothing kept that still matches.

Pure. A search is linear in the text, but a text may be searched again after each of many matches, so the work of one
request is bounded in seconds of CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
from memory_crd import patterns
from memory_crd.options import Privacy

PASSES: Final = 4
"""How often a text is looked at again: a replacement may make a new match together with what stands beside it."""
SECONDS: Final = 0.5
"""CPU that the texts of one request may take."""


class TooCostly(Exception):
    """The texts of a request would take longer than SECONDS to redact."""


class Effort:
    """The CPU that one request has left for redaction; `clock` tells what was used so far, in seconds."""

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = clock() + SECONDS

    def check(self) -> None:
        """Raise TooCostly when it is spent."""
        if self._clock() > self._until:
            raise TooCostly


@dataclass(frozen=True, slots=True)
class Redactor:
    """One memory's patterns, compiled."""

    searches: tuple[Any, ...]
    replacement: str
    excluded: frozenset[str]

    def text(self, text: str, effort: Effort) -> str:
        """The text with every match replaced. One that still has a match after PASSES is replaced as a whole.

        Raises TooCostly, and UnicodeEncodeError for what is no Unicode text.
        """
        raw, mark = text.encode(), self.replacement.encode()
        for turn in range(PASSES):
            spans = self._spans(raw, effort)
            if not spans:
                return raw.decode() if turn else text
            raw = _replaced(raw, spans, mark)
        return self.replacement if self._spans(raw, effort) else raw.decode()

    def data(self, value: Any, effort: Effort) -> Any:
        """JSON data with texts, keys and numbers redacted, however deep; a number that matches becomes a text.

        Of keys that become equal the first stays.
        """
        if isinstance(value, str):
            return self.text(value, effort)
        if isinstance(value, dict):
            kept: dict[str, Any] = {}
            for key, member in value.items():
                kept.setdefault(self.text(key, effort), self.data(member, effort))
            return kept
        if isinstance(value, list):
            return [self.data(item, effort) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = msgspec.json.encode(value).decode()
            cleaned = self.text(written, effort)
            return value if cleaned == written else cleaned
        return value

    def _spans(self, raw: bytes, effort: Effort) -> list[tuple[int, int]]:
        """Where something matches, in bytes; overlapping ones too, empty ones left out."""
        found = []
        for search in self.searches:
            effort.check()
            for match in search.finditer(raw):
                effort.check()
                start, end = match.span()
                if end > start:
                    found.append((start, end))
        return found


def _replaced(raw: bytes, spans: Iterable[tuple[int, int]], mark: bytes) -> bytes:
    """The bytes with each run of spans that overlap or touch replaced once."""
    parts: list[bytes] = []
    at = 0
    for start, end in _merged(sorted(spans)):
        parts += (raw[at:start], mark)
        at = end
    return b"".join((*parts, raw[at:]))


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = [spans[0]]
    for start, end in spans[1:]:
        before, until = merged[-1]
        if start <= until:
            merged[-1] = (before, max(until, end))
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=1024)
def redactor(privacy: Privacy) -> Redactor:
    """What a declared privacy does. Raises ValueError for a pattern that does not compile."""
    searches = tuple(patterns.compiled(pattern) for pattern in privacy.redact)
    return Redactor(searches, privacy.replacement, frozenset(privacy.exclude_roles))
