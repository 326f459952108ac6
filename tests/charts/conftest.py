"""Helm for the tests of the chart: the one on the machine, or the one that the test cluster builds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from e2e.cluster import binaries
from tests.charts.rendering import EVERYTHING, Helm, Manifest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test here may have to wait until Helm is built."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Helm 3 or newer, on our chart. On a fresh machine without one it is built first, which takes minutes."""
    found = shutil.which("helm")
    return Helm(Path(found) if found else binaries.ensure(os.environ).path("helm"))


@pytest.fixture(scope="session")
def defaults(helm: Helm) -> list[Manifest]:
    """The rendering that a user gets who sets nothing."""
    return helm.render()


@pytest.fixture(scope="session")
def everything(helm: Helm) -> list[Manifest]:
    """The rendering with all that is off by default."""
    return helm.render(EVERYTHING)
