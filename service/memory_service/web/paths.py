"""The guard in front of the router: the raw path, split before it is decoded.

A router that decodes first takes `a%2Fmessages` for another route. Here each segment is decoded once, on its own, and
what stands where a thread or an owner belongs must match its grammar in full; what no route can name is not found.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from memory_service.errors import Fault, Refused
from memory_service.operations.words import MessageId, OwnerId, Text, ThreadId, is_memory_id

PREFIX: Final = "v1"
_MEMORY, _KIND, _NAME, _SUB, _ID = 2, 3, 4, 5, 6


def segments(raw_path: bytes) -> list[str]:
    """The decoded segments of a request's path. Raises Refused: `invalid_thread`, `invalid_owner`, or a 404 code."""
    if not raw_path.startswith(b"/"):
        raise _not_found()
    if b"%" not in raw_path and raw_path.isascii():
        names = raw_path.decode().split("/")[1:]
    else:
        names = [_decoded(part) for part in raw_path.split(b"/")[1:]]
    if names[0] == PREFIX and len(names) > _MEMORY:
        _check(names)
    elif any("/" in name for name in names):
        raise _not_found()
    return names


def _decoded(part: bytes) -> str:
    """One segment, percent-decoded once; what is not UTF-8 becomes a text that no grammar has."""
    return unquote_to_bytes(part).decode(errors="replace") if b"%" in part else part.decode(errors="replace")


def _check(names: list[str]) -> None:
    if len(names) > _NAME and names[_KIND] in _WORDS:
        word, place = _WORDS[names[_KIND]]
        _match(word, names[_NAME], place)
    if names[1] != "memories":
        raise _not_found()
    if not is_memory_id(names[_MEMORY]):
        raise Refused("memory_not_found", "no memory has such an id; GET /v1/memories lists them")
    names_message = len(names) > _ID and names[_KIND] == "threads" and names[_SUB] == "messages"
    if names_message and MessageId.matcher.fullmatch(names[_ID]) is None:
        raise Refused("message_not_found", "no message has such an id")
    if any("/" in name for name in names):
        raise _not_found()


def _match(word: type[Text], name: str, place: str) -> None:
    if word.matcher.fullmatch(name) is None:
        code = word.code or "route_not_found"
        raise Refused(code, f"the {place} in the path {word.remedy}", [Fault(f"path:{place}", code, word.remedy)])


def _not_found() -> Refused:
    return Refused("route_not_found", "there is no such route; GET /openapi.json lists them")


_WORDS: Final[dict[str, tuple[type[Text], str]]] = {"threads": (ThreadId, "thread"), "owners": (OwnerId, "owner")}
