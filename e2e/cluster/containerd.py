"""Talk to the node's containerd with its own client, inside the node's mounts."""

from collections.abc import Iterable
from dataclasses import dataclass

from e2e.cluster import spaces
from e2e.cluster.api import wait_until
from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.images.oci import Archive
from e2e.cluster.shell import run


@dataclass(frozen=True)
class Containerd:
    """The containerd of one node."""

    identity: Identity

    def load(self, archives: Iterable[Archive]) -> list[str]:
        """Import the archives whose name stands for another content, or nothing, so far; return their names."""
        wait_until("containerd's start", self._answers, 30)
        known = digests(self._ctr("images", "list"))
        wanted = [archive for archive in archives if known.get(archive.name) != archive.digest]
        for archive in wanted:
            self._ctr("images", "import", str(archive.path))
        return [archive.name for archive in wanted]

    def _answers(self) -> bool:
        try:
            self._ctr("version")
        except ClusterError:
            return False
        return True

    def _ctr(self, *words: str) -> str:
        return run(*spaces.enter(self.identity, mounts=True), "ctr", "--namespace", "k8s.io", *words)


def digests(table: str) -> dict[str, str]:
    """Read `ctr images list`: name -> digest of the manifest, the first and third column."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}
