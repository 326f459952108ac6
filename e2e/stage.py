"""What the demo and the end-to-end suite stand on: a cluster that holds the images, the chart's settings, a way in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.cluster import machine
from e2e.cluster.paths import REPOSITORY
from e2e.cluster.protocol import Cluster, References

PLATFORM: Final = "memory-system"
RELEASE: Final = "memory-platform"
CHART: Final = Path("charts/memory-platform")
VALUES: Final = Path("e2e/demo/values.yaml")


@dataclass(frozen=True)
class Stage:
    """A cluster by name, and the environment of everything that runs against it."""

    cluster: Cluster
    environ: Mapping[str, str]

    @classmethod
    def named(cls, name: str, environ: Mapping[str, str]) -> Stage:
        """The cluster of this name, or the one that the caller's MEMORY_CLUSTER names."""
        chosen = {"MEMORY_CLUSTER": name, **environ}
        return cls(machine.cluster(chosen), chosen)

    def run(self, words: Sequence[object], environ: Mapping[str, str] | None = None) -> int:
        """Run a command inside, in the repository's folder; returns its exit code."""
        inside = [sys.executable, "-m", "e2e.cluster", "exec", "--", *map(str, words)]
        return subprocess.run(inside, env={**self.environ, **(environ or {})}, cwd=REPOSITORY, check=False).returncode


def chart_settings(images: References) -> tuple[str, ...]:
    """The chart's settings (`name=value`) that name these images; what is None stays the chart's default."""
    named = {"image": images.platform, "images.redis": images.redis, "images.qdrant": images.qdrant}
    return tuple(f"{path}.{key}={text}" for path, image in named.items() if image for key, text in parts(image).items())


def parts(image: str) -> dict[str, str]:
    """Repository, tag and digest of an image's reference. The registry stays a part of the repository."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # no tag, or the colon of a registry's port
        repository, tag = name, ""
    return {"repository": repository, "tag": tag, "digest": digest}


def install_command(settings: Sequence[str], *more: str) -> list[str]:
    """`helm upgrade --install` of the chart with the demo's values."""
    shown = ["helm", "upgrade", "--install", RELEASE, str(CHART), "--namespace", PLATFORM, "--create-namespace"]
    chosen = [word for setting in settings for word in ("--set-string", setting)]
    return [*shown, "--values", str(VALUES), "--wait", *more, *chosen]
