"""`spec.options.window`: what leaves a thread for lack of room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from memory_crd.fields import Rule, Setting
from memory_crd.scalars import Integer

TOKENS: Final = 1_000_000_000
"""Most tokens that any limit may say."""


@dataclass(frozen=True, slots=True)
class Window:
    """An exact sliding window: the oldest messages leave in the step that brings a new one."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.messages) || has(self.tokens)",
            message="a window needs a size: say messages, tokens, or both",
            holds=lambda window: "messages" in window or "tokens" in window,
        ),
    )

    messages: Annotated[
        int | None,
        Setting(
            "messages",
            Integer(1, 100_000),
            "Most messages of a thread, system messages not counted; a thread's own max_messages comes first.",
        ),
    ] = None
    tokens: Annotated[
        int | None,
        Setting("tokens", Integer(1, TOKENS), "Most tokens of a thread, system messages not counted."),
    ] = None
