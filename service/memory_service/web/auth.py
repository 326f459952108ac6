"""Callers: API keys, known by their SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from memory_service.errors import Refused

log = logging.getLogger(__name__)

ANONYMOUS: Final = "anonymous"
_LOCAL: Final = re.compile(rb"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?")
_LINE: Final = re.compile(r"([0-9a-fA-F]{64})(?:\s+(\S{1,128}))?")


class OpenDoor:
    """No credentials: everybody who reaches the listener may ask, but no web page of elsewhere through a browser.

    A browser lets any page send simple requests to this machine. It says so in Sec-Fetch-Site; and a name that was
    rebound to a loopback address shows in Host, which is why `local` listeners answer to local names only.
    """

    def __init__(self, *, local: bool) -> None:
        self._local = local

    def principal(self, headers: Mapping[bytes, bytes]) -> str:
        """Who asks. Raises Refused `forbidden` for a request that a foreign page made."""
        if headers.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site"):
            raise Refused(
                "forbidden", "pages of other origins may not ask here: this service has no credentials to check"
            )
        if self._local and not _LOCAL.fullmatch(headers.get(b"host", b"localhost").lower()):
            raise Refused("forbidden", "without credentials this service answers to localhost and 127.0.0.1 only")
        return ANONYMOUS

    def refresh(self) -> None:
        """Nothing to read again."""


class ApiKeys:
    """The keys in a file: a line each, `<sha256 in hex>[ name]`. Read again when the file changes.

    Several keys make rotation possible; names label nothing but idempotency scopes and logs.
    Raises OSError or ValueError when the file cannot be used at start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = None
        self._keys: Mapping[bytes, str] = {}
        self._load()

    def principal(self, headers: Mapping[bytes, bytes]) -> str:
        """The name of the key in the Authorization header. Raises Refused `unauthenticated`."""
        header = headers.get(b"authorization")
        if header is None:
            raise Refused("unauthenticated", "send Authorization: Bearer <API key>")
        scheme, _, token = header.partition(b" ")
        digest = hashlib.sha256(token.strip()).digest()
        found = ""
        for known, name in self._keys.items():  # every key is compared, so time tells nothing about which one is near
            if hmac.compare_digest(known, digest):
                found = name
        if not found or scheme.lower() != b"bearer":
            raise Refused("unauthenticated", "the API key is not known here")
        return found

    def refresh(self) -> None:
        """Read the file again if it changed; a broken one leaves the keys as they were."""
        try:
            if self._stamp != _stamp(self._path):
                self._load()
        except (OSError, ValueError) as fault:
            log.warning("API keys stay as they were: %s", fault)

    def _load(self) -> None:
        stamp = _stamp(self._path)
        keys: dict[bytes, str] = {}
        for number, line in enumerate(self._path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise ValueError(f"{self._path} line {number} is not a SHA-256 in hex, optionally followed by a name")
            keys[bytes.fromhex(match[1])] = match[2] or match[1][:8].lower()
        if not keys:
            raise ValueError(f"{self._path} has no key")
        self._keys, self._stamp = keys, stamp


def _stamp(path: Path) -> object:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
