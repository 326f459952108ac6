"""The namespaces of a node: its own network, from which nothing leaves the machine, and its own mounts.

The mount namespace makes the node's state visible as /run/node and hides the paths that kubelet, containerd and the
network plugins write to by habit (/run, /var/lib, /var/log), so that two nodes never meet and nothing stays mounted.
"""

import contextlib
import ctypes
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity
from e2e.cluster.layout import DNS_IP, NODE_IP, SERVICES
from e2e.cluster.shell import run

SEEN_AS = Path("/run/node")
_CLONE_NEWNET = 0x40000000


def create(identity: Identity) -> None:
    """Make whatever is missing; safe to repeat, also after a reboot."""
    if not identity.network_namespace.exists():
        _create_network(identity.slug)
    if not mounted(identity.mount_namespace):
        try:
            _create_mounts(identity)
        except BaseException:
            _unmount(identity)  # half made would look whole to the next run
            raise


def remove(identity: Identity) -> None:
    """Forget both namespaces; the kernel drops their devices, rules and mounts with the last process."""
    if identity.network_namespace.exists():
        run("ip", "netns", "delete", identity.slug)
    _unmount(identity)


def exist(identity: Identity) -> bool:
    """Tell whether either namespace is there."""
    return identity.network_namespace.exists() or mounted(identity.mount_namespace)


def mounted(place: Path) -> bool:
    """Tell whether something is mounted there; os.path.ismount overlooks a folder bound to itself."""
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return str(place) in {row[4].replace("\\040", " ") for row in rows}


def enter(identity: Identity, *, mounts: bool) -> list[str]:
    """Return the words that put a command inside; a person's command keeps the machine's own mounts."""
    inside = ["nsenter", f"--net={identity.network_namespace}"]
    return [*inside, f"--mount={identity.mount_namespace}", "--"] if mounts else [*inside, "--"]


def dial(identity: Identity) -> Callable[[str, int], socket.socket]:
    """Return a function that connects from inside the node's network; a socket stays where it was made."""
    return lambda host, port: _in_network(
        identity.network_namespace, lambda: socket.create_connection((host, port), timeout=5)
    )


def kill_strangers(identity: Identity) -> None:
    """Kill what is in the node's network or mounts but not in its control group: commands of `exec`, say.

    This process and those it runs under are spared, because tests may run inside and take the node down themselves.
    """
    ours = {_inode(identity.network_namespace), _inode(identity.mount_namespace)} - {None}
    pids = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    for pid in pids - set(_lineage(os.getpid())):
        if ours & {_inode(Path(f"/proc/{pid}/ns/{kind}")) for kind in ("net", "mnt")}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _lineage(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _create_network(name: str) -> None:
    """A veth pair stands for the card. The default route leads nowhere: a packet for the world is refused at once."""
    run("ip", "netns", "add", name)
    for words in (
        "link set lo up",
        "link add eth0 type veth peer name uplink",
        f"address add {NODE_IP}/24 dev eth0",
        f"address add {DNS_IP}/32 dev eth0",
        "link set uplink up",
        "link set eth0 up",
        f"route add {SERVICES} dev eth0",
        "route add unreachable default",
    ):
        run("ip", "-n", name, *words.split())


def _create_mounts(identity: Identity) -> None:
    """A namespace outlives its creator while a file on a private mount refers to it, as iproute2 does for networks."""
    holder = identity.mount_namespace.parent
    holder.mkdir(parents=True, exist_ok=True)
    if not mounted(holder):
        run("mount", "--bind", holder, holder)
        run("mount", "--make-private", holder)
    identity.mount_namespace.touch()
    run("unshare", f"--mount={identity.mount_namespace}", "--propagation", "slave", "true")
    inside = ["nsenter", f"--mount={identity.mount_namespace}", "--"]
    logs = identity.state / "log"
    logs.mkdir(exist_ok=True)
    for words in (
        ["mount", "--bind", str(identity.state), "/mnt"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mkdir", str(SEEN_AS)],
        ["mount", "--move", "/mnt", str(SEEN_AS)],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib"],
        ["mount", "--bind", str(SEEN_AS / "log"), "/var/log"],
    ):
        run(*inside, *words)


def _unmount(identity: Identity) -> None:
    for place in (identity.mount_namespace, identity.mount_namespace.parent):
        while mounted(place):
            run("umount", place)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _in_network(namespace: Path, make: Callable[[], socket.socket]) -> socket.socket:
    """Call `make` in a thread that has joined the namespace and ends there: only threads can move."""
    outcome: list[socket.socket | BaseException] = []

    def body() -> None:
        try:
            with namespace.open("rb") as handle:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                    raise ClusterError(f"cannot enter {namespace}: {os.strerror(ctypes.get_errno())}")
            outcome.append(make())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
