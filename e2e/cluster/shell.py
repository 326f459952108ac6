"""Run a program and get its output, or one error that quotes what the program said."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster.errors import ClusterError

# Daemons and tools see this and nothing of the caller's environment that could redirect them (a proxy, a kubeconfig).
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(
    *command: str | Path, stdin: str | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Return what `command` printed; ClusterError with the end of its error output when it fails or is missing."""
    arguments = [str(word) for word in command]
    try:
        done = subprocess.run(arguments, input=stdin, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ClusterError(f"{arguments[0]} is not installed") from None
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(arguments)}` failed ({done.returncode}): {last_lines(done.stderr)}")
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    """Tell whether `command` exists and exits with 0; its output is dropped."""
    try:
        run(*command)
    except ClusterError:
        return False
    return True


def last_lines(text: str, count: int = 12) -> str:
    """Return the end of an error output, where the reason is."""
    return "\n".join(text.strip().splitlines()[-count:]) or "no error output"
