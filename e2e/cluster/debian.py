"""Debian packages that the set-up needs: said by name and reason before they are installed."""

import os
import shutil
from collections.abc import Callable, Mapping

from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import say, step
from e2e.cluster.shell import SYSTEM_PATH, run

# package -> (a program that shows it is there, why it is needed)
NODE = {
    "containerd": ("containerd", "runs the containers"),
    "runc": ("runc", "starts each container"),
    "containernetworking-plugins": ("/usr/lib/cni/bridge", "gives pods their network"),
    "iptables": ("iptables", "kube-proxy writes Services with it"),
    "conntrack": ("conntrack", "kube-proxy forgets old connections with it"),
    "iproute2": ("ip", "makes the node's network namespace"),
    "openssl": ("openssl", "issues the node's certificates"),
}
IMAGES = {"mmdebstrap": ("mmdebstrap", "unpacks the Debian packages of an image")}


def missing(wanted: Mapping[str, tuple[str, str]], present: Callable[[str], bool]) -> dict[str, str]:
    """Return package -> reason for those whose program is absent."""
    return {package: reason for package, (program, reason) in wanted.items() if not present(program)}


def ensure(wanted: Mapping[str, tuple[str, str]]) -> None:
    """Install what is missing; ClusterError that names the packages on a machine without apt-get or without root."""
    lacking = missing(wanted, lambda program: shutil.which(program, path=SYSTEM_PATH) is not None)
    if not lacking:
        return
    names = " ".join(lacking)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(f"these packages are needed: {names}. Install them (Debian: apt-get install {names})")
    for package, reason in lacking.items():
        say(f"Debian package {package}: {reason}")
    with step(f"installing {len(lacking)} Debian packages"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=env)
        run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *lacking, env=env)
