"""Definitions: how the operator tells the service what to remember, and how the service reads it from disk.

One JSON file an entry, `<id>.json`, in one of 16 ConfigMaps by hash of the id, all of them in one folder. The embedded
default reads the same folder, or Memory manifests, or a plain memory.json.

`load` reads files; everything else is pure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
import yaml

from memory_crd import names
from memory_crd.errors import Fault, InvalidMemory
from memory_crd.memory import Memory, Spec, local_uid

State = Literal["active", "retained", "erase"]
STATES: Final = ("active", "retained", "erase")
SHARD_BYTES: Final = 900_000
"""Most text in one ConfigMap: the API server refuses objects over 1 MiB, names and metadata included."""
_SUFFIXES: Final = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Entry:
    """One memory as the service learns it.

    active: served. retained: its Memory is gone, its data still expires and is counted. erase: its data is to go.
    `name` is the Memory's; `definition` is `Spec.document()`, the id filled in.
    """

    uid: str
    generation: int
    state: State
    name: str
    definition: Mapping[str, Any] = field(hash=False)

    @property
    def id(self) -> str:
        """The memory's id."""
        return str(self.definition["id"])

    @property
    def filename(self) -> str:
        """The entry's key in its ConfigMap and its file in the folder."""
        return f"{self.id}.json"

    @property
    def spec(self) -> Spec:
        """The definition as values. Raises InvalidMemory when this version cannot read it."""
        return Spec.parse(self.definition, name=self.name)

    def memory(self, tenant: str) -> Memory:
        """The Memory that this entry came from, in the namespace `tenant`. Raises InvalidMemory as `spec` does."""
        return Memory(self.name, tenant, self.uid, self.generation, self.spec)

    def document(self) -> dict[str, Any]:
        """The entry as JSON."""
        return {
            "uid": self.uid,
            "generation": self.generation,
            "state": self.state,
            "name": self.name,
            "definition": dict(self.definition),
        }


def of_memory(memory: Memory, state: State = "active") -> Entry:
    """The entry that a Memory becomes."""
    return Entry(memory.uid, memory.generation, state, memory.name, memory.spec.document())


def of_document(document: object) -> Entry:
    """An entry from its JSON. Raises InvalidMemory naming what is missing; the definition itself is not judged."""
    faults = list(_entry_faults(document))
    if faults or not isinstance(document, Mapping):
        raise InvalidMemory("not a definition entry", faults or [Fault("", "must be an object")])
    return Entry(
        uid=document["uid"],
        generation=document["generation"],
        state=document["state"],
        name=document["name"],
        definition=document["definition"],
    )


def _entry_faults(document: object) -> Iterator[Fault]:
    if not isinstance(document, Mapping):
        return
    for key in ("uid", "name"):
        if not isinstance(document.get(key), str) or not document[key]:
            yield Fault(f"/{key}", "must be a string")
    if not isinstance(document.get("generation"), int):
        yield Fault("/generation", "must be a whole number")
    if document.get("state") not in STATES:
        yield Fault("/state", f"must be one of {', '.join(STATES)}")
    definition = document.get("definition")
    if not isinstance(definition, Mapping) or not isinstance(definition.get("id"), str):
        yield Fault("/definition/id", "must be a string")


# --- writing ----------------------------------------------------------------------------------------------------------


def shard(memory_id: str) -> int:
    """Which of the ConfigMaps holds an id; never changes for an id."""
    return int.from_bytes(hashlib.sha256(memory_id.encode()).digest()) % names.DEFINITION_SHARDS


def canonical(entry: Entry) -> str:
    """The entry's text: sorted keys, no spaces, so that equal entries are equal bytes."""
    return msgspec.json.encode(entry.document(), order="sorted").decode()


def dump(entries: Iterable[Entry]) -> dict[int, dict[str, str]]:
    """The data of every ConfigMap, empty ones included: shard -> file name -> text.

    Raises ValueError when two entries have the same id: only one of them can be in force.
    """
    shards: dict[int, dict[str, str]] = {number: {} for number in range(names.DEFINITION_SHARDS)}
    for entry in sorted(entries, key=lambda each: each.id):
        texts = shards[shard(entry.id)]
        if entry.filename in texts:
            raise ValueError(f"two entries have the id {entry.id!r}")
        texts[entry.filename] = canonical(entry)
    return shards


