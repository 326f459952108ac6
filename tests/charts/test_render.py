"""What the chart installs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from memory_crd import tenant
from memory_operator import settings

from tests.charts.rendering import CHART, EVERYTHING, ROOT, Helm, HelmError, Manifest, of_kind, operator_container, the

GOLDEN = ROOT / "tests" / "golden" / "charts"
# The definitions and the boards have their own files and tests.
WITHOUT_COPIES = ("--set=crds.install=false", "--set=metrics.dashboards.enabled=false")


@pytest.mark.parametrize("name, options", [("defaults", ()), ("everything", (EVERYTHING,))])
def test_a_rendering_changes_only_on_purpose(helm: Helm, name: str, options: tuple[str, ...]) -> None:
    """`make golden` writes the files; a review reads their diff."""
    golden = GOLDEN / f"{name}.yaml"
    text = helm.template(*options, *WITHOUT_COPIES)
    if os.environ.get("MEMORY_GOLDEN") == "write":
        golden.write_text(text)

    assert text == golden.read_text()


@pytest.mark.parametrize("values", [None, *sorted((CHART / "ci").glob("*.yaml"))], ids=str)
def test_helm_lint_has_no_complaint(helm: Helm, values: Path | None) -> None:
    told = helm.run("lint", "--strict", str(CHART), *([f"--values={values}"] if values else []))

    assert "[WARNING]" not in told
    assert "[ERROR]" not in told


def test_the_definitions_are_those_of_the_contract_and_stay_behind(defaults: list[Manifest]) -> None:
    rendered = {manifest["metadata"]["name"]: manifest for manifest in of_kind(defaults, "CustomResourceDefinition")}

    for path in (ROOT / "crds").glob("*.yaml"):
        wanted = yaml.safe_load(path.read_text())
        found = rendered.pop(wanted["metadata"]["name"])
        assert found["spec"] == wanted["spec"]
        assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert not rendered


def test_definitions_can_be_left_out_or_left_to_go(helm: Helm, everything: list[Manifest]) -> None:
    gone = of_kind(helm.render("--set=crds.keep=false"), "CustomResourceDefinition")

    assert of_kind(helm.render("--set=crds.install=false"), "CustomResourceDefinition") == []
    assert all("annotations" not in crd["metadata"] or not crd["metadata"]["annotations"] for crd in gone)
    assert {
        crd["metadata"]["annotations"]["example.com/wave"] for crd in of_kind(everything, "CustomResourceDefinition")
    } == {"-1"}


@pytest.mark.parametrize("which", ["defaults", "everything"])
def test_the_operator_accepts_what_the_chart_tells_it(request: pytest.FixtureRequest, which: str) -> None:
    """Each variable is one that the operator knows, and the defaults are those of a valid MemoryTenant."""
    manifests: list[Manifest] = request.getfixturevalue(which)
    environ = {entry["name"]: entry.get("value", "memory-system") for entry in operator_container(manifests)["env"]}
    (document,) = [
        each["data"]["defaults.json"] for each in of_kind(manifests, "ConfigMap") if "defaults.json" in each["data"]
    ]

    known = {settings.PREFIX + name.upper() for name in settings.PARSERS}
    told = settings.Settings.from_env(environ, read=lambda path: document)

    assert set(environ) <= known
    assert told.own_namespace == "memory-system"
    assert tenant.resolve("somebody", None, told.defaults).spec


def test_a_change_of_the_tenants_defaults_restarts_the_operator(
    defaults: list[Manifest], everything: list[Manifest]
) -> None:
    def checksum(manifests: list[Manifest]) -> str:
        found: str = the(manifests, "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/defaults"]
        return found

    assert checksum(defaults) != checksum(everything)


def test_every_image_can_be_named_by_registry_and_digest(everything: list[Manifest]) -> None:
    container = operator_container(everything)
    environ = {entry["name"]: entry.get("value") for entry in container["env"]}
    ours = f"registry.example/team/memory-platform@sha256:{'a' * 64}"

    assert container["image"] == environ["MEMORY_OPERATOR_IMAGE"] == ours
    assert environ["MEMORY_OPERATOR_REDIS_IMAGE"] == "registry.example/redis:8.2.1"
    assert environ["MEMORY_OPERATOR_QDRANT_IMAGE"] == "registry.example/qdrant:v1.18.3-unprivileged"


def test_an_image_without_tag_is_that_of_the_release(defaults: list[Manifest]) -> None:
    release = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]

    assert operator_container(defaults)["image"] == f"memory-platform:{release}"


def test_monitors_find_the_pods_by_the_labels_that_the_operator_writes(everything: list[Manifest]) -> None:
    monitor = the(everything, "PodMonitor")["spec"]

    assert monitor["namespaceSelector"] == {"matchNames": ["team-a", "team-b"]}
    assert [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]] == ["management", "worker-metrics"]


def test_old_clusters_are_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r">=1\.30"):
        helm.template("--kube-version", "1.29.0")
