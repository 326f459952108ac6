"""Glob patterns over thread ids: `*` any run, `?` one character, everything else itself. Pure, linear in the text."""

from __future__ import annotations

import re
from typing import Final

_PATTERN: Final = re.compile(r"[A-Za-z0-9_:\-@.*?]{1,255}", re.ASCII)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches. No pattern is slow: one star is tried again at a time, the latest."""
    at = star = resume = 0
    seen_star = False
    place = 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            seen_star, star, resume = True, at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif seen_star:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return all(rest == "*" for rest in pattern[at:])


def literal_prefix(pattern: str) -> str:
    """What every match begins with."""
    ends = [place for place in (pattern.find("*"), pattern.find("?")) if place >= 0]
    return pattern[: min(ends)] if ends else pattern


def is_pattern(text: str) -> bool:
    """Whether a text holds a character that only patterns hold."""
    return "*" in text or "?" in text


def valid_pattern(text: str) -> bool:
    """1-255 characters of thread ids, `*` and `?`; matched in full."""
    return _PATTERN.fullmatch(text) is not None
