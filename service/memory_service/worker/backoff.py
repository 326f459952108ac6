"""How long to wait after a fault: doubling, jittered, bounded."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds. The longest one bounds how late a healed part is noticed."""

    first: float = 0.1
    longest: float = 8.0
    faults: int = 0

    def worked(self) -> None:
        """The next fault starts anew."""
        self.faults = 0

    def pause(self) -> float:
        """Count a fault; how long to wait now."""
        ceiling: float = min(self.longest, self.first * 2.0**self.faults)
        self.faults = min(self.faults + 1, 16)
        return ceiling * random.uniform(0.5, 1.0)
