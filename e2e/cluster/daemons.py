"""Start the components of a node inside its namespaces and control group, and tell which are alive."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import spaces
from e2e.cluster.binaries import Binaries
from e2e.cluster.cgroups import Cgroup
from e2e.cluster.components import Component
from e2e.cluster.identity import Identity
from e2e.cluster.shell import SYSTEM_PATH, last_lines


@dataclass(frozen=True)
class Daemons:
    """The components of one node; their sub-group of the control group is the register of what runs."""

    identity: Identity
    cgroup: Cgroup
    programs: Binaries

    def start(self, component: Component) -> None:
        """Start it unless it runs; its output goes to log/<name>.log."""
        if self.alive(component.name):
            return
        program = "/usr/bin/containerd" if component.name == "containerd" else self.programs.path(component.name)
        command = [*spaces.enter(self.identity, mounts=True), str(program), *component.arguments]
        with self.log(component.name).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": SYSTEM_PATH},
                cwd="/",
                start_new_session=True,
            )
        self.cgroup.add(process.pid, _part(component.name))

    def alive(self, name: str) -> bool:
        """Tell whether the component itself (not just something it started) runs."""
        return any(_program(pid) == name for pid in self.cgroup.members(_part(name)))

    def log(self, name: str) -> Path:
        """Return the log file of a component."""
        return self.identity.state / "log" / f"{name}.log"

    def log_end(self, name: str) -> str:
        """Return the last lines a component said."""
        log = self.log(name)
        return f"{log}:\n{last_lines(log.read_text(errors='replace'))}" if log.exists() else ""


def _part(name: str) -> str:
    return f"daemons/{name}"


def _program(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return Path(words[0].decode()).name
