"""Names that let clusters of several checkouts, and several of one checkout, run side by side."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import state_home

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Identity:
    """One cluster of one checkout. Everything on the machine that could collide is derived from `key`."""

    name: str
    key: str
    state: Path

    @classmethod
    def of(cls, name: str, checkout: Path, environ: Mapping[str, str]) -> "Identity":
        """Derive the key; ClusterError when `name` could not be part of a file or interface name."""
        if not NAME.fullmatch(name):
            raise ClusterError(
                f"the cluster name {name!r} is not usable: 1 to 20 of a-z, 0-9 and inner '-' (MEMORY_CLUSTER)"
            )
        mark = hashlib.sha256(f"{checkout}\0{name}".encode()).hexdigest()[:8]
        key = f"{name}-{mark}"
        return cls(name, key, state_home(environ) / "clusters" / key)

    @property
    def slug(self) -> str:
        """The name of the network namespace, the cgroup and the kind cluster."""
        return f"memory-{self.key}"

    @property
    def network_namespace(self) -> Path:
        """Where iproute2 keeps a named network namespace."""
        return Path("/run/netns") / self.slug

    @property
    def mount_namespace(self) -> Path:
        """The file that keeps the node's mount namespace alive."""
        return self.state / "namespaces" / "mount"
