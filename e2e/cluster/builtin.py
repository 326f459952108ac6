"""The built-in cluster: one real node made of processes of this machine. Linux and root; no container engine."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from e2e.cluster import binaries, components, configs, debian, pki, spaces
from e2e.cluster.api import ApiServer, plain_get, wait_until
from e2e.cluster.binaries import Binaries
from e2e.cluster.cgroups import Cgroup
from e2e.cluster.containerd import Containerd
from e2e.cluster.daemons import Daemons
from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.images import catalogue, pause
from e2e.cluster.layout import NODE, NODE_ENDPOINT, Layout
from e2e.cluster.progress import step
from e2e.cluster.protocol import Command, References, Status
from e2e.cluster.shell import run


@dataclass(frozen=True)
class Builtin:
    """One node. Its state folder, control group and namespaces are named by the identity and survive this process."""

    identity: Identity
    environ: Mapping[str, str]
    control_plane_only: bool = False

    @property
    def description(self) -> str:
        """Name the kind and the network namespace."""
        return f"built-in node, network namespace {self.identity.slug}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; it works inside the network namespace (`exec`)."""
        return self._outside.kubeconfig("admin")

    def up(self) -> None:
        """Bring every part to its desired state; parts that run are left alone, so this also repairs."""
        debian.ensure(debian.NODE)
        programs = binaries.ensure(self.environ)
        with step("preparing certificates, network and mounts"):
            self._prepare()
        daemons = Daemons(self.identity, self._cgroup, programs)
        self._start_control_plane(daemons)
        if not self.control_plane_only:
            self._start_node(daemons)

    def down(self) -> None:
        """End every process of the node at once (nothing is worth a clean end), then drop what they used."""
        if not self._cgroup.exists() and not self.identity.state.exists() and not spaces.exist(self.identity):
            return
        with step("stopping the node"):
            self._cgroup.kill()  # what runs in the node's network only, such as a port-forward, comes next
            spaces.kill_strangers(self.identity)
            spaces.remove(self.identity)
            self._cgroup.remove()
            if self.identity.state.exists():
                shutil.rmtree(self.identity.state)

    def status(self) -> Status:
        """Ask for each process, the API server and the node's condition."""
        if not self.identity.state.exists():
            return Status(False)
        names = [component.name for component in components.node(self._inside, NODE_ENDPOINT)]
        daemons = Daemons(self.identity, self._cgroup, Binaries(Path()))
        alive = {name: daemons.alive(name) for name in names}
        ready = all(alive.values()) and self._server.ready() and self._node_ready()
        return Status(ready, {name: "running" if alive[name] else "stopped" for name in names}, self._outside.log)

    def command(self, words: Sequence[str]) -> Command:
        """Enter the node's network; the caller's files and terminal stay as they are."""
        if not self.identity.network_namespace.exists():
            raise ClusterError("the cluster is not up; start it with: python -m e2e.cluster up")
        folder = binaries.ensure(self.environ).folder
        environment = {
            **without_proxies(self.environ),
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{folder}:{self.environ.get('PATH', '')}:/usr/sbin:/sbin",
        }
        return Command((*spaces.enter(self.identity, mounts=False), *words), environment)

    def provide_images(self) -> References:
        """Build without an engine; a registry is never asked, so every image is ours."""
        images = catalogue.build(self.environ)
        with step("giving the images to the node"):
            Containerd(self.identity).load(images)
        names = {catalogue.repository(image.name): image.name for image in images}
        return References(names[catalogue.PLATFORM], names[catalogue.REDIS], names[catalogue.VECTORS])

    @property
    def _outside(self) -> Layout:
        return Layout(self.identity.state)

    @property
    def _inside(self) -> Layout:
        return Layout(spaces.SEEN_AS)

    @cached_property
    def _cgroup(self) -> Cgroup:
        return Cgroup.of(self.identity.slug)

    @property
    def _server(self) -> ApiServer:
        return ApiServer(self._outside.pki, NODE_ENDPOINT.port, spaces.dial(self.identity))

    def _prepare(self) -> None:
        outside = self._outside
        for folder in (outside.log, outside.volumes, outside.config / "cni"):
            folder.mkdir(parents=True, exist_ok=True)
        pki.issue(outside.pki)
        pki.write_kubeconfigs(outside, NODE_ENDPOINT.url, self._inside)
        for name, text in configs.render(self._inside, self._cgroup.name).items():
            (outside.config / name).write_text(text)
        self._cgroup.create()
        spaces.create(self.identity)

    def _start_control_plane(self, daemons: Daemons) -> None:
        with step("starting etcd and the API server"):
            for component in components.control_plane(self._inside, NODE_ENDPOINT):
                daemons.start(component)
            if not self.control_plane_only:
                daemons.start(components.containerd(self._inside))  # takes its second while the API server takes three
            wait_until("the API server's start", self._server.ready, 90, lambda: daemons.log_end("kube-apiserver"))
        daemons.start(components.controllers(self._inside))

    def _start_node(self, daemons: Daemons) -> None:
        with step("starting the node, DNS and storage"):
            Containerd(self.identity).load([pause.image(daemons.programs, self.identity.state)])
            for component in components.workers(self._inside):
                daemons.start(component)
            kubectl = str(daemons.programs.path("kubectl"))
            enter = spaces.enter(self.identity, mounts=False)
            addons = Path(__file__).parent / "addons.yaml"
            run(*enter, kubectl, "--kubeconfig", self.kubeconfig, "apply", "--server-side", "-f", addons)
            wait_until("the node's becoming Ready", self._node_ready, 60, lambda: daemons.log_end("kubelet"))
            wait_until("the cluster DNS's start", self._dns_ready, 30, lambda: daemons.log_end("coredns"))

    def _node_ready(self) -> bool:
        try:
            node = self._server.get(f"/api/v1/nodes/{NODE}")
        except OSError:
            return False
        conditions = node.get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _dns_ready(self) -> bool:
        try:
            return bool(plain_get(spaces.dial(self.identity), *components.DNS_READY, "/ready") == "OK")
        except OSError:
            return False


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the machine's proxies: none can be reached from the node's network."""
    return {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
