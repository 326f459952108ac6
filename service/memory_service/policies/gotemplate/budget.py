"""What rendering may cost: one budget for everything that one request renders."""

from __future__ import annotations

from typing import Final

from memory_service.policies.gotemplate.faults import TooCostly

STEPS: Final = 20_000
"""Parts, evaluations and 64-character stretches of text worked on: some 30 ms."""
OUTPUT: Final = 1 << 20
"""Characters of all output: as much as a request may hold."""
NESTING: Final = 32
"""Blocks and parentheses inside one another, and levels of data that are written out."""


class Budget:
    """Counts down; raises TooCostly when a template asks for more than there is left."""

    __slots__ = ("output", "steps")

    def __init__(self, steps: int = STEPS, output: int = OUTPUT) -> None:
        self.steps = steps
        self.output = output

    def step(self, cost: int = 1) -> None:
        """Pay for work, before it is done."""
        self.steps -= cost
        if self.steps < 0:
            raise TooCostly("takes too many steps; render less in one request")

    def text(self, size: int) -> None:
        """Pay for work on this many characters."""
        self.step(1 + size // 64)

    def write(self, size: int) -> None:
        """Pay for output."""
        self.output -= size
        if self.output < 0:
            raise TooCostly(f"renders to more than {OUTPUT} characters")
