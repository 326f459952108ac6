"""Somebody's cluster, named by KUBE_CONTEXT. Nothing of the cluster itself is made or removed here. Untested."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.kind import require_tools
from e2e.cluster.protocol import Command, References, Status
from e2e.cluster.shell import run, succeeds

_NEEDED = {"kubectl": "https://kubernetes.io/docs/tasks/tools", "helm": "https://helm.sh/docs/intro/install"}


@dataclass(frozen=True)
class Context:
    """One context of the caller's kubeconfig, copied out so that nothing else can be reached by accident."""

    identity: Identity
    environ: Mapping[str, str]
    name: str

    @property
    def description(self) -> str:
        """Name the context."""
        return f"the context {self.name} of your kubeconfig"

    @property
    def kubeconfig(self) -> Path:
        """A file with this one context."""
        return self.identity.state / "kubeconfig"

    def up(self) -> None:
        """Copy the context and check that its API server answers."""
        require_tools(_NEEDED)
        self.identity.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        view = ("kubectl", "config", "view", "--minify", "--flatten", "--context", self.name)
        self.kubeconfig.write_text(run(*view, env=self.environ))
        self.kubeconfig.chmod(0o600)
        run("kubectl", "--kubeconfig", self.kubeconfig, "--context", self.name, "version")

    def down(self) -> None:
        """Forget the copy; the cluster is not ours."""
        shutil.rmtree(self.identity.state, ignore_errors=True)

    def status(self) -> Status:
        """Ask the API server for its readiness."""
        return Status(succeeds("kubectl", "--kubeconfig", self.kubeconfig, "get", "--raw", "/readyz"))

    def command(self, words: Sequence[str]) -> Command:
        """Nothing to enter: services are reached with `kubectl port-forward`."""
        return Command(tuple(words), {**self.environ, "KUBECONFIG": str(self.kubeconfig)})

    def provide_images(self) -> References:
        """The nodes pull, so the image has to be pushed before and named."""
        named = self.environ.get("IMAGE_REPOSITORY", "")
        if not named:
            raise ClusterError(
                "with KUBE_CONTEXT the nodes pull the image: build the Dockerfile, push it, "
                "and set IMAGE_REPOSITORY=registry.example/memory-platform:TAG"
            )
        return References(named)
