"""`spec.options`: how a memory behaves. Every field with its bounds, its default and a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from memory_crd import durations, patterns
from memory_crd.eviction import Flushing, Window
from memory_crd.fields import Rule, Setting
from memory_crd.models import Items, Nested, Open
from memory_crd.scalars import Boolean, Choice, Duration, Integer, Number, Text

Scope = Literal["thread", "owner", "memory"]
WorkingMemoryScope = Literal["thread", "owner"]
Mode = Literal["hybrid", "dense", "keyword"]
Refresh = Literal["write", "read", "never"]
Role = Literal["user", "assistant", "system", "tool"]
FieldType = Literal["keyword", "integer", "float", "bool", "datetime"]

MESSAGE_BYTES: Final = 1_048_576
"""Most that `limits.messageBytes` may allow: the size of a whole request."""
_BILLION: Final = 1_000_000_000
_RESERVED = Rule(
    cel="!(self in ['role', 'timestamp'])",
    message="role and timestamp can always be filtered on and need no declaration",
    holds=lambda key: key not in ("role", "timestamp"),
)
_KEY = Text(64, r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", "letters, digits, _, . and -", least=1, rules=(_RESERVED,))

REPLACEMENT: Final = "[REDACTED]"
_PATTERN = Text(
    512,
    least=1,
    rules=(
        Rule(
            cel="!''.matches(self)",
            message="must be an RE2 pattern that does not match the empty text, or it would match everywhere",
            holds=lambda pattern: patterns.fault(pattern) is None or patterns.too_complex(pattern),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Filterable:
    """A metadata key that recall may filter on."""

    key: Annotated[str, Setting("key", _KEY, "Key in the metadata of messages.")]
    type: Annotated[
        FieldType,
        Setting("type", Choice(("keyword", "integer", "float", "bool", "datetime")), "How its values are indexed."),
    ]


@dataclass(frozen=True, slots=True)
class SemanticRecall:
    """Search of messages by meaning and by words."""

    enabled: Annotated[
        bool, Setting("enabled", Boolean(), "Whether messages are embedded and can be searched; true by default.")
    ] = True
    max_results: Annotated[
        int, Setting("maxResults", Integer(1, 50), "Most hits in an answer, unless a request asks for fewer.")
    ] = 5
    scope: Annotated[
        Scope,
        Setting(
            "scope",
            Choice(("thread", "owner", "memory")),
            "Where to search by default: the thread asked from, all threads of its owner, or the ownerless threads of "
            "the memory.",
        ),
    ] = "owner"
    message_range: Annotated[
        int, Setting("messageRange", Integer(0, 20), "How many neighbours before and after each hit come with it.")
    ] = 1
    threshold: Annotated[
        float | None, Setting("threshold", Number(0, 1), "Hits less similar than this are left out.")
    ] = None
    mode: Annotated[
        Mode,
        Setting(
            "mode",
            Choice(("hybrid", "dense", "keyword")),
            "By meaning (dense), by words (keyword), or both fused (hybrid).",
        ),
    ] = "hybrid"
    filterable: Annotated[
        tuple[Filterable, ...],
        Setting(
            "filterable",
            Items(Nested(Filterable), 16, key="key"),
            "Metadata keys that a recall may filter on; others are refused.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class WorkingMemory:
    """The structured document of a thread or an owner."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.template) && has(self.schema))",
            message="template and schema exclude each other: a template is replaced as text, a schema merged as JSON",
            holds=lambda working: not ("template" in working and "schema" in working),
        ),
    )

    enabled: Annotated[
        bool, Setting("enabled", Boolean(), "Whether threads or owners have a working memory; false by default.")
    ] = False
    scope: Annotated[
        WorkingMemoryScope,
        Setting("scope", Choice(("thread", "owner")), "Whether each thread or each owner has one document."),
    ] = "thread"
    template: Annotated[
        str | None,
        Setting("template", Text(16_384), "Text that a new document starts with: XML if it begins with <, else free."),
    ] = None
    schema: Annotated[
        Mapping[str, Any] | None,
        Setting("schema", Open(64), "JSON Schema of the document, which updates are then merged into."),
    ] = None


def _some_time(raw: object) -> bool:
    """Whether a duration is given that is not 0; one that cannot be read has a fault of its own."""
    try:
        return raw is not None and durations.parse(raw) > 0
    except durations.InvalidDuration:
        return True


