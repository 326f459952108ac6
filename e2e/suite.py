"""`make e2e`: the end-to-end suite on a cluster of its own, which is taken away afterwards.

MEMORY_KEEP=1 leaves it, for a look or for a faster next run; `make down` then removes it.
"""

from __future__ import annotations

import os
import sys

from e2e import stage
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import say, step


def main(arguments: list[str]) -> int:
    """Prepare, install, run pytest with the arguments; its exit code."""
    try:
        found = stage.Stage.named("e2e", os.environ)
        say(f"The cluster: {found.cluster.description}.")
        found.cluster.up()
        settings = stage.chart_settings(found.cluster.provide_images())
        with step("installing the chart"):
            if found.run(["bash", "-c", '"$@" >/dev/null', "-", *stage.install_command(settings, "--timeout", "180s")]):
                raise ClusterError("helm could not install the chart; its words are above")
        tests = [sys.executable, "-m", "pytest", "-q", "e2e", *arguments]
        code = found.run(tests, {"MEMORY_E2E": "1"})
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    if not os.environ.get("MEMORY_KEEP"):
        found.cluster.down()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
