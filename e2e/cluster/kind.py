"""A kind cluster, for machines with Docker or Podman. Reported as untested where no engine was at hand."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.paths import REPOSITORY
from e2e.cluster.progress import step
from e2e.cluster.protocol import Command, References, Status
from e2e.cluster.shell import run

_NEEDED = {
    "kind": "https://kind.sigs.k8s.io (go install sigs.k8s.io/kind@v0.30.0)",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
    "helm": "https://helm.sh/docs/intro/install",
}


@dataclass(frozen=True)
class Kind:
    """One kind cluster with the identity's name; its kubeconfig is kept apart from the person's own."""

    identity: Identity
    environ: Mapping[str, str]
    engine: str

    @property
    def description(self) -> str:
        """Name the cluster and the engine."""
        return f"kind cluster {self.identity.slug} on {self.engine}"

    @property
    def kubeconfig(self) -> Path:
        """Written when the cluster is created."""
        return self.identity.state / "kubeconfig"

    def up(self) -> None:
        """Create the cluster unless it exists; kind brings DNS and a default StorageClass."""
        require_tools(_NEEDED)
        self.identity.state.mkdir(parents=True, exist_ok=True)
        if self._exists():
            self._kind("export", "kubeconfig")
            return
        with step(f"creating the {self.description}"):
            self._kind("create", "cluster", "--wait", "180s")

    def down(self) -> None:
        """Delete the cluster and its kubeconfig."""
        if shutil.which("kind") and self._exists():
            self._kind("delete", "cluster")
        shutil.rmtree(self.identity.state, ignore_errors=True)

    def status(self) -> Status:
        """Tell whether kind knows the cluster; kind waited for its readiness."""
        return Status(bool(shutil.which("kind")) and self._exists())

    def command(self, words: Sequence[str]) -> Command:
        """Nothing to enter: services are reached with `kubectl port-forward`."""
        return Command(tuple(words), {**self.environ, "KUBECONFIG": str(self.kubeconfig)})

    def provide_images(self) -> References:
        """Build the Dockerfile with the engine; the image's id becomes the tag. The node pulls the stores itself."""
        with step(f"building the image with {self.engine}"):
            built = run(self.engine, "build", "--quiet", str(REPOSITORY)).strip()
        name = f"localhost/memory-platform:{built.removeprefix('sha256:')[:12]}"
        run(self.engine, "tag", built, name)
        archive = self.identity.state / "image.tar"
        with step("giving the image to the node"):
            run(self.engine, "save", "--output", archive, name)
            self._kind("load", "image-archive", str(archive))
        archive.unlink()
        return References(name)

    def _exists(self) -> bool:
        return self.identity.slug in run("kind", "get", "clusters", env=self._provider()).split()

    def _kind(self, *words: str) -> None:
        keep = () if words[0] == "load" else ("--kubeconfig", str(self.kubeconfig))
        run("kind", *words, "--name", self.identity.slug, *keep, env=self._provider())

    def _provider(self) -> dict[str, str]:
        return {**self.environ, "KIND_EXPERIMENTAL_PROVIDER": self.engine}


def require_tools(needed: Mapping[str, str]) -> None:
    """ClusterError that names every missing program and where it comes from."""
    lacking = [f"{name} ({source})" for name, source in needed.items() if not shutil.which(name)]
    if lacking:
        raise ClusterError(f"install these first: {', '.join(lacking)}")
