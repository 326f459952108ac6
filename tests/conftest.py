"""What several parts of the suite share: one real API server a session, started by the first test that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster import controlplane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[controlplane.Handle]:
    """An empty Kubernetes API with controllers and no node. Tests make namespaces of their own in it."""
    with controlplane.start() as plane:
        yield plane
