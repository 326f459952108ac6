"""One control group for everything a cluster runs: it is how pods are fenced and how `down` finds every process.

A process cannot leave its group by forking, so what a crashed run left behind is found here too.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError


def hierarchies(mounts: str) -> tuple[Path, ...]:
    """Read /proc/self/mounts: version 1 has one hierarchy a controller (the mixed mode also a version 2 one)."""
    rows = (line.split() for line in mounts.splitlines())
    return tuple(Path(row[1]) for row in rows if len(row) > 2 and row[2] in ("cgroup", "cgroup2"))


@dataclass(frozen=True)
class Cgroup:
    """The same named group in every hierarchy of the machine; processes are counted in the one that limits pids."""

    name: str
    roots: tuple[Path, ...]

    @classmethod
    def of(cls, name: str) -> "Cgroup":
        """Find the hierarchies of this machine."""
        roots = hierarchies(Path("/proc/self/mounts").read_text())
        if not roots:
            raise ClusterError("no cgroup file system is mounted, and kubelet needs one: mount it below /sys/fs/cgroup")
        return cls(name, roots)

    @property
    def counted(self) -> Path:
        """The group in the hierarchy whose membership we read."""
        return next((root for root in self.roots if root.name == "pids"), self.roots[-1]) / self.name

    def create(self) -> None:
        """Make the group everywhere; kubelet wants its root group to exist in each hierarchy."""
        for root in self.roots:
            (root / self.name).mkdir(exist_ok=True)
            _enable_controllers(root)

    def add(self, pid: int, part: str) -> None:
        """Move a process that was just started into the sub-group `part`."""
        folder = self.counted / part
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text(str(pid))

    def members(self, part: str = "") -> set[int]:
        """Return the processes of the group, or of one sub-group, with all below."""
        return {pid for folder in _tree(self.counted / part) for pid in _processes(folder)}

    def kill(self, seconds: float = 20) -> int:
        """Kill until nothing is left, new children included; return how many were killed."""
        deadline, killed = time.monotonic() + seconds, set[int]()
        while members := self.members():
            killed |= members
            for pid in members:
                _kill(pid)
            if time.monotonic() > deadline:
                raise ClusterError(f"these processes survive SIGKILL: {sorted(members)}")
            time.sleep(0.02)
        return len(killed)

    def remove(self) -> None:
        """Remove the empty group everywhere, innermost folder first."""
        for root in self.roots:
            for folder in reversed(list(_tree(root / self.name))):
                _remove(folder)

    def exists(self) -> bool:
        """Tell whether any hierarchy still knows the group."""
        return any((root / self.name).exists() for root in self.roots)


def _enable_controllers(root: Path) -> None:
    """Version 2 only: hand every controller down, so that pods below can be limited.

    One that the machine keeps for itself is left to it; should kubelet need it, it says so in its log.
    """
    control = root / "cgroup.subtree_control"
    if control.exists():
        for controller in (root / "cgroup.controllers").read_text().split():
            with contextlib.suppress(OSError):
                control.write_text(f"+{controller}")


def _tree(top: Path) -> Iterator[Path]:
    """Yield the group and all below it, outermost first; groups may vanish meanwhile."""
    for folder, _, _ in os.walk(top):
        yield Path(folder)


def _processes(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _remove(folder: Path) -> None:
    """A group is busy for an instant after its last process ended."""
    for _ in range(200):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise ClusterError(f"the control group {folder} cannot be removed")
