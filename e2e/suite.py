"""`make e2e`: the end-to-end suite on a cluster of its own, which is taken away afterwards.

Most tests have a tenant of their own and wait most of the time, so several run at once; those that measure, or that
touch the operator all tenants share, are marked `alone` and follow one by one.
MEMORY_KEEP=1 leaves the cluster, for a look or for a faster next run; `make down` then removes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import pytest

from e2e import stage
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import say, step

ROUNDS: Final = (("-m", "not alone", "-n", "3", "--dist", "worksteal"), ("-m", "alone"))


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
        code = run(found, arguments)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    if not os.environ.get("MEMORY_KEEP"):
        found.cluster.down()
    return code


def run(found: stage.Stage, arguments: Sequence[str]) -> int:
    """Run every round, also after a failed one; 0 when all passed and some round had tests."""
    tests = [sys.executable, "-m", "pytest", "-q", "e2e"]
    codes = {found.run([*tests, *options, *arguments], {"MEMORY_E2E": "1"}) for options in ROUNDS}
    if codes == {pytest.ExitCode.NO_TESTS_COLLECTED}:
        return int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max(codes - {pytest.ExitCode.NO_TESTS_COLLECTED})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
