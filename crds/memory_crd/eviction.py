"""`spec.options.window` and `spec.options.flushing`: what leaves a thread for lack of room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from memory_crd.fields import Rule, Setting
from memory_crd.models import Nested
from memory_crd.references import HTTP_ONLY, SECRET_API_KEY, ApiKeyRef, SecretRef
from memory_crd.scalars import Choice, Integer, Number, Text

FlushType = Literal["simple_fifo", "lru", "token_aware_lru", "hybrid_summary"]

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


@dataclass(frozen=True, slots=True)
class Summarizer:
    """The chat model that writes summaries."""

    url: Annotated[
        str,
        Setting(
            "url",
            Text(1024, rules=(HTTP_ONLY,)),
            "Base URL of an OpenAI-compatible endpoint, up to and including /v1; messages that leave are sent there.",
        ),
    ]
    model: Annotated[str, Setting("model", Text(128, least=1), "Name of the chat model.")]
    secret_ref: Annotated[ApiKeyRef | None, SECRET_API_KEY] = None

    @property
    def api_key(self) -> SecretRef | None:
        """Where the key is; None where the endpoint asks for none."""
        return SecretRef(self.secret_ref.name, self.secret_ref.key) if self.secret_ref else None


@dataclass(frozen=True, slots=True)
class Flushing:
    """Flushes that come by themselves when a thread has grown to a share of a limit."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.maxMessages) || has(self.maxTokens)",
            message="flushing needs a limit: say maxMessages, maxTokens, or both",
            holds=lambda flushing: "maxMessages" in flushing or "maxTokens" in flushing,
        ),
        Rule(
            cel="(self.type == 'hybrid_summary') == has(self.summaryTokens)",
            message="hybrid_summary needs summaryTokens, the size of its summaries; other types write none",
            holds=lambda flushing: (flushing.get("type") == "hybrid_summary") == ("summaryTokens" in flushing),
        ),
        Rule(
            cel="!has(self.summarizer) || self.type == 'hybrid_summary'",
            message="a summarizer writes summaries: use hybrid_summary, or leave it out",
            holds=lambda flushing: "summarizer" not in flushing or flushing.get("type") == "hybrid_summary",
        ),
    )

    type: Annotated[
        FlushType,
        Setting(
            "type",
            Choice(("simple_fifo", "lru", "token_aware_lru", "hybrid_summary")),
            "What leaves first: the oldest; the least recently read; the oldest and costliest; or the oldest, with a "
            "summary in their place.",
        ),
    ]
    max_messages: Annotated[
        int | None,
        Setting(
            "maxMessages",
            Integer(1, 1_000_000),
            "Messages of a thread, system messages not counted, of which threshold is a share.",
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Setting(
            "maxTokens",
            Integer(1, TOKENS),
            "Tokens of a thread, system messages not counted, of which threshold is a share.",
        ),
    ] = None
    threshold: Annotated[
        float,
        Setting(
            "threshold", Number(0, 1, above=True), "Share of a limit from which a thread is flushed, down to half."
        ),
    ] = 0.8
    summary_tokens: Annotated[
        int | None,
        Setting("summaryTokens", Integer(1, 65_536), "Most tokens of a summary; hybrid_summary only."),
    ] = None
    summarizer: Annotated[
        Summarizer | None,
        Setting(
            "summarizer",
            Nested(Summarizer),
            "The chat model that writes the summaries; without it, and when it fails, they are made by rule.",
        ),
    ] = None
