"""What every kind of cluster can do; the command line and the tests know no more than this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Status:
    """What `status` prints: whether pods can run, one word a part, and where the logs are."""

    ready: bool
    parts: Mapping[str, str] = field(default_factory=dict)
    logs: Path | None = None


@dataclass(frozen=True)
class References:
    """The images to install with; None means the product's default, pulled from its public registry."""

    platform: str
    redis: str | None = None
    qdrant: str | None = None


@dataclass(frozen=True)
class Command:
    """A command made ready to run against the cluster: words and environment for `subprocess`."""

    words: tuple[str, ...]
    environment: Mapping[str, str]


class Cluster(Protocol):
    """A Kubernetes cluster that can be brought up, used and taken away."""

    @property
    def description(self) -> str:
        """Say in a few words which cluster this is."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose current context is this cluster."""
        ...

    def up(self) -> None:
        """Make the cluster usable: node Ready, DNS, a default StorageClass. Safe to repeat."""
        ...

    def down(self) -> None:
        """Remove the cluster and every trace of it; safe when there is none."""
        ...

    def status(self) -> Status:
        """Look, change nothing."""
        ...

    def command(self, words: Sequence[str]) -> Command:
        """Prepare `words` to run where services of the cluster are reachable, kubectl and helm on PATH."""
        ...

    def provide_images(self) -> References:
        """Build the images, make them known to the nodes (only what changed), and say how to refer to them."""
        ...
