"""The eight operations of keyed memories over HTTP: one task, or a list of them in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from memory_service.errors import Fault, Refused, Unavailable
from memory_service.model.values import Guard
from memory_service.operations.keyed import running
from memory_service.operations.keyed.perform import Room
from memory_service.operations.keyed.prepare import Desk
from memory_service.operations.keyed.task import Task
from memory_service.operations.messages import NewMessage
from memory_service.policies.gotemplate import Budget
from memory_service.web import answers, problems, results
from memory_service.web.call import Call, Reply
from memory_service.web.preconditions import derived
from memory_service.web.readers import reader
from memory_service.web.route import Body
from memory_service.web.service import Service

MOST: Final = 100
List = Annotated[list[Task], Meta(min_length=1, max_length=MOST, description="Done in order; each has its own result.")]


@dataclass(frozen=True, slots=True)
class Tasks(Body):
    """A task, or a list of them."""

    def read(self, raw: object, faults: list[Fault]) -> Any:
        """The typed value; faults are added."""
        return reader(List if isinstance(raw, list) else Task)(raw, "", faults)


async def run(call: Call, service: Service) -> Reply:
    """POST operations."""
    desk = Desk(call.params["memory"], call.opened.clock.now_ms(), Budget(), reader(NewMessage))
    room = Room()
    if isinstance(call.body, list):
        answered = [await _item(call, service, desk, room, number) for number in range(len(call.body))]
        return _reply(call, results.OperationAnswer(results=answered))
    task: Task = call.body
    try:
        result = await running.run(call.opened, task, desk, Guard(key=call.key), room, _explain(call, ""))
    except (Refused, Unavailable) as error:
        error.extra["next"] = running.next_on_error(task)
        raise
    return _reply(call, _good(call, service, result))


def _reply(call: Call, answer: results.OperationAnswer) -> Reply:
    reply = answers.ok(answer)
    if call.outcomes:
        reply.headers += answers.trail(max(call.outcomes, key=lambda outcome: outcome.pos), False)
    return reply


async def _item(call: Call, service: Service, desk: Desk, room: Room, number: int) -> results.OperationAnswer:
    """One task of a list; what is wrong with it stops no other."""
    task: Task = call.body[number]
    guard = Guard(key=derived(call.key, number))
    # Later tasks see what earlier ones took: time goes on, the budget is one.
    desk = replace(desk, now_ms=call.opened.clock.now_ms())
    try:
        result = await running.run(call.opened, task, desk, guard, room, _explain(call, f"/{number}"))
    except (Refused, Unavailable) as error:
        return results.OperationAnswer(
            id=task.id,
            operation=task.operation,
            key=None if task.key is msgspec.UNSET else task.key,
            ok=False,
            output=None,
            next=running.next_on_error(task),
            error=_explain(call, f"/{number}")(error),
        )
    return _good(call, service, result)


def _good(call: Call, service: Service, result: running.Result) -> results.OperationAnswer:
    if not result.output.get("dry_run"):
        call.outcomes += result.outcomes
        for done in result.flushed:
            service.metrics.flushed(call.params["memory"], done.actual_strategy, done.removed, done.by_model)
    return results.OperationAnswer(
        id=result.task.id,
        operation=result.task.operation,
        key=result.key,
        ok=True,
        output=result.output,
        next=result.next,
        error=None,
    )


def _explain(call: Call, place: str) -> Any:
    """Makes a problem object of an error, its paths being those of the whole body."""

    def explain(error: Refused | Unavailable) -> dict[str, Any]:
        if isinstance(error, Refused):
            error = Refused(error.code, error.detail, _placed(error.faults, place), **error.extra)
        problem: dict[str, Any] = msgspec.to_builtins(problems.of_error(error, call.request_id))
        return problem

    return explain


def _placed(faults: Sequence[Fault], place: str) -> list[Fault]:
    return [replace(fault, path=place + fault.path) for fault in faults]