def digest(entries: Iterable[Entry]) -> str:
    """SHA-256 (hex) of the entries, whatever their order: what the operator waits for and a pod answers on /loaded."""
    texts = sorted(canonical(entry) for entry in entries)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def within_budget(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Those entries that fit in their ConfigMaps, and those that do not; earlier entries have the first claim."""
    used = dict.fromkeys(range(names.DEFINITION_SHARDS), 0)
    fitting: list[Entry] = []
    excess: list[Entry] = []
    for entry in entries:
        number, size = shard(entry.id), len(canonical(entry).encode()) + len(entry.filename)
        fits = used[number] + size <= SHARD_BYTES
        used[number] += size if fits else 0
        (fitting if fits else excess).append(entry)
    return fitting, excess


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder or file declares.

    `entries` are valid and sorted by id. `faults` says what was left out and why: `path` is the file, then the place in
    it. `digest` covers every readable entry, also those whose definition this version refuses, so that it can agree
    with the operator's.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    digest: str


def load(path: str | Path) -> Loaded:
    """Read definition entries, Memory manifests (several documents in a file too) and plain memory.json documents.

    `path` is a file or a folder; a folder's subfolders and hidden files are left alone. Documents of other kinds are
    skipped. Raises FileNotFoundError when there is nothing at `path`.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"no definitions at {root}")
    return _settled(lambda: _load(root), lambda: _snapshot(root))


Result = TypeVar("Result")


def _settled(read: Callable[[], Result], snapshot: Callable[[], object], *, tries: int = 5) -> Result:
    """What `read` returns when nothing moved under it: the last of a few tries if something always does."""
    for _ in range(tries - 1):
        before = snapshot()
        result = read()
        if snapshot() == before:
            return result
    return read()


def _snapshot(root: Path) -> str | None:
    # The kubelet replaces all files of a projected volume at once, by renaming this link; the old ones then go.
    link = root / "..data"
    return os.readlink(link) if link.is_symlink() else None


def _load(root: Path) -> Loaded:
    faults: list[Fault] = []
    readable: dict[str, Entry] = {}
    for file in _files(root):
        for entry in _read_file(file, faults):
            if entry.id in readable:
                faults.append(Fault(file.name, f"the id {entry.id!r} is already taken; this one is left out"))
            readable.setdefault(entry.id, entry)
    ordered = [readable[key] for key in sorted(readable)]
    valid = tuple(entry for entry in ordered if _is_valid(entry, faults))
    return Loaded(valid, tuple(faults), digest(ordered))


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        return [root]
    return sorted(
        file for file in root.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith(".") and file.is_file()
    )


def _read_file(file: Path, faults: list[Fault]) -> list[Entry]:
    """The entries of a file; whatever is in it, what cannot be read is a fault."""
    found: list[Entry] = []
    try:
        text = file.read_text(encoding="utf-8")
        documents = [msgspec.json.decode(text)] if file.suffix == ".json" else list(yaml.safe_load_all(text))
        for document in documents:
            found += _judged(document, file.name, faults)
    except RecursionError:  # an alias inside of what it stands for, too
        faults.append(Fault(file.name, "cannot be read: it nests too deeply"))
    except (OSError, ValueError, msgspec.DecodeError, yaml.YAMLError) as error:  # ValueError: bad UTF-8, huge numbers
        faults.append(Fault(file.name, f"cannot be read: {' '.join(str(error).split())}"))
    return found


def _judged(document: object, name: str, faults: list[Fault]) -> list[Entry]:
    try:
        entries = list(_entries_of(document))
        for entry in entries:
            canonical(entry)  # nothing that nests without end gets further than this
    except InvalidMemory as error:
        faults += [Fault(f"{name}{fault.path}", fault.message) for fault in error.faults]
        return []
    except TypeError as error:  # YAML has keys and values that JSON has not
        faults.append(Fault(name, f"holds what JSON cannot: {error}"))
        return []
    return entries


def _entries_of(document: object) -> Iterator[Entry]:
    """The entry that a document makes; nothing for an empty one or another kind."""
    if document is None:
        return
    if isinstance(document, Mapping) and "definition" in document:
        yield of_document(document)
    elif isinstance(document, Mapping) and "kind" in document:
        if document["kind"] == names.MEMORY_KIND:
            yield of_memory(Memory.parse(document))
    else:
        spec = Spec.parse(document)
        yield Entry(local_uid(spec.id), 1, "active", spec.id, spec.document())


def _is_valid(entry: Entry, faults: list[Fault]) -> bool:
    try:
        entry.spec  # noqa: B018 - reading is the check
    except InvalidMemory as error:
        faults += [Fault(f"{entry.filename}{fault.path}", fault.message) for fault in error.faults]
        return False
    return True
