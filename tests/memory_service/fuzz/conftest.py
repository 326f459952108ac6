"""A Valkey for the fuzz alone, so that all it holds can be looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.memory_service.fuzz.world import World, world
from tests.memory_service.web.harness import Valkey


@pytest.fixture(scope="module")
def the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The application, seeded."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as valkey, world(valkey) as made:
        yield made
