"""What of a context fits a prompt: working memory first, then the newest messages, then what was recalled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shares:
    """What a budget pays for. `last` counts messages from the newest back; `recalled` are positions, best first."""

    working: bool
    last: int
    recalled: tuple[int, ...]
    spent: int


def spend(budget: int | None, *, working: int, last: Sequence[int], recalled: Sequence[int]) -> Shares:
    """How far `budget` tokens reach; None pays for everything.

    `last` holds the cost of each message, oldest first, `recalled` of each hit, best first. History stays gapless, so
    it ends at the first message that does not fit; a recalled one that does not fit leaves room for a smaller one.
    """
    if budget is None:
        return Shares(True, len(last), tuple(range(len(recalled))), working + sum(last) + sum(recalled))
    left = budget
    with_working = working <= left
    if with_working:
        left -= working
    kept = 0
    for cost in reversed(last):
        if cost > left:
            break
        left -= cost
        kept += 1
    paid = []
    for position, cost in enumerate(recalled):
        if cost <= left:
            left -= cost
            paid.append(position)
    return Shares(with_working, kept, tuple(paid), budget - left)
