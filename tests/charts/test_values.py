"""Values: few, commented, and refused when they mean nothing."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from charts import sync
from charts.boards import __main__ as boards
from tests.charts.rendering import CHART, ROOT, Helm, HelmError

REFUSED = [
    ("an unknown value", "operatr.namespaces={a}", "operatr"),
    ("an unknown value of an object", "image.repo=x", "/image"),
    ("an unknown pull policy", "image.pullPolicy=Sometimes", "/image/pullPolicy"),
    ("a tag with a space", "image.tag=a b", "/image/tag"),
    ("a digest that is none", "image.digest=sha256:12", "/image/digest"),
    ("a store image without tag or digest", "images.redis.tag=", "/images/redis"),
    ("an unknown store", "images.postgres.repository=x", "/images"),
    ("a namespace that cannot exist", "operator.namespaces={Team_A}", "/operator/namespaces/0"),
    ("a proof interval of nothing", "operator.proofIntervalSeconds=0", "/operator/proofIntervalSeconds"),
    ("an amount that is none", "operator.resources.limits.cpu=lots", "/operator/resources/limits/cpu"),
    ("an environment variable without name", "operator.extraEnv[0].value=x", "/operator/extraEnv/0"),
    ("a port out of range", "networkPolicy.apiServerPorts={70000}", "/networkPolicy/apiServerPorts/0"),
    ("a scrape interval without unit", "metrics.podMonitor.interval=30", "/metrics/podMonitor/interval"),
    ("a default that no MemoryTenant has", "tenantDefaults.redis.sise=1Gi", "/tenantDefaults/redis"),
    ("a default out of range", "tenantDefaults.service.replicas=0", "/tenantDefaults/service/replicas"),
    ("a durability that does not exist", "tenantDefaults.redis.durability=maybe", "/tenantDefaults/redis/durability"),
]


@pytest.mark.parametrize("setting, path", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_value_that_means_nothing_is_refused_by_its_path(helm: Helm, setting: str, path: str) -> None:
    with pytest.raises(HelmError, match=re.escape(path)):
        helm.template("--set", setting)


@pytest.mark.parametrize("path", sync.files(), ids=lambda path: path.name)
def test_what_the_chart_says_twice_is_in_step(path: Path) -> None:
    """`make chart` writes these files."""
    assert sync.files()[path] == path.read_text()


def test_the_boards_are_those_of_the_typed_code() -> None:
    """`make dashboards` writes these files."""
    written = {path: path.read_text() for path in (CHART / "dashboards").glob("*")}

    assert boards.files() == written


def test_values_are_few_and_each_is_explained() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()

    assert len(lines) <= 350
    for previous, line in itertools.pairwise(lines):
        if re.match(r"[a-zA-Z]+: ?[^ ]", line) and not line.startswith("#"):
            assert previous.startswith("#"), f"no comment above {line!r}"


def test_the_chart_and_the_distribution_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert chart["appVersion"] == project["version"]
