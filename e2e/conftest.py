"""Fixtures of the end-to-end suite: the platform installed once by Helm, a fresh namespace for each tenant.

`make e2e` runs this suite inside the cluster it chose (e2e/cluster); run by hand it refuses to guess one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from e2e.kube import Client, apply, kubectl, memory, wait_ready

OPERATOR = "memory-system"
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every end-to-end test is a cluster test."""
    for item in items:
        item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session", autouse=True)
def platform() -> str:
    """The namespace of the operator that `make e2e` installed."""
    if not os.environ.get("MEMORY_E2E"):
        pytest.exit(
            "the end-to-end suite is run by `make e2e`, which starts a cluster of its own and installs the chart", 2
        )
    kubectl("rollout", "status", "deployment", "-n", OPERATOR, "--timeout=120s")
    return OPERATOR


@contextlib.contextmanager
def namespaces() -> Iterator[Callable[[], str]]:
    """A factory of fresh namespaces under the restricted Pod Security Standard; all go at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"tenant-{os.getpid() % 10_000}-{next(_numbers)}"
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        made.append(name)
        return name

    yield make
    for name in made:
        with contextlib.suppress(AssertionError):
            kubectl("delete", "memories", "--all", "-n", name, "--wait=false")
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def tenants() -> Iterator[Callable[[], str]]:
    """A factory of fresh namespaces of one test."""
    with namespaces() as make:
        yield make


@pytest.fixture(scope="session")
def standing() -> Iterator[str]:
    """A namespace whose Memory `support` is Ready, for tests that only look."""
    with namespaces() as make:
        name = make()
        apply(memory("support"), namespace=name)
        wait_ready("support", name)
        yield name


@pytest.fixture
def tenant(tenants: Callable[[], str]) -> str:
    """One fresh namespace."""
    return tenants()


@pytest.fixture
def service(tenant: str) -> Client:
    """The memory service of `tenant`."""
    return Client(tenant)
