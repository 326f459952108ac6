"""The five conversation operations over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from memory_service.model.values import Guard
from memory_service.operations.actions import ACTIONS, Action, AnyAction, act
from memory_service.web import answers
from memory_service.web.call import Call, Reply
from memory_service.web.service import Service


class AnyOperation(msgspec.Struct):
    """What a body must say before anything else about it can be judged."""

    open: ClassVar[bool] = True

    operation: Literal[
        "CREATE_CONVERSATION", "STORE_MESSAGE", "READ_HISTORY", "CLEAR_CONVERSATION", "DELETE_CONVERSATION"
    ]


def shape(raw: object) -> Any:
    """Which action a body means to be, by its `operation`."""
    name = raw.get("operation") if isinstance(raw, dict) else None
    return ACTIONS.get(name, AnyOperation) if isinstance(name, str) else AnyOperation


async def run(call: Call, service: Service) -> Reply:
    """POST actions: one operation, answered with its own status."""
    action: AnyAction = call.body
    dry = isinstance(action, Action) and action.dry_run
    expected = action.expected_version if isinstance(action, Action) else msgspec.UNSET
    guard = Guard(if_match=None if expected is msgspec.UNSET else expected, dry_run=dry, key=None if dry else call.key)
    done = await act(call.opened, action, guard)
    reply = answers.ok(done.answer | {"dry_run": True} if dry else done.answer)
    if done.outcome is not None and not dry:
        call.outcomes.append(done.outcome)
        reply.headers += answers.trail(done.outcome, dry)
    return reply
