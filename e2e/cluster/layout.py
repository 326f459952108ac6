"""Where one node keeps its files, and the addresses it uses. Pure values.

A built-in node sees its state folder as /run/node, inside a mount namespace of its own, so these paths are short and
the same on every machine. The API server alone (controlplane.py) uses a temporary folder in the same shape.
"""

from dataclasses import dataclass
from pathlib import Path

NODE = "node"
DOMAIN = "cluster.local"
NODE_IP = "10.80.0.2"
SERVICES = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"
PODS = "10.244.0.0/24"


@dataclass(frozen=True)
class Layout:
    """The files of a node below `root`."""

    root: Path

    @property
    def pki(self) -> Path:
        """Certificates, keys and kubeconfigs; only root may enter."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration of each component."""
        return self.root / "config"

    @property
    def log(self) -> Path:
        """One file a component, the audit log, and `pods/`."""
        return self.root / "log"

    @property
    def volumes(self) -> Path:
        """One folder a PersistentVolume."""
        return self.root / "volumes"

    def kubeconfig(self, user: str) -> Path:
        """Return the kubeconfig of one component or of the person (`admin`)."""
        return self.pki / f"{user}.kubeconfig"


@dataclass(frozen=True)
class Endpoint:
    """Where the API server listens: `advertised` is what it tells pods; empty when there are none."""

    bind: str
    port: int
    advertised: str = ""

    @property
    def url(self) -> str:
        """The address that clients on the same network use."""
        return f"https://127.0.0.1:{self.port}"


# The node's card, seen only inside its network namespace.
NODE_ENDPOINT = Endpoint(bind="0.0.0.0", port=6443, advertised=NODE_IP)
