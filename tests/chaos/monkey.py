"""Kills parts at random, as kill -9 does, and starts each again after a random pause."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.parts import Part, Stage

EVERYTHING: Final = 0.03
"""Share of kills that take all parts."""
PAUSE: Final = (0.02, 1.5)
"""Seconds until a part is started again."""
FREEZE: Final = (1.0, 18.0)
"""Seconds that a part stands still: beyond every timeout and lease."""


@dataclass
class Monkey:
    """Who dies when is drawn from `seed`; `between` is the mean of seconds between two kills.

    Now and then everything dies at once, as when a machine goes.
    """

    stage: Stage
    seed: int
    between: float
    freezes: float = 0.0
    """Share of victims that are stopped for a while instead of killed: what they were told meanwhile they do later."""
    kills: Counter[str] = field(default_factory=Counter)
    ended: list[str] = field(default_factory=list)
    """Parts that ended although nobody killed them: defects."""

    async def rage(self) -> None:
        """Kill until cancelled; then whatever is dead is started again. Several parts may be dead at once."""
        dice = random.Random(f"monkey {self.seed}")
        nursing: set[asyncio.Task[None]] = set()
        try:
            while True:
                await asyncio.sleep(dice.uniform(0.4, 1.6) * self.between)
                self._notice()
                parts = list(self.stage.parts.values())
                if dice.random() < self.freezes:
                    nursing.add(asyncio.create_task(self._freeze(dice.choice(parts), dice.uniform(*FREEZE))))
                    continue
                for part in parts if dice.random() < EVERYTHING else [dice.choice(parts)]:
                    if part.process is not None:
                        nursing.add(asyncio.create_task(self._kill(part, dice.uniform(*PAUSE))))
        finally:
            for task in nursing:
                task.cancel()
            await asyncio.gather(*nursing, return_exceptions=True)
            self.stage.start()

    async def _kill(self, part: Part, pause: float) -> None:
        part.kill()
        self.kills[part.name.partition("-")[0]] += 1
        await asyncio.sleep(pause)
        part.start()

    async def _freeze(self, part: Part, pause: float) -> None:
        part.signal(signal.SIGSTOP)
        self.kills["frozen"] += 1
        try:
            await asyncio.sleep(pause)
        finally:
            part.signal(signal.SIGCONT)

    def _notice(self) -> None:
        for part in self.stage.parts.values():
            if part.died():
                assert part.process is not None
                self.ended.append(f"{part.name} ended by itself with status {part.process.returncode}")
                part.process = None
                part.start()
