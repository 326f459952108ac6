"""Talk to the node's containerd with its own client, inside the node's mounts."""

import contextlib
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from e2e.cluster import spaces
from e2e.cluster.api import wait_until
from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.images.oci import Image, write_archive
from e2e.cluster.shell import last_lines, run


@dataclass(frozen=True)
class Containerd:
    """The containerd of one node."""

    identity: Identity

    def load(self, images: Iterable[Image]) -> list[str]:
        """Import the images whose name stands for another content, or nothing, so far; return their names."""
        wait_until("containerd's start", self._answers, 30)
        known = digests(self._ctr("images", "list"))
        wanted = [image for image in images if known.get(image.name) != image.digest]
        for image in wanted:
            self._import(image, set(self._ctr("content", "list", "--quiet").split()))
        return [image.name for image in wanted]

    def _import(self, image: Image, held: set[str]) -> None:
        """Send only what containerd lacks: after a change of source that is one small layer of hundreds of MB."""
        command = self._command("images", "import", "-")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as ctr:
            with contextlib.suppress(BrokenPipeError), ctr.stdin or open(os.devnull, "wb") as pipe:
                write_archive(image, pipe, held)
            said = ctr.stderr.read().decode(errors="replace") if ctr.stderr else ""
        if ctr.returncode != 0:
            raise ClusterError(f"containerd does not take {image.name}: {last_lines(said)}")

    def _answers(self) -> bool:
        try:
            self._ctr("version")
        except ClusterError:
            return False
        return True

    def _ctr(self, *words: str) -> str:
        return run(*self._command(*words))

    def _command(self, *words: str) -> list[str]:
        return [*spaces.enter(self.identity, mounts=True), "ctr", "--namespace", "k8s.io", *words]


def digests(table: str) -> dict[str, str]:
    """Read `ctr images list`: name -> digest of the manifest, the first and third column."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}
