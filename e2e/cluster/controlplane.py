"""A real API server for tests of resources: etcd, kube-apiserver and, if asked, the controllers; no node, no root.

    with controlplane.start() as plane:
        subprocess.run([plane.kubectl, "--kubeconfig", plane.kubeconfig, "apply", "-f", "crds/"], check=True)

It listens on a free loopback port, keeps its data in a temporary folder, and ends with the process that started it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from e2e.cluster import binaries, components, configs, pki
from e2e.cluster.api import ApiServer, wait_until
from e2e.cluster.binaries import Binaries
from e2e.cluster.components import Component
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Endpoint, Layout
from e2e.cluster.shell import SYSTEM_PATH, last_lines


@dataclass(frozen=True)
class Handle:
    """A running control plane. `stop` may be called more than once; leaving a `with` calls it."""

    layout: Layout
    url: str
    programs: Binaries
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of an administrator."""
        return self.layout.kubeconfig("admin")

    @property
    def audit_log(self) -> Path:
        """JSON lines, one for each write to the API: user, verb, object, user agent."""
        return self.layout.log / "audit.log"

    @property
    def kubectl(self) -> Path:
        """The kubectl of the same version."""
        return self.programs.path("kubectl")

    def stop(self) -> None:
        """Kill every process (nothing here is worth a clean end) and remove the folder."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.layout.root, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop, whatever happened."""
        self.stop()


def start(*, controllers: bool = True, environ: Mapping[str, str] = os.environ) -> Handle:
    """Start and wait until it serves (about 3 s); ClusterError with the end of the log when it does not.

    `controllers` adds kube-controller-manager, without which a namespace never finishes ending and nothing is
    garbage-collected. The binaries are built first when this machine does not have them.
    """
    programs = binaries.ensure(environ)
    layout = Layout(Path(tempfile.mkdtemp(prefix="memory-plane-", dir="/tmp")))
    endpoint = Endpoint(bind="127.0.0.1", port=_free_port())
    handle = Handle(layout, endpoint.url, programs)
    try:
        _prepare(layout, endpoint)
        for component in components.control_plane(layout, endpoint):
            _launch(handle, component)
        server = ApiServer(layout.pki, endpoint.port)
        wait_until("the API server's start", lambda: _serves(handle, server), 60, lambda: _log_end(layout))
        if controllers:
            _launch(handle, components.controllers(layout))
    except BaseException:
        handle.stop()
        raise
    return handle


def _prepare(layout: Layout, endpoint: Endpoint) -> None:
    for folder in (layout.config, layout.log):
        folder.mkdir()
    pki.issue(layout.pki)
    pki.write_kubeconfigs(layout, endpoint.url)
    (layout.config / "audit.yaml").write_text(configs.audit_policy())


def _launch(handle: Handle, component: Component) -> None:
    """Start one component that the kernel kills should this process die without calling `stop`."""
    command = ["setpriv", "--pdeathsig", "KILL", "--", str(handle.programs.path(component.name)), *component.arguments]
    with (handle.layout.log / f"{component.name}.log").open("wb") as log:
        handle.processes.append(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": SYSTEM_PATH}, cwd="/"
            )
        )


def _serves(handle: Handle, server: ApiServer) -> bool:
    if any(process.poll() is not None for process in handle.processes):
        raise ClusterError(f"a part of the control plane ended:\n{_log_end(handle.layout)}")
    return server.ready()


def _log_end(layout: Layout) -> str:
    return last_lines((layout.log / "kube-apiserver.log").read_text(errors="replace"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
