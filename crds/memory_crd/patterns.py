"""Redaction patterns: RE2, the syntax that the API server's own rules use, in time linear in the text. Pure.

The engine is loaded at the first pattern: whoever declares none pays nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

MOST_STEPS: Final = 1_000
"""Largest program that a pattern may compile to: what one byte of text can cost at worst."""
MEMORY: Final = 1 << 20
"""Bytes that the engine may spend on a pattern; a pattern that needs more does not compile."""

_SINGLE_BYTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\C")


def fault(pattern: str) -> str | None:
    """What is wrong with a pattern, None when it can be used."""
    try:
        found = compiled(pattern)
    except ValueError as error:
        return str(error)
    if found.search("") is not None:
        return "matches the empty text, so it would match everywhere"
    if too_complex(pattern):
        return f"is too complex: it compiles to {_steps(found)} steps, at most {MOST_STEPS} can be served"
    return None


def too_complex(pattern: str) -> bool:
    """Whether a pattern that is right otherwise costs too much: only compiling shows it, so no schema can say it."""
    try:
        found = compiled(pattern)
    except ValueError as error:
        return "pattern too large" in str(error)
    return found.search("") is None and _steps(found) > MOST_STEPS


def _steps(found: Any) -> int:
    return max(int(found.programsize), int(found.reverseprogramsize))


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The pattern as an RE2 expression. Raises ValueError with what the engine says against it."""
    import re2

    if _SINGLE_BYTE.search(pattern):
        raise ValueError(r"uses \C, which would cut characters in two")
    options = re2.Options()
    options.log_errors = False  # it would write texts to stderr
    options.never_capture = True
    options.max_mem = MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else b"cannot be compiled"
        raise ValueError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None
    except UnicodeEncodeError:
        raise ValueError("is not Unicode text") from None


def matched(patterns: tuple[str, ...], text: str) -> bool:
    """Whether a text matches one of these patterns; those that do not compile match nothing."""
    return any(compiled(each).search(text) is not None for each in patterns if fault(each) is None)
