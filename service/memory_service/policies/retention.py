"""What a memory keeps and for how long: its options as plain numbers, and the arithmetic of expiry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from memory_service.policies.flushing import trigger

if TYPE_CHECKING:
    from memory_crd.options import Options

SYSTEM_MESSAGES: Final = 64
"""Most system messages of a thread. They stay outside the window, so a cap of their own bounds them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A memory's rules for its log. Milliseconds and counts; 0 is none, everywhere.

    `flush_messages` and `flush_tokens` are sizes from which a thread is flushed; with one of them no window applies.
    """

    ttl_ms: int = 0
    max_age_ms: int = 0
    refresh: Literal["write", "read", "never"] = "write"
    required: bool = False
    thread_messages: int = 10_000
    system_messages: int = SYSTEM_MESSAGES
    threads: int = 0
    bytes: int = 0
    window_messages: int = 0
    window_tokens: int = 0
    flush_messages: int = 0
    flush_tokens: int = 0

    @classmethod
    def of(cls, options: Options) -> Policy:
        """The rules that a memory's options say."""
        ttl, limits, window, flushing = options.ttl, options.limits, options.window, options.flushing
        return cls(
            ttl_ms=ttl.after_ms or 0,
            max_age_ms=ttl.max_age_ms or 0,
            refresh=ttl.refresh,
            required=ttl.required,
            thread_messages=max(limits.thread_messages, (flushing.max_messages if flushing else None) or 0),
            threads=limits.threads or 0,
            bytes=limits.bytes or 0,
            window_messages=(window.messages if window else None) or 0,
            window_tokens=(window.tokens if window else None) or 0,
            flush_messages=_trigger(flushing.max_messages, flushing.threshold) if flushing else 0,
            flush_tokens=_trigger(flushing.max_tokens, flushing.threshold) if flushing else 0,
        )

    def window(self, own: int) -> int:
        """Most messages of a thread whose own window is `own`; system messages are not counted."""
        return 0 if self.flush_messages or self.flush_tokens else own or self.window_messages

    def flush_due(self, messages: int, tokens: int) -> bool:
        """Whether a thread of that size, system messages not counted, is to be flushed."""
        return 0 < self.flush_messages <= messages or 0 < self.flush_tokens <= tokens


def _trigger(limit: int | None, threshold: float) -> int:
    return trigger(limit, threshold) if limit else 0


def grain(ttl_ms: int) -> int:
    """How coarsely expiries of a TTL are kept: a busy thread's expiry then moves at most 1,024 times in a TTL."""
    return max(1_000, -(-ttl_ms // 1_024))


def would_move(policy: Policy, *, now: int, created: int, expires: int, ttl_ms: int) -> bool:
    """Whether a refresh at `now` would move an expiry: decided here first, so that most reads need no script.

    `expires` and `ttl_ms` are the thread's own (0 none). The script decides again, and is the authority.
    """
    if expires == 0:
        return policy.required and bool(ttl_ms or policy.ttl_ms or policy.max_age_ms)
    if ttl_ms == 0:
        return False
    target = -(-(now + ttl_ms) // grain(ttl_ms)) * grain(ttl_ms)
    if policy.max_age_ms:
        target = min(target, created + policy.max_age_ms)
    return target > expires
