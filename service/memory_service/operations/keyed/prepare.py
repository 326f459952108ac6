"""From what a task says to what is to be done: templates rendered, key and payload checked, all faults found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET

from memory_service.errors import Fault, Refused
from memory_service.operations import moments
from memory_service.operations.keyed.task import ClearConfig, FlushConfig, HealthConfig, ReadConfig, StatsConfig, Task
from memory_service.operations.messages import MAX_BATCH, NewMessage
from memory_service.operations.words import ThreadId
from memory_service.policies.globs import is_pattern, valid_pattern
from memory_service.policies.gotemplate import (
    Budget,
    TemplateError,
    TooCostly,
    is_template,
    render,
    render_tree,
    written,
)

MAX_KEYS: Final = 1_000
BATCH_SIZE: Final = 100
WRITES: Final = ("write", "append")
CONFIGS: Final[Mapping[str, tuple[str, type]]] = {
    "read": ("read_config", ReadConfig),
    "clear": ("clear_config", ClearConfig),
    "flush": ("flush_config", FlushConfig),
    "health": ("health_config", HealthConfig),
    "stats": ("stats_config", StatsConfig),
}
"""Operation -> the config that belongs to it."""
PATTERNED: Final = ("read", "clear", "flush", "delete", "stats")
DESTRUCTIVE: Final = ("clear", "flush", "delete")
GUARDED: Final = ("write", "append", "delete", "clear", "flush")
_TEXTS: Final = ("content", "role", "timestamp", "expires_at", "ttl")

ReadMessage = Callable[[object, str, list[Fault]], Any]
"""Reads a NewMessage from plain data: (value, JSON Pointer, faults to add to)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What preparing needs from outside: the memory's id, the time, what templates may cost, how messages are read."""

    memory_id: str
    now_ms: int
    budget: Budget
    read_message: ReadMessage

    @property
    def now(self) -> datetime:
        return moments.moment(self.now_ms)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation ready to be done: on one key, or on all that match a pattern."""

    task: Task
    config: Any
    key: str = ""
    pattern: str | None = None
    messages: Sequence[NewMessage] = ()
    one_message: bool = False
    dry_run: bool = False
    max_keys: int = MAX_KEYS
    batch_size: int = BATCH_SIZE


def prepare(task: Task, desk: Desk) -> Prepared:
    """Check and render a task. Raises Refused with every fault, paths being relative to the task."""
    faults: list[Fault] = []
    _check_memory(task, desk, faults)
    config = _config(task, faults)
    try:
        key, pattern = _subject(task, config, desk, faults)
        messages, one = _payload(task, desk, faults)
    except TooCostly as fault:
        raise Refused(
            "invalid_template", f"the task {fault}", [*faults, Fault("", "invalid_template", str(fault))]
        ) from None
    dry = _one_of(task.dry_run, getattr(config, "dry_run", UNSET), "/flush_config/dry_run", faults, False)
    most = _one_of(task.max_keys, getattr(config, "max_keys", UNSET), "/flush_config/max_keys", faults, MAX_KEYS)
    prepared = Prepared(task, config, key, pattern, messages, one, bool(dry), int(most))
    if task.batch_size is not UNSET:
        prepared = replace(prepared, batch_size=task.batch_size)
    _check_guards(prepared, faults)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Refused(faults[0].code, f"{faults[0].path or 'the task'} {faults[0].message}{more}", faults)
    return prepared


def _check_memory(task: Task, desk: Desk, faults: list[Fault]) -> None:
    if task.memory_ref is not UNSET and task.memory_ref != desk.memory_id:
        text = f"names another memory than the path, which says {desk.memory_id}; send it to that memory's path"
        faults.append(Fault("/memory_ref", "invalid_field", text))


def _config(task: Task, faults: list[Fault]) -> Any:
    """The operation's own config, by default if absent; another operation's is a fault."""
    own = CONFIGS.get(task.operation)
    for operation, (name, _) in CONFIGS.items():
        if operation != task.operation and getattr(task, name) is not UNSET:
            faults.append(Fault(f"/{name}", "unknown_field", f"belongs to {operation}, not to {task.operation}"))
    if own is None:
        return None
    given = getattr(task, own[0])
    return own[1]() if given is UNSET else given


def _one_of(outer: Any, inner: Any, path: str, faults: list[Fault], default: object) -> Any:
    """A setting that may stand in two places, but not with two values."""
    if outer is not UNSET and inner is not UNSET and outer != inner:
        faults.append(Fault(path, "invalid_field", "says something else than the same field of the task"))
    return outer if outer is not UNSET else inner if inner is not UNSET else default


# --- key --------------------------------------------------------------------------------------------------------------


def _subject(task: Task, config: Any, desk: Desk, faults: list[Fault]) -> tuple[str, str | None]:
    """The key, or the pattern, that a task names in exactly one way."""
    inner = getattr(config, "pattern", UNSET)
    given = {
        "/key": task.key,
        "/key_template": task.key_template,
        "/pattern": task.pattern,
        f"/{task.operation}_config/pattern": inner,
    }
    said = {path: text for path, text in given.items() if text is not UNSET}
    if len(said) != 1:
        wrong = f"says {' and '.join(said)}" if said else "names no key"
        text = f"{wrong}; say one of key, key_template and pattern"
        faults.append(Fault(list(said)[1] if said else "/key", "invalid_field", text))
        return "", None
    ((path, text),) = said.items()
    if path.endswith("pattern") or (is_pattern(text) and not is_template(text)):
        return "", _checked_pattern(task, path, text, faults)
    if path == "/key_template":
        try:
            text = render(text, task.context, desk.now, desk.budget)
        except TooCostly:
            raise
        except TemplateError as fault:
            faults.append(Fault(path, "invalid_template", str(fault)))
            return "", None
    try:
        return ThreadId.read(text), None
    except ValueError as fault:
        seen = f"renders to {text[:64]!r}, which {fault}" if path == "/key_template" else str(fault)
        faults.append(Fault(path, "invalid_thread", seen))
        return "", None


def _checked_pattern(task: Task, path: str, text: str, faults: list[Fault]) -> str:
    if task.operation not in PATTERNED:
        faults.append(Fault(path, "invalid_thread", f"is a pattern; {task.operation} takes one key, without * and ?"))
    elif not valid_pattern(text):
        remedy = "must be 1 to 255 characters of A-Z a-z 0-9 _ : - @ . and * for any run, ? for one character"
        faults.append(Fault(path, "invalid_thread", remedy))
    return text


def _check_guards(prepared: Prepared, faults: list[Fault]) -> None:
    """What must, or cannot, go with a pattern; and what a clear needs."""
    task, patterned = prepared.task, prepared.pattern is not None
    confirmed = task.confirm is True or getattr(prepared.config, "confirm", False)
    if task.operation == "clear" and not confirmed and not prepared.dry_run:
        faults.append(Fault("/clear_config/confirm", "confirm_required", "must be true: a clear removes all messages"))
    elif patterned and task.operation in DESTRUCTIVE and not confirmed and not prepared.dry_run:
        text = f"must be true: {task.operation} removes messages of every key that matches; dry_run shows which"
        faults.append(Fault("/confirm", "confirm_required", text))
    if patterned and task.expected_version is not UNSET:
        faults.append(Fault("/expected_version", "invalid_field", "belongs to one key, not to a pattern"))
    for name in ("max_keys", "batch_size"):
        if not patterned and getattr(task, name) is not UNSET:
            faults.append(Fault(f"/{name}", "invalid_field", "belongs to a pattern, not to one key"))
    if task.operation not in GUARDED:
        for name in ("expected_version", "dry_run"):
            if getattr(task, name) is not UNSET:
                faults.append(
                    Fault(f"/{name}", "invalid_field", f"means nothing for {task.operation}, which writes nothing")
                )
    if not (patterned and task.operation in DESTRUCTIVE) and task.operation != "clear" and task.confirm is not UNSET:
        faults.append(Fault("/confirm", "invalid_field", "belongs to clear and to patterns that remove messages"))
    _check_read(prepared.config, faults)


def _check_read(config: Any, faults: list[Fault]) -> None:
    if isinstance(config, StatsConfig) and config.limit is not UNSET and not config.include_content:
        faults.append(Fault("/stats_config/limit", "invalid_field", "bounds what include_content shows; say that too"))
    if isinstance(config, ReadConfig) and config.last is not UNSET:
        for name, default in (("offset", 0), ("limit", 50)):
            if getattr(config, name) != default:
                faults.append(Fault(f"/read_config/{name}", "invalid_field", "excludes last, which is the newest N"))


# --- payload ----------------------------------------------------------------------------------------------------------


def _payload(task: Task, desk: Desk, faults: list[Fault]) -> tuple[list[NewMessage], bool]:
    """The messages of a payload, and whether it is one message rather than a list."""
    if task.operation not in WRITES:
        if task.payload is not UNSET:
            faults.append(Fault("/payload", "unknown_field", f"belongs to write and append, not to {task.operation}"))
        return [], False
    if task.payload is UNSET or task.payload is None or task.payload == [] or task.payload == "":
        faults.append(Fault("/payload", "invalid_message", "is empty; say a text, a message, or a list of both"))
        return [], False
    rendered = render_tree(task.payload, task.context, desk.now, desk.budget)
    faults += [Fault(f"/payload{path}", "invalid_template", str(fault)) for path, fault in rendered.faults]
    many = isinstance(rendered.value, list)
    items = rendered.value if isinstance(rendered.value, list) else [rendered.value]
    if len(items) > MAX_BATCH:
        text = f"has {len(items)} messages; a request takes at most {MAX_BATCH}, so send several"
        faults.append(Fault("/payload", "request_too_large", text))
        return [], False
    broken = {path.split("/")[1] if many else "" for path, _ in rendered.faults}
    messages = []
    for place, item in enumerate(items):
        if (str(place) if many else "") not in broken:
            messages.append(_message(item, f"/payload/{place}" if many else "/payload", desk, faults))
    return messages, not many


def _message(item: object, path: str, desk: Desk, faults: list[Fault]) -> NewMessage:
    """One message: a text is a user's; numbers and booleans that templates gave are texts where texts belong."""
    if isinstance(item, bool | int | float):
        item = written(item)
    if isinstance(item, str):
        item = {"content": item}
    if isinstance(item, dict):
        item = {
            name: written(value)
            if name in _TEXTS and isinstance(value, bool | int | float) and name != "ttl"
            else value
            for name, value in item.items()
        }
    message: NewMessage = desk.read_message(item, path, faults)
    return message
