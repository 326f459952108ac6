"""API keys of endpoints: read from mounted Secret files each time, so a late or rotated one is taken up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from memory_crd import names
from memory_crd.memory import EnvRef, SecretRef


class KeyMissing(Exception):
    """A key that a definition refers to is not there (yet); the text is the remedy."""


def api_key(
    reference: SecretRef | EnvRef | None, folder: Path | None, environ: Mapping[str, str]
) -> Callable[[], str | None]:
    """How to get the key that a definition refers to.

    `folder` has `env/<NAME>` and `<secret>/<key>`; without one (on a laptop) `{{ env.NAME }}` is read from `environ`.
    The function returned raises KeyMissing while the key is absent.
    """
    if reference is None:
        return lambda: None
    if folder is None:
        return _without_folder(reference, environ)
    path, missing = _file(reference, folder)
    return lambda: _present(_read(path), missing)


def _without_folder(reference: SecretRef | EnvRef, environ: Mapping[str, str]) -> Callable[[], str | None]:
    if isinstance(reference, EnvRef):
        return lambda: _present(environ.get(reference.name), f"the environment variable {reference.name} is not set")
    place = f"{reference.name}/{reference.key}"
    unread = f"without a cluster it is read from the file {place} in the folder that --secrets (MEMORY_SECRETS) names"
    return lambda: _present(None, unread)


def _file(reference: SecretRef | EnvRef, folder: Path) -> tuple[Path, str]:
    if isinstance(reference, EnvRef):
        missing = f"create Secret {names.USER_ENV!r} in this namespace with the key {reference.name!r}"
        return folder / names.SECRETS_ENV_FOLDER / reference.name, missing
    missing = f"create Secret {reference.name!r} in this namespace with the key {reference.key!r}"
    return folder / reference.name / reference.key, missing


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def _present(value: str | None, missing: str) -> str:
    if not value:
        raise KeyMissing(f"the API key is missing: {missing}")
    return value