@dataclass(frozen=True, slots=True)
class Ttl:
    """How long messages live. Milliseconds; None is no expiry."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.required) || !self.required"
            " || (has(self.after) && !string(self.after).matches('^0+[a-z]*$'))"
            " || (has(self.maxAge) && !string(self.maxAge).matches('^0+[a-z]*$'))",
            message="required needs after or maxAge: a thread that must expire has to be told when",
            holds=lambda raw: (
                raw.get("required") is not True or any(_some_time(raw.get(n)) for n in ("after", "maxAge"))
            ),
        ),
    )

    after_ms: Annotated[
        int | None,
        Setting("after", Duration(), "A thread expires this long after its last refresh, such as 30d; 0 is never."),
    ] = None
    max_age_ms: Annotated[
        int | None,
        Setting("maxAge", Duration(), "A thread expires this long after its creation, refreshed or not; 0 is never."),
    ] = None
    refresh: Annotated[
        Refresh,
        Setting("refresh", Choice(("write", "read", "never")), "What renews a thread's time; read includes writes."),
    ] = "write"
    required: Annotated[
        bool,
        Setting("required", Boolean(), "Whether a thread without expiry is a fault that is counted and repaired."),
    ] = False


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is taken out of texts, and which messages are not kept at all, before the first byte is stored."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.redact) || !self.redact.exists(pattern, self.replacement.matches(pattern))",
            message="the replacement must not match a pattern, or what was redacted would be redacted again",
            holds=lambda raw: not _replaces_itself(raw),
        ),
    )

    redact: Annotated[
        tuple[str, ...],
        Setting(
            "redact",
            Items(_PATTERN, 32, distinct=True),
            "RE2 patterns; what matches one is replaced wherever text comes in. (?i) ignores case.",
        ),
    ] = ()
    exclude_roles: Annotated[
        tuple[Role, ...],
        Setting(
            "excludeRoles",
            Items(Choice(("user", "assistant", "system", "tool")), 4, distinct=True),
            "Messages of these roles are counted and not stored.",
        ),
    ] = ()
    replacement: Annotated[str, Setting("replacement", Text(64, least=1), "What stands where a pattern matched.")] = (
        REPLACEMENT
    )


def _replaces_itself(raw: Mapping[str, Any]) -> bool:
    said = [each for each in raw.get("redact", ()) if isinstance(each, str)]
    return bool(said) and patterns.matched(tuple(said), str(raw.get("replacement", REPLACEMENT)))


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before anything is written."""

    message_bytes: Annotated[
        int, Setting("messageBytes", Integer(1, MESSAGE_BYTES), "Largest message, in bytes of its JSON.")
    ] = 65_536
    thread_messages: Annotated[
        int,
        Setting("threadMessages", Integer(1, 1_000_000), "Most messages of a thread that no window counts."),
    ] = 10_000
    metadata_keys: Annotated[
        int, Setting("metadataKeys", Integer(0, 4096), "Most metadata keys of one message, nested ones included.")
    ] = 256
    threads: Annotated[int | None, Setting("threads", Integer(1, _BILLION), "Most threads of the memory.")] = None
    bytes: Annotated[
        int | None, Setting("bytes", Integer(1, 1 << 50), "Most bytes of stored messages in the memory.")
    ] = None
    requests_per_second: Annotated[
        int | None, Setting("requestsPerSecond", Integer(1, 1_000_000), "Most requests a second, over all replicas.")
    ] = None


@dataclass(frozen=True, slots=True)
class Options:
    """Behaviour of a memory; everything has a default."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.window) && has(self.flushing))",
            message="window and flushing exclude each other: a window is exact at every step, flushing comes in leaps",
            holds=lambda options: not ("window" in options and "flushing" in options),
        ),
    )

    last_messages: Annotated[
        int, Setting("lastMessages", Integer(0, 1000), "How many recent messages a context has; limits no storage.")
    ] = 10
    semantic_recall: Annotated[
        SemanticRecall, Setting("semanticRecall", Nested(SemanticRecall), "Search of messages by meaning and by words.")
    ] = field(default_factory=SemanticRecall)
    working_memory: Annotated[
        WorkingMemory,
        Setting("workingMemory", Nested(WorkingMemory), "A structured document that changes while messages do not."),
    ] = field(default_factory=WorkingMemory)
    ttl: Annotated[Ttl, Setting("ttl", Nested(Ttl), "How long threads live; without it, until deleted.")] = field(
        default_factory=Ttl
    )
    privacy: Annotated[
        Privacy | None,
        Setting("privacy", Nested(Privacy), "What is redacted, and what is not kept; by default all is kept as said."),
    ] = None
    window: Annotated[
        Window | None,
        Setting("window", Nested(Window), "How much of a thread is kept; without it, up to limits.threadMessages."),
    ] = None
    flushing: Annotated[
        Flushing | None,
        Setting("flushing", Nested(Flushing), "When a thread is flushed by itself, and how; without it, when asked."),
    ] = None
    limits: Annotated[Limits, Setting("limits", Nested(Limits), "What is refused before anything is written.")] = field(
        default_factory=Limits
    )
