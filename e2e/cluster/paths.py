"""Where things are kept: pure answers from the environment, following the XDG base directories."""

from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
GO_MODULE = Path(__file__).resolve().parent / "go"


def cache_home(environ: Mapping[str, str]) -> Path:
    """Binaries and image layers, keyed by content and shared by every checkout; safe to delete."""
    return _base(environ, "XDG_CACHE_HOME", ".cache") / "memory-platform"


def state_home(environ: Mapping[str, str]) -> Path:
    """Running clusters, one folder each; `down` removes it."""
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "memory-platform"


def _base(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    """XDG asks for absolute paths and wants any other value ignored."""
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else Path(environ.get("HOME", "/root")) / fallback
