"""The chart as Helm renders it, and questions to ask a rendering."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "memory-platform"
EVERYTHING = f"--values={CHART / 'ci' / 'everything-values.yaml'}"
"""The option that switches on all that is off by default."""
KUBERNETES = "1.34.4"


class HelmError(AssertionError):
    """Helm refused; the message is what a user would read."""


@dataclass(frozen=True)
class Helm:
    """The helm command, on our chart."""

    program: Path

    def run(self, *arguments: str) -> str:
        """What helm prints. HelmError with its complaint when it refuses."""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def template(self, *arguments: str) -> str:
        """The rendering as text."""
        where = ["memory-platform", str(CHART), "--namespace", "memory-system", "--kube-version", KUBERNETES]
        return self.run("template", *where, *arguments)

    def render(self, *arguments: str) -> list[Manifest]:
        """The rendering as manifests."""
        return [manifest for manifest in yaml.safe_load_all(self.template(*arguments)) if manifest]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """The objects of a kind, in the order of the rendering."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: list[Manifest], kind: str) -> Manifest:
    """The only object of a kind."""
    (found,) = of_kind(manifests, kind)
    return found


def pod_specs(manifests: list[Manifest]) -> Iterator[Manifest]:
    """The pod spec of everything that makes a pod."""
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["spec"]
        elif "template" in manifest.get("spec", {}):
            yield manifest["spec"]["template"]["spec"]


def operator_container(manifests: list[Manifest]) -> Manifest:
    """The operator's container."""
    (container,) = the(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    found: Manifest = container
    return found
