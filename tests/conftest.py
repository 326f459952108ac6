"""What several parts of the suite share: how properties are tested, and one real API server a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from e2e.cluster import controlplane

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def control_plane() -> Iterator[controlplane.Handle]:
    """An empty Kubernetes API with controllers and no node, started by the first test that needs it.

    Tests make namespaces of their own in it.
    """
    with controlplane.start() as plane:
        yield plane
