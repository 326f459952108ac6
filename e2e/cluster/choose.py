"""Which cluster to use: one decision over what the machine has. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from e2e.cluster.errors import ClusterError


class Kind(StrEnum):
    """The three ways to a cluster."""

    CONTEXT = "context"
    KIND = "kind"
    BUILTIN = "builtin"


@dataclass(frozen=True)
class Machine:
    """What was found out: the context the caller names, the engine that answers, and who we are."""

    context: str = ""
    engine: str = ""
    linux: bool = False
    root: bool = False


NO_WAY = """no Kubernetes can be had on this machine. Any one of these helps:
  1. name a context of your kubeconfig:   KUBE_CONTEXT=... IMAGE_REPOSITORY=... (a pushed image of this product)
  2. start a container engine:            kind is used once `docker info` or `podman info` answers
  3. be root on Linux:                    the built-in single node then runs without an engine"""


def choose(machine: Machine) -> Kind:
    """Return the first kind that works; ClusterError with the three ways out when none does.

    A context is used only when it is named: the current one might be somebody's production.
    """
    if machine.context:
        return Kind.CONTEXT
    if machine.engine:
        return Kind.KIND
    if machine.linux and machine.root:
        return Kind.BUILTIN
    raise ClusterError(NO_WAY)
