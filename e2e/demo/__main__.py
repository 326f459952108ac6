"""`python -m e2e.demo [demo|down]`: what `make demo` and `make down` run."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import httpx2

from e2e.cluster.errors import ClusterError
from e2e.demo import backstage
from e2e.demo.narrator import Narrator
from e2e.demo.story import Story

FAILURES = (ClusterError, AssertionError, httpx2.HTTPError, subprocess.TimeoutExpired)
"""What a step may end with: the cluster's, kubectl's and port-forward's, the service's, a command that hangs."""

LEFT = (
    "Everything is left as it is: `make demo-shell` looks inside, `make demo` tries again, `make down` takes it away."
)


def main() -> int:
    """Run one verb; 1 with the reason in words when something is in the way."""
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument("verb", choices=["demo", "down", "story"], nargs="?", default="demo")
    parser.add_argument("--state", type=Path, help="folder of the demo's Prometheus (story only)")
    parser.add_argument("--set", action="append", default=[], help="chart settings that name the images (story only)")
    chosen = parser.parse_args()
    try:
        if chosen.verb == "demo":
            return backstage.demo(os.environ)
        if chosen.verb == "down":
            return backstage.down(os.environ)
        Story(narrator := Narrator.resumed(backstage.STEPS), chosen.state, tuple(chosen.set)).tell()
        backstage.farewell(narrator)
    except FAILURES as error:
        print(f"\n{error}\n\n{LEFT}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nstopped; `make demo` starts again where it makes sense, `make down` removes everything", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
