"""One task from what it says to its result; on one key or on every key of a pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory_service.errors import Refused, Unavailable
from memory_service.model.mutations import Outcome
from memory_service.model.values import Guard
from memory_service.operations.flushing import Flushed
from memory_service.operations.keyed.patterns import sweep
from memory_service.operations.keyed.perform import Room, Turn, guard_of, perform
from memory_service.operations.keyed.prepare import Desk, prepare
from memory_service.operations.keyed.task import Next, Task

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory


@dataclass(frozen=True, slots=True)
class Result:
    """What a task answers. `key` is the rendered key, or the pattern; `flushed` are the flushes done."""

    task: Task
    key: str
    output: dict[str, Any]
    outcomes: tuple[Outcome, ...] = ()
    flushed: tuple[Flushed, ...] = ()

    @property
    def next(self) -> str | None:
        return self.task.on_success.next if isinstance(self.task.on_success, Next) else None


async def run(
    memory: OpenMemory,
    task: Task,
    desk: Desk,
    guard: Guard,
    room: Room,
    explain: Callable[[Refused | Unavailable], Any],
) -> Result:
    """Prepare and do one task. Raises Refused with paths relative to the task, and Unavailable."""
    prepared = prepare(task, desk)
    if prepared.pattern is not None:
        output, dones = await sweep(memory, prepared, guard, room, explain)
        subject = prepared.pattern
    else:
        done = await perform(Turn(memory, prepared, prepared.key, guard_of(prepared, guard), room))
        output, dones, subject = done.output, [done], prepared.key
    outcomes = tuple(done.outcome for done in dones if done.outcome is not None)
    flushed = tuple(done.flushed for done in dones if done.flushed is not None)
    return Result(task, subject, output, outcomes, flushed)


def next_on_error(task: Task) -> str | None:
    """Where a workflow goes on after a failure."""
    return task.on_error.next if isinstance(task.on_error, Next) else None
