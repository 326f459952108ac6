"""What the store decided, as an answer or a refusal: one table for every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from memory_service.errors import Refused
from memory_service.model.mutations import Outcome


def settle(outcome: Outcome) -> Outcome:
    """The outcome of a mutation that was done (or would be, on a dry run). Raises Refused with the store's code."""
    if outcome.code == "ok":
        return outcome
    code, describe = _REFUSALS.get(outcome.code, (outcome.code, lambda refused: f"refused: {refused.code}"))
    extra: dict[str, Any] = {}
    if outcome.replayed:
        extra["replayed"] = True
    if code == "version_mismatch":
        extra["version"] = outcome.version
    if outcome.quota is not None:
        extra |= {"quota": outcome.quota, "used": outcome.used, "limit": outcome.limit}
    raise Refused(code, describe(outcome), **extra)


def _says(text: str) -> Callable[[Outcome], str]:
    return lambda _: text


_REFUSALS: Final[Mapping[str, tuple[str, Callable[[Outcome], str]]]] = {
    "version_mismatch": (
        "version_mismatch",
        lambda outcome: f"it is at version {outcome.version} now; read it again and repeat the change on that",
    ),
    "exists": ("version_mismatch", lambda outcome: f"the thread exists already, at version {outcome.version}"),
    "settings_conflict": (
        "settings_conflict",
        _says(
            "the thread exists with other settings, which CREATE_CONVERSATION changes with update: true, "
            "or belongs to another owner, and an owner is set once"
        ),
    ),
    "not_empty": ("not_empty", _says("the thread has messages; clear it first")),
    "thread_full": (
        "thread_full",
        lambda outcome: (
            f"the thread would exceed {outcome.limit or 'its limit of'} messages (options.limits.threadMessages); "
            "clear it, flush it, or declare what leaves by itself (options.window, options.flushing.maxMessages)"
        ),
    ),
    "token_limit": (
        "token_limit",
        lambda outcome: (
            f"a message alone has more than the {outcome.limit} tokens that a thread may (options.window.tokens); "
            "send it in parts"
        ),
    ),
    "system_cap": ("system_cap", _says("a thread keeps at most 64 system messages; clear it or write it anew")),
    "quota_exceeded": (
        "quota_exceeded",
        lambda outcome: f"the memory's quota of {outcome.quota} is {outcome.limit}, and {outcome.used} are used",
    ),
    "thread_not_found": ("thread_not_found", _says("the thread does not exist, so it has no expiry to change")),
    "message_not_found": ("message_not_found", _says("the thread has no such message (any more)")),
    "backup_not_found": ("backup_not_found", _says("there is no such backup (any more)")),
    "idempotency_mismatch": (
        "idempotency_mismatch",
        _says("this Idempotency-Key was used for another request; use a new key for a new request"),
    ),
    "invalid_ttl": ("invalid_ttl", _says("the expiry asked for lies in the past")),
    "busy": ("busy", _says("the same request is being worked on right now; try again in a moment")),
}
