"""The folder of everything: collections, aliases, and how both change without a torn state.

<storage>/.lock                  held while a process has the folder
<storage>/aliases.json           alias -> collection, replaced in one step
<storage>/collections/<folder>/  a collection, complete since it was moved here
<storage>/pending/               collections being made or removed; emptied at every start
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from memory_vectors import files, names, wire
from memory_vectors.collection import Collection
from memory_vectors.errors import AlreadyExists, BadInput, EngineFailure, FormatError, NotFound
from memory_vectors.limits import LIMITS, Limits, within
from memory_vectors.schema import Schema

log = logging.getLogger(__name__)

Aliases = dict[str, str]


class StorageInUse(Exception):
    """Another process holds the storage folder."""


class Catalog:
    """All collections of one storage folder, open."""

    def __init__(self, storage: Path, limits: Limits = LIMITS) -> None:
        """Open the folder, removing what an interrupted creation or deletion left. Raises StorageInUse."""
        self._limits = limits
        self._home, self._pending = storage / "collections", storage / "pending"
        self._aliases_file = storage / "aliases.json"
        for folder in (self._home, self._pending):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(storage)
        for leftover in self._pending.iterdir():
            files.remove(leftover)
        opened = [Collection.open(folder, limits) for folder in sorted(self._home.iterdir())]
        self._collections = {collection.name: collection for collection in opened}
        self._aliases = {alias: name for alias, name in self._read_aliases().items() if name in self._collections}

    def __iter__(self) -> Iterator[Collection]:
        return iter(list(self._collections.values()))

    def __len__(self) -> int:
        return len(self._collections)

    def get(self, name: str) -> Collection:
        """The collection of this name or alias. Raises NotFound."""
        collection = self._collections.get(name) or self._collections.get(self._aliases.get(name, ""))
        if collection is None:
            raise NotFound(f"Collection `{name}` doesn't exist!")
        return collection

    def has(self, name: str) -> bool:
        """Whether a collection or an alias has this name."""
        return name in self._collections or name in self._aliases

    def create(self, name: str, schema: Schema) -> None:
        """Make an empty collection, completely or not at all. Raises AlreadyExists, BadInput, EngineFailure."""
        names.check_collection(name)
        if name in self._collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")
        if name in self._aliases:
            raise BadInput(f"Can't create collection with name {name}. Alias with the same name already exists")
        if len(self._collections) >= self._limits.collections:
            maximum = self._limits.collections
            raise BadInput(f"Can't create collection with name {name}. Max collections limit reached: {maximum}")
        draft, folder = self._pending / uuid.uuid4().hex, self._home / names.folder(name)
        try:
            Collection.create(draft, name, schema)
        except EngineFailure as error:
            files.remove(draft)
            raise EngineFailure(f"Can't create collection with name {name}: {error}") from error
        files.move(draft, folder)
        self._collections[name] = Collection.open(folder, self._limits)

    def delete(self, name: str) -> Path | None:
        """Remove a collection and its aliases; None when there is none of this name (an alias is none).

        Returns the folder that is left to be removed with `files.remove`; nothing refers to it any more.
        """
        collection = self._collections.pop(name, None)
        if collection is None:
            return None
        try:
            collection.close()
        except EngineFailure as error:
            log.warning("collection %r did not close: %s; it is removed all the same", name, error)
        tombstone = self._pending / uuid.uuid4().hex
        files.move(collection.folder, tombstone)
        kept = {alias: target for alias, target in self._aliases.items() if target != name}
        if kept != self._aliases:
            self._write_aliases(kept)
        return tombstone

    def aliases(self, collection: str | None = None) -> list[tuple[str, str]]:
        """Pairs of alias and collection, of all collections or of one."""
        pairs = sorted(self._aliases.items())
        return [pair for pair in pairs if collection is None or pair[1] == collection]

    def change_aliases(self, actions: Iterable[wire.AliasAction]) -> None:
        """Apply all actions in order, or none of them. Raises NotFound, AlreadyExists, Invalid."""
        actions = list(actions)
        within(len(actions), self._limits.alias_actions, "actions")
        changed = dict(self._aliases)
        for action in actions:
            self._change(changed, action)
        if changed != self._aliases:
            self._write_aliases(changed)

    def _change(self, aliases: Aliases, action: wire.AliasAction) -> None:
        given = [part for part in (action.create_alias, action.delete_alias, action.rename_alias) if part is not None]
        if len(given) != 1:
            raise FormatError("actions: each is one of `create_alias`, `delete_alias` and `rename_alias`")
        match given[0]:
            case wire.CreateAlias(collection_name=name, alias_name=alias):
                if name not in self._collections:
                    raise NotFound(f"Collection `{name}` doesn't exist!")
                aliases[self._free(alias)] = name
            case wire.DeleteAlias(alias_name=alias):
                aliases.pop(alias, None)
            case wire.RenameAlias(old_alias_name=old, new_alias_name=new):
                if old not in aliases:
                    raise NotFound(f"Alias {old} does not exists!")
                aliases[self._free(new)] = aliases.pop(old)

    def _free(self, alias: str) -> str:
        names.check_collection(alias, path="alias_name", where="JSON body")
        if alias in self._collections:
            raise AlreadyExists(f"Collection `{alias}` already exists!")
        return alias

    def _read_aliases(self) -> Aliases:
        if not self._aliases_file.exists():
            return {}
        return msgspec.json.decode(self._aliases_file.read_bytes(), type=Aliases)

    def _write_aliases(self, aliases: Aliases) -> None:
        files.replace(self._aliases_file, msgspec.json.encode(aliases))
        self._aliases = aliases

    def close(self) -> None:
        """Flush and close every collection, and give the storage folder free."""
        for collection in self:
            try:
                collection.close()
            except EngineFailure as error:
                log.error(
                    "collection %r did not close: %s; its log keeps what was acknowledged", collection.name, error
                )
        os.close(self._lock)


def _lock(storage: Path) -> int:
    """Hold the storage folder for this process, until the returned descriptor is closed or the process dies."""
    descriptor = os.open(storage / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StorageInUse(f"another process serves {storage}: give each its own --storage") from error
    return descriptor
