"""How much of the fuzz is run: a little, always the same; with MEMORY_FUZZ as much as one likes, each time other."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings

EXAMPLES: Final = int(os.environ.get("MEMORY_FUZZ", "0"))
"""Requests a route of a long run, each time others; 0 is the short run, always the same."""


def run(short: int, *, share: float = 1.0) -> Any:
    """Settings: `short` examples always, `share` of MEMORY_FUZZ in a long run."""
    return settings(
        max_examples=int(EXAMPLES * share) or short,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate] if EXAMPLES else [Phase.generate, Phase.shrink],  # shrinking takes minutes
        suppress_health_check=list(HealthCheck),
    )
