"""From a template's text to tokens: literal text, and what is inside `{{ }}`. Linear in the text."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from memory_service.policies.gotemplate.budget import Budget
from memory_service.policies.gotemplate.faults import TemplateError, shown

SPACES: Final = " \t\r\n"
_COMMENT: Final = re.compile(r"(?:-[ \t\r\n]+)?/\*(?:(?!\*/).)*+\*/(?:[ \t\r\n]+-)?\}\}", re.DOTALL)
_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]++)
  | (?P<close>\}\})
  | (?P<string>"(?:[^"\\\n]|\\.)*+" | '(?:[^'\\\n]|\\.)*+' | `[^`]*+`)
  | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
        | (?:[0-9][0-9_]*+(?:\.[0-9_]*+)? | \.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?))
  | (?P<field>\.[^\W\d][\w]*+(?:-[\w]++)*+)
  | (?P<variable>\$(?:[^\W\d]\w*+)?)
  | (?P<name>[^\W\d]\w*+)
  | (?P<declare>:=)
  | (?P<mark>[().|,=])
    """,
    re.VERBOSE,
)
_WORD: Final = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is text, end (of an action), or a group of _TOKEN; `glued` when no space stands before it."""

    kind: str
    text: str
    at: int
    glued: bool = False


def tokens(source: str, budget: Budget) -> Iterator[Token]:
    """Every token, in order. Raises TemplateError."""
    at, trim = 0, False
    while True:
        start = source.find("{{", at)
        piece = source[at : start if start >= 0 else len(source)]
        if trim:
            piece = piece.lstrip(SPACES)
        inside = start + 2
        trims = start >= 0 and source[inside : inside + 1] == "-" and source[inside + 1 : inside + 2] in tuple(SPACES)
        if trims:
            piece = piece.rstrip(SPACES)
        if piece:
            budget.step()
            yield Token("text", piece, at)
        if start < 0:
            return
        comment = _COMMENT.match(source, inside)
        if comment is not None:
            at, trim = comment.end(), comment[0].endswith("-}}")
            continue
        at, trim = yield from _action(source, inside + 1 if trims else inside, budget)


def _action(source: str, at: int, budget: Budget) -> Generator[Token, None, tuple[int, bool]]:
    """The tokens of one action; returns where it ends and whether the text after it is trimmed."""
    opened, glued = at, False
    while True:
        match = _TOKEN.match(source, at)
        if match is None:
            raise _unreadable(source, at, opened)
        kind = match.lastgroup or ""
        if kind == "space":
            if source.startswith("-}}", match.end()):
                yield Token("end", "}}", match.end())
                return match.end() + 3, True
            glued, at = False, match.end()
            continue
        budget.step()
        if kind == "close":
            yield Token("end", "}}", at)
            return match.end(), False
        if kind == "number" and _WORD.match(source, match.end()):
            raise TemplateError(f"has the bad number {shown(match[0] + source[match.end()])} at character {at}")
        yield Token(kind if kind != "mark" else match[0], match[0], at, glued)
        glued, at = True, match.end()


def _unreadable(source: str, at: int, opened: int) -> TemplateError:
    if at >= len(source):
        return TemplateError(f"opens {{{{ at character {opened - 2} and never closes it")
    if source[at] in "\"'`":
        return TemplateError(f"has a string at character {at} that does not end")
    if source.startswith("/*", at):
        return TemplateError(f"has a comment at character {at} that is not {{{{/* like this */}}}}")
    return TemplateError(f"has {shown(source[at])} at character {at}, which means nothing there")


_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL
)
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def string_value(token: Token) -> str:
    """What a string token says. Raises TemplateError for an escape that is none."""
    inner = token.text[1:-1]
    if token.text[0] == "`" or "\\" not in inner:
        return inner
    return _ESCAPE.sub(lambda match: _unescaped(match, token), inner)


def _unescaped(match: re.Match[str], token: Token) -> str:
    simple, byte, octal, short, long, other = match.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    if other is None:
        number = int(byte or short or long, 16) if octal is None else int(octal, 8)
        whole = number < 0x80 if byte or octal else number <= 0x10FFFF and not 0xD800 <= number < 0xE000
        if whole:
            return chr(number)
    raise TemplateError(f"has the bad escape {shown(match[0])} in the string at character {token.at}")


def number_value(token: Token) -> int | float:
    """What a number token says. Raises TemplateError beyond 64 bits."""
    text = token.text
    digits = text.lstrip("+-")
    try:
        if digits[:2].lower() in ("0x", "0o", "0b"):
            value: int | float = int(text, 0)
        elif digits.replace("_", "").isdecimal():
            value = int(text.replace("_", ""), 8 if len(digits) > 1 and digits[0] == "0" else 10)
        else:
            value = float(text)
    except ValueError:
        raise TemplateError(f"has the bad number {shown(text)} at character {token.at}") from None
    if value in (float("inf"), float("-inf")) or (isinstance(value, int) and not -(1 << 63) <= value < 1 << 64):
        raise TemplateError(f"has the number {shown(text)} at character {token.at}, which is beyond 64 bits")
    return value
