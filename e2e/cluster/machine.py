"""Look at this machine and the environment, and hand out the cluster that `choose` names."""

import os
import sys
from collections.abc import Mapping

from e2e.cluster.builtin import Builtin
from e2e.cluster.choose import Kind as Way
from e2e.cluster.choose import Machine, choose
from e2e.cluster.context import Context
from e2e.cluster.identity import Identity
from e2e.cluster.kind import Kind
from e2e.cluster.paths import REPOSITORY
from e2e.cluster.protocol import Cluster
from e2e.cluster.shell import succeeds


def observe(environ: Mapping[str, str]) -> Machine:
    """Ask the engines (a client alone does not answer `info`); skipped when a context is named."""
    context = environ.get("KUBE_CONTEXT", "")
    engine = "" if context else next((name for name in ("docker", "podman") if succeeds(name, "info")), "")
    return Machine(context, engine, sys.platform == "linux", os.geteuid() == 0)


def cluster(environ: Mapping[str, str] = os.environ, name: str = "", *, control_plane_only: bool = False) -> Cluster:
    """Return the cluster of this checkout called `name` (else MEMORY_CLUSTER, else `demo`); nothing is started."""
    machine = observe(environ)
    identity = Identity.of(name or environ.get("MEMORY_CLUSTER", "") or "demo", REPOSITORY, environ)
    way = choose(machine)
    if way is Way.CONTEXT:
        return Context(identity, environ, machine.context)
    if way is Way.KIND:
        return Kind(identity, environ, machine.engine)
    return Builtin(identity, environ, control_plane_only)
