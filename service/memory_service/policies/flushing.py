"""What a flush takes away: a pure choice over the messages of one thread. No clock, no store.

Messages leave in groups: a message together with the results of its tool calls, which are the `tool` messages that
follow it. System messages never leave, but for the summaries that earlier flushes wrote, which a new one takes in.
The newest group always stays: emptying a thread is what clear is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from memory_service.model.values import Strategy

THRESHOLD: Final = 0.8
TARGET: Final = 0.5
SUMMARY_CHARACTERS: Final = 800
"""Length of a rule-based summary: some 200 tokens."""
_EXCERPT: Final = 160


@dataclass(frozen=True, slots=True)
class Line:
    """A message as a flush sees it. `stands_for` is how many messages a summary replaced, 0 for what is none.

    `used_at` is when it was last read or, never read since, said: in milliseconds, for `lru` alone.
    """

    seq: int
    role: str
    tokens: int
    stands_for: int = 0
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Which messages leave. `due` is whether the threshold was reached (or the caller forced it)."""

    due: bool
    leaving: tuple[Line, ...] = ()
    summaries: tuple[Line, ...] = ()

    @property
    def seqs(self) -> tuple[int, ...]:
        """Seqs of everything that leaves, rising."""
        return tuple(sorted(line.seq for line in (*self.leaving, *self.summaries)))

    @property
    def tokens(self) -> int:
        """Tokens of everything that leaves."""
        return sum(line.tokens for line in (*self.leaving, *self.summaries))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits that a memory's policy sets to a thread, system messages not counted; None for none."""

    messages: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a flush is asked for. `threshold` and `target` are shares of the bounds, or of what is there without any.

    `summary_tokens` bounds a summary, None by SUMMARY_CHARACTERS alone.
    """

    strategy: Strategy = "simple_fifo"
    threshold: float = THRESHOLD
    target: float = TARGET
    force: bool = False
    bounds: Bounds = Bounds()
    summary_tokens: int | None = None


Group = tuple[Line, ...]


@dataclass(slots=True)
class _Measure:
    """One way to measure a thread, how much it has of that now, and the limit."""

    cost: Callable[[Group], int]
    size: int
    limit: int

    def reached(self, wish: Wish) -> bool:
        return self.limit > 0 and (wish.force or self.size >= trigger(self.limit, wish.threshold))


def trigger(limit: int, threshold: float) -> int:
    """The size from which a limit counts as reached: its share, rounded up, whatever a float makes of 0.7 * 10."""
    return max(1, math.ceil(round(threshold * limit, 6)))


def plan(wish: Wish, lines: Sequence[Line]) -> Plan:
    """Choose what leaves; `lines` are oldest first.

    The first limit reached acts: messages leave until every limit that was reached is down at its target.
    """
    groups = _groups(lines)
    reached = [measure for measure in _measures(wish, groups) if measure.reached(wish)]
    if not groups or not reached:
        return Plan(due=False)
    leaving: list[Line] = []
    for group in _ORDERS[wish.strategy](groups):
        if all(measure.size <= wish.target * measure.limit for measure in reached):
            break
        for measure in reached:
            measure.size -= measure.cost(group)
        leaving += group
    summaries = [line for line in lines if line.stands_for] if wish.strategy == "hybrid_summary" and leaving else []
    return Plan(True, tuple(leaving), tuple(summaries))


def _measures(wish: Wish, groups: list[Group]) -> list[_Measure]:
    """The policy's limits; without any, the present size, measured as the strategy does."""
    limits = ((_messages, wish.bounds.messages), (_tokens, wish.bounds.tokens))
    found = [_Measure(cost, sum(map(cost, groups)), limit) for cost, limit in limits if limit is not None]
    if found:
        return found
    size = sum(map(_COSTS[wish.strategy], groups))
    return [_Measure(_COSTS[wish.strategy], size, size)]


def _groups(lines: Sequence[Line]) -> list[Group]:
    """Messages that may leave, each with the tool results that follow it."""
    groups: list[list[Line]] = []
    for line in lines:
        if line.role == "system":
            continue
        if line.role == "tool" and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    return [tuple(group) for group in groups]


def _messages(group: Group) -> int:
    return len(group)


def _tokens(group: Group) -> int:
    return sum(line.tokens for line in group)


def _oldest(groups: list[Group]) -> list[Group]:
    return groups[:-1]


def _oldest_but_the_first(groups: list[Group]) -> list[Group]:
    """A conversation's opening and its last word stay beside its summary."""
    return groups[1:-1]


def _old_and_costly(groups: list[Group]) -> list[Group]:
    """By tokens, weighed with age: of two messages of one size the older leaves first, of one age the larger."""
    weighed = [((len(groups) - place) * _tokens(group), -place) for place, group in enumerate(groups[:-1])]
    return [groups[-place] for _, place in sorted(weighed, reverse=True)]


def _least_recently_used(groups: list[Group]) -> list[Group]:
    """A result that is read keeps its call; what was used at one time leaves oldest first."""
    return sorted(groups[:-1], key=lambda group: max(line.used_at for line in group))


_COSTS: Final[Mapping[str, Callable[[Group], int]]] = {
    "simple_fifo": _messages,
    "lru": _messages,
    "token_aware_lru": _tokens,
    "hybrid_summary": _messages,
}
_ORDERS: Final[Mapping[str, Callable[[list[Group]], list[Group]]]] = {
    "simple_fifo": _oldest,
    "lru": _least_recently_used,
    "token_aware_lru": _old_and_costly,
    "hybrid_summary": _oldest_but_the_first,
}


def dated(lines: Sequence[Line], said: Sequence[int], read: Mapping[int, int], now: int) -> list[Line]:
    """The lines with their times of use, from when each was said and, by seq, last read. All in milliseconds.

    A message said earlier than the one before it arrived no earlier; one said in the future arrived by now.
    """
    dated_lines, arrived = [], 0
    for line, at in zip(lines, said, strict=True):
        arrived = max(arrived, min(at, now))
        dated_lines.append(replace(line, used_at=max(arrived, read.get(line.seq, 0))))
    return dated_lines


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a summary is made from: a message that leaves, with its words."""

    role: str
    content: str
    timestamp: str


def summarise(left: Sequence[Spoken], stands_for: int) -> str:
    """A rule-based summary: how much was said by whom and when, how it began and ended; a line a fact."""
    roles = {role: sum(each.role == role for each in left) for role in ("user", "assistant", "tool")}
    counted = ", ".join(f"{count} {role}" for role, count in roles.items() if count)
    earlier = stands_for - len(left)
    lines = [f"Summary of {stands_for} earlier messages."]
    if left:
        lines.append(f"{counted}, from {left[0].timestamp} to {left[-1].timestamp}.")
    if earlier:
        lines.append(f"{earlier} of them were summarised before.")
    if left:
        lines.append(f"First, {left[0].role}: {_excerpt(left[0].content)}")
    if len(left) > 1:
        lines.append(f"Last, {left[-1].role}: {_excerpt(left[-1].content)}")
    return "\n".join(lines)[:SUMMARY_CHARACTERS]


def _excerpt(content: str) -> str:
    words = " ".join(content.split())
    return words if len(words) <= _EXCERPT else words[: _EXCERPT - 1] + "…"
