"""Durable changes of files: a name is either the old state or the new one, whatever dies in between."""

import os
import shutil
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the entries of `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename durably within one file system."""
    source.rename(target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def remove(folder: Path) -> None:
    """Remove a folder that nobody reads any more; leftovers are removed again at the next start."""
    shutil.rmtree(folder, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write on the file system of `folder`."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize
