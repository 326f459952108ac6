"""Definitions and credentials on disk: ConfigMaps and Secrets as projected volumes, or plain files."""

from __future__ import annotations

import os
from pathlib import Path

from memory_crd.definitions import Loaded, load

_SUFFIXES = (".json", ".yaml", ".yml")


class DefinitionFiles:
    """A file or folder of definitions. A projected volume changes as one: its `..data` link is moved."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def fingerprint(self) -> object:
        """Cheap, and different whenever `load` may answer something else. Raises OSError when nothing is there."""
        link = self._path / "..data"
        if link.is_symlink():
            return os.readlink(link)
        if self._path.is_dir():
            with os.scandir(self._path) as files:
                return tuple(sorted((file.name, *_stamp(file.stat())) for file in files if _is_definition(file.name)))
        return _stamp(self._path.stat())

    def load(self) -> Loaded:
        """Everything declared there."""
        return load(self._path)


class SecretFile:
    """One value in a file that may appear late or be rotated: read when asked, at most once a change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = None
        self._value: str | None = None

    def __call__(self) -> str | None:
        """The value without surrounding whitespace; None while there is no file."""
        try:
            stamp = _stamp(self._path.stat())
            if stamp != self._stamp:
                self._value, self._stamp = self._path.read_text(encoding="utf-8").strip() or None, stamp
        except OSError:
            self._value, self._stamp = None, None
        return self._value


def _is_definition(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
