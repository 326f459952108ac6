"""The Lua scripts: each a list of files, joined, with the constants that Python and Lua share put in."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from memory_service.adapters.redis.codec import KEYED_BODY, KEYED_DIGEST
from memory_service.keys import DOCUMENT_ANSWERS, IDEMPOTENCY_BUCKET_MS, IDEMPOTENCY_KEPT_MS, KINDS
from memory_service.model.mutations import CODES
from memory_service.model.values import PARTITIONS

Part = str | tuple[str, tuple[str, ...]]

_THREADS: Final = ("base", "values", "header", "headers", "load")
_WRITE: Final = ("memory", "outbox", "ended", "policy", "outcome", "expiry", "life")
_CORE: Final = ("base", "values", "batch", "memory", "policy", "idempotency()", "lane")
_STORED: Final = (
    *("header", "cached", "load", "accesses", "outbox", "ended", "outcome", "expiry", "life"),
    *("find()", "burial()", "purge()"),
)
_ROWS: Final = (
    *("messages", "removal()", "ttl()", "settings()", "flush()", "restore()", "import()"),
    *("arrival", "rows", "frame"),
)
PARTS: Final[dict[str, tuple[Part, ...]]] = {
    "mutate": (*_CORE, ("general", (*_STORED, *_ROWS)), "mutate"),
    "document": (*_THREADS, *_WRITE, "burial()", "idempotency()", "document"),
    "reserve": ("base", "idempotency()", "reserve"),
    "answered": ("base", "memory", "idempotency()", "answered"),
    "reap": (*_THREADS, "accesses", *_WRITE, "find()", "burial()", "purge()", "reap"),
    "forget": (*_THREADS, "memory", "outbox", "ended", "burial()", "forget"),
    "enqueue": (*_THREADS, "memory", "enqueue"),
    "recount": (*_THREADS, "memory", "recount"),
    "erase": ("base", "erase"),
    "expiring": ("base", "expiring"),
    "totals": ("base", "totals"),
    "admit": ("base", "admit"),
    "tally": (*_THREADS, "find()", "tally"),
    "stage": ("base", "stage"),
    "snapshot": ("base", "values", "header", "snapshot"),
    "read": (*_THREADS, "find()", "read"),
    "used": (*_THREADS, "used"),
    "check": (*_THREADS, "find()", "check"),
    "acknowledge": ("base", "acknowledge"),
    "lease": ("base", "lease"),
}
"""Script -> its files in lua/, in order. Shared text is a file of its own, so that nothing is decided in two places.

A file with `()` behind its name is a module: it becomes a function of that name that returns the file's table of
functions, so that what a script rarely needs is made only when it is called for. A pair is a module of several files.
"""


_CONSTANT: Final = re.compile(r"\b[KCN]_[a-z_]+\b")
_CONSTANTS: Final[dict[str, str | int]] = {
    **{f"K_{kind}": text for kind, text in KINDS.items()},
    **{f"C_{code}": number for number, code in enumerate(CODES)},
    "N_partitions": PARTITIONS,
    "N_bucket": IDEMPOTENCY_BUCKET_MS,
    "N_kept": IDEMPOTENCY_KEPT_MS,
    "N_answers": DOCUMENT_ANSWERS,
    "N_digest": KEYED_DIGEST,
    "N_body": KEYED_BODY,
}
"""`K_*` kinds of keys, `C_*` outcome codes, `N_*` numbers: put into the text, because Lua has 200 locals at most."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script as Redis knows it: the text for SCRIPT LOAD and its SHA-1 for EVALSHA."""

    name: str
    text: bytes
    sha: bytes


@cache
def script(name: str) -> Script:
    """A script by name. Raises KeyError for one that does not exist."""
    folder = files(__package__) / "lua"
    body = "".join(_part(folder, part) for part in PARTS[name])
    text = _CONSTANT.sub(lambda found: repr(_CONSTANTS[found[0]]), body).encode()
    return Script(name, text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def _part(folder: Traversable, part: Part) -> str:
    if isinstance(part, tuple):
        name, parts = part
        return _module(name, "".join(_part(folder, each) for each in parts))
    name = part.removesuffix("()")
    text = (folder / f"{name}.lua").read_text("utf-8")
    return text if name == part else _module(name, text)


def _module(name: str, text: str) -> str:
    return f"local function {name}()\n{text}end\n"


def every() -> list[Script]:
    """All scripts, for loading them when a connection opens."""
    return [script(name) for name in PARTS]
