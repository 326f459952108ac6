"""What happens around the story: a cluster, images, the way inside, and taking everything away again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import REPOSITORY
from e2e.demo import prometheus, story
from e2e.demo.narrator import Narrator
from e2e.stage import PLATFORM, Stage, chart_settings

STATE: Final = REPOSITORY / ".cache" / "demo"
"""Where the demo's Prometheus lives, and the ids of what runs beside the cluster."""
STEPS: Final = 11
SHELL: Final = "make demo-shell"


def demo(environ: Mapping[str, str]) -> int:
    """The whole demo. ClusterError when the cluster or the images cannot be had; else the story's exit code."""
    narrator = Narrator(STEPS)
    narrator.console.print("[bold]Memory for agents, by kubectl apply[/]: the main job, from nothing.")
    stage = Stage.named("demo", environ)
    with narrator.step("A Kubernetes cluster", stage.cluster.description, quiet=True):
        stage.cluster.up()
    with narrator.step("Images", "The platform's own, and its stores, made known to the node.", quiet=True):
        images = chart_settings(stage.cluster.provide_images())
        prometheus.program(environ)  # fetched here: inside the built-in node's network nothing can be fetched
    words = [sys.executable, "-m", "e2e.demo", "story", "--state", STATE]
    return stage.run([*words, *(word for setting in images for word in ("--set", setting))], narrator.handed_over())


def farewell(narrator: Narrator) -> None:
    """How long it took, how to go on, how to stop."""
    narrator.timings()
    url = prometheus.running(STATE).url
    narrator.console.print("[bold]Go on[/] in a shell with kubectl, helm and the pods' network:")
    for line in (
        SHELL,
        f"kubectl get mem,pods -n {story.TENANT}",
        f"kubectl describe mem {story.MEMORY} -n {story.TENANT}",
        f"kubectl apply -n {story.TENANT} -f examples/scratchpad.yaml",
        f"kubectl port-forward -n {story.TENANT} svc/memory 8080 &",
        f"key=$(kubectl get secret -n {story.TENANT} memory-connection -o jsonpath='{{.data.api-key}}' | base64 -d)",
        f'curl -H "Authorization: Bearer $key" http://127.0.0.1:8080/v1/memories/{story.MEMORY}/health',
        f".venv/bin/python -m e2e.demo.board_check {url}             # every query of the Grafana board",
        f".venv/bin/python -m e2e.demo.board_picture {url} board.svg  # the board, drawn with this data",
    ):
        narrator.say(f"[yellow]$[/] {line}")
    narrator.console.print("[bold]Stop[/], and leave nothing behind:")
    narrator.say("[yellow]$[/] make down")


def down(environ: Mapping[str, str]) -> int:
    """Take away what the demo and a kept end-to-end suite started, or the cluster that MEMORY_CLUSTER names alone.

    On somebody's own cluster: what the demo installed there.
    """
    prometheus.stop(STATE)
    for name in [environ["MEMORY_CLUSTER"]] if environ.get("MEMORY_CLUSTER") else ["demo", "e2e"]:
        stage = Stage.named(name, environ)
        if environ.get("KUBE_CONTEXT"):
            _uninstall(stage)
        stage.cluster.down()
    print("Nothing of the demo is left.")
    return 0


def _uninstall(stage: Stage) -> None:
    """From a cluster that stays: the Memories first, while the operator can still take their stacks away."""
    stage.cluster.up()
    for words in (
        ["kubectl", "delete", "memories", "--all", "-n", story.TENANT, "--timeout=60s", "--ignore-not-found"],
        ["kubectl", "delete", "namespace", story.TENANT, "--timeout=120s", "--ignore-not-found"],
        ["helm", "uninstall", "memory-platform", "-n", PLATFORM, "--ignore-not-found", "--wait"],
    ):
        if stage.run(words):
            raise ClusterError(f"`{subprocess.list2cmdline(words)}` failed; its words are above")
