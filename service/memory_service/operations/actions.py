"""The five conversation operations, as flow engines write them: conversation is their word for a thread.

Each is a thin translation to the same operations that the native routes use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.errors import Fault, Refused
from memory_service.model.facts import Slice
from memory_service.model.mutations import Outcome
from memory_service.model.values import UNSET as KEEP
from memory_service.model.values import Guard, Settings, ThreadType, Unset
from memory_service.operations import history, privacy, threads
from memory_service.operations.messages import NewMessage
from memory_service.operations.stored import StoredMessage, decoded
from memory_service.operations.templates import render
from memory_service.operations.words import Duration, Expiry, MessageId, Moment, ThreadId, Version

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

MOST_HISTORY: Final = 1_000

Template = Annotated[str, Meta(min_length=1, description="May hold {name} templates with dotted paths into variables.")]
Variables = Annotated[dict[str, Any], Meta(description="Values of {name} templates.")]


class Action(msgspec.Struct, kw_only=True, frozen=True):
    """What every action says."""

    operation: str
    conversationId: Template
    variables: Variables = {}
    dry_run: bool = False
    expected_version: Version | UnsetType = UNSET


class CreateConversation(Action, kw_only=True, frozen=True):
    """Make a conversation slot; the same settings again are the same slot, others a conflict unless `update`."""

    operation: Literal["CREATE_CONVERSATION"]
    conversationType: ThreadType = "CHAT"
    maxMessages: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    update: bool = False


class StoreMessage(Action, kw_only=True, frozen=True):
    """Add a message; the conversation is created when absent."""

    operation: Literal["STORE_MESSAGE"]
    content: Template
    role: Literal["user", "assistant", "system", "tool"] = "user"
    timestamp: Moment | UnsetType = UNSET
    metadata: dict[str, Any] = {}
    ttl: Duration | UnsetType = UNSET
    expires_at: Expiry | UnsetType = UNSET


class ReadHistory(msgspec.Struct, kw_only=True, frozen=True):
    """The newest messages, oldest first."""

    operation: Literal["READ_HISTORY"]
    conversationId: Template
    variables: Variables = {}
    limit: Annotated[int, Meta(ge=1, le=MOST_HISTORY)] = MOST_HISTORY
    before: Annotated[MessageId, Meta(description="Messages before this one, to go further back.")] | UnsetType = UNSET
    includeMetadata: Annotated[bool, Meta(description="Ids, times and metadata too.")] = False


class ClearConversation(Action, kw_only=True, frozen=True):
    """Remove all messages; the slot stays."""

    operation: Literal["CLEAR_CONVERSATION"]


class DeleteConversation(Action, kw_only=True, frozen=True):
    """Remove the slot and its messages."""

    operation: Literal["DELETE_CONVERSATION"]


AnyAction = CreateConversation | StoreMessage | ReadHistory | ClearConversation | DeleteConversation

ACTIONS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "CREATE_CONVERSATION": CreateConversation,
    "STORE_MESSAGE": StoreMessage,
    "READ_HISTORY": ReadHistory,
    "CLEAR_CONVERSATION": ClearConversation,
    "DELETE_CONVERSATION": DeleteConversation,
}


@dataclass(frozen=True, slots=True)
class Done:
    """An action's answer, and what the store did where it changed something."""

    answer: dict[str, object]
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class _Context:
    memory: OpenMemory
    thread: str
    guard: Guard


async def act(memory: OpenMemory, action: AnyAction, guard: Guard) -> Done:
    """Render the action's templates, then do it.

    Raises Refused: `invalid_template`, `invalid_thread`, and the operation's.
    """
    thread, faults = render(action.conversationId, action.variables, "/conversationId")
    if not faults:
        try:
            thread = ThreadId.read(thread)
        except ValueError as fault:
            faults.append(Fault("/conversationId", "invalid_thread", f"renders to {thread[:64]!r}, which {fault}"))
    content = ""
    if isinstance(action, StoreMessage):
        content, more = render(action.content, action.variables, "/content")
        faults += more
    if faults:
        raise Refused(faults[0].code, f"{faults[0].path} {faults[0].message}", faults)
    context = _Context(memory, thread, guard)
    if isinstance(action, StoreMessage):
        return await _store(context, action, content)
    return await _HANDLERS[type(action)](context, action)


async def _create(context: _Context, action: CreateConversation) -> Done:
    window: int | Unset = KEEP if action.maxMessages is None else action.maxMessages
    settings = Settings(type=action.conversationType, max_messages=window)
    outcome = await threads.configure(
        context.memory,
        context.thread,
        settings,
        "merge" if action.update else "create",
        context.guard,
        window="/maxMessages",
    )
    return Done({"memoryConversationId": context.thread}, outcome)


async def _store(context: _Context, action: StoreMessage, content: str) -> Done:
    message = NewMessage(content, action.role, action.timestamp, action.metadata, action.ttl, action.expires_at)
    outcome = await history.append(context.memory, context.thread, [message], context.guard, path="", one=True)
    answer: dict[str, object] = {"appended": outcome.count, "total": outcome.total, "version": outcome.version}
    return Done(answer | privacy.told(outcome), outcome)


async def _read(context: _Context, action: ReadHistory) -> Done:
    before = None if action.before is UNSET else action.before
    page = await history.read(context.memory, context.thread, Slice(last=action.limit, before=before))
    said = [message for raw in page.messages if (message := decoded(raw)) is not None]
    return Done({"memoryHistory": [_line(message, action.includeMetadata) for message in said]})


async def _clear(context: _Context, action: ClearConversation) -> Done:
    outcome = await history.clear(context.memory, context.thread, backup=False, guard=context.guard)
    return Done({"cleared": outcome.count}, outcome)


async def _delete(context: _Context, action: DeleteConversation) -> Done:
    outcome = await threads.delete(context.memory, context.thread, context.guard)
    return Done({"deleted": outcome.deleted}, outcome)


def _line(message: StoredMessage, whole: bool) -> dict[str, Any]:
    line = {"role": message.role, "content": message.content}
    return line | {"id": message.id, "timestamp": message.timestamp, "metadata": message.metadata} if whole else line


_HANDLERS: Final[Mapping[type, Callable[[_Context, Any], Awaitable[Done]]]] = {
    CreateConversation: _create,
    ReadHistory: _read,
    ClearConversation: _clear,
    DeleteConversation: _delete,
}
