"""Every metric family of the service and of its worker, declared once: name, kind, labels, one sentence.

A registry is passed in; nothing is registered at import. Labels come from closed sets (operations, codes,
components) and the declared memories, never from threads or callers. Series of a memory that is gone are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from memory_service.model.facts import Totals

Kind = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family as it is scraped."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    lasting: bool = False
    """A counter that the store keeps, for good: every process shows the same number, whatever was killed meanwhile."""


_M: Final = ("memory",)

SERVICE: Final = (
    Family("memory_operations_total", "counter", ("memory", "operation", "outcome"), "Operations by outcome."),
    Family("memory_operation_duration_seconds", "histogram", ("operation",), "From a request's headers to its answer."),
    Family("memory_health", "gauge", ("memory", "component"), "A part of a memory: 1 ok, 0.5 degraded, 0 failed."),
    Family(
        "memory_circuit_state",
        "gauge",
        ("memory", "component"),
        "Whether this instance asks a part: 0 closed, 1 open (it fails at once), 0.5 half-open (it tries again).",
    ),
    Family("memory_threads", "gauge", _M, "Living threads."),
    Family("memory_messages", "gauge", _M, "Living messages."),
    Family("memory_threads_expiring", "gauge", ("memory", "within"), "Threads that expire within 1h, 24h or 7d."),
    Family("memory_threads_without_ttl", "gauge", _M, "Threads that never expire: no TTL, or pinned."),
    Family("memory_threads_pinned", "gauge", _M, "Those of them that are pinned."),
    Family("memory_outbox_depth", "gauge", _M, "Changes that the vector store has yet to learn."),
    Family("memory_outbox_lag_seconds", "gauge", _M, "Age of the oldest of those changes."),
    Family("memory_dead_letters", "gauge", _M, "Messages that could not be indexed, kept to be tried again."),
    Family("memory_evicted_messages_total", "counter", ("memory", "strategy"), "Messages that went for lack of room."),
    Family("memory_summaries_total", "counter", ("memory", "outcome"), "Summaries asked of a model: ok, or failed."),
    Family("memory_ttl_refreshes_total", "counter", _M, "Times that using a thread moved its expiry."),
    Family("memory_redactions_total", "counter", _M, "Texts in which something was redacted before they were stored."),
    Family(
        "memory_excluded_messages_total", "counter", ("memory", "role"), "Messages not stored because of their role."
    ),
    Family("memory_recall_duration_seconds", "histogram", ("mode",), "Recall: hybrid, dense, keyword, or scan."),
    Family("memory_http_requests_total", "counter", ("route", "method", "status"), "HTTP requests by route template."),
)

WORKER: Final = (
    Family("memory_expired_total", "counter", _M, "Threads removed because their time had come.", lasting=True),
    Family(
        "memory_expired_messages_total",
        "counter",
        _M,
        "Messages that expired, alone or with their thread.",
        lasting=True,
    ),
    Family(
        "memory_ttl_repairs_total",
        "counter",
        _M,
        "Threads given the expiry that they must have and had not.",
        lasting=True,
    ),
    Family("memory_embedding_duration_seconds", "histogram", ("embedder",), "One batch of texts to vectors."),
    Family("memory_orphan_vectors", "gauge", ("memory",), "Vectors without a living message, at the last audit."),
    Family(
        "memory_missing_vectors",
        "gauge",
        _M,
        "Living messages without a vector at the last audit, which had them made.",
    ),
    Family("memory_indexed_total", "counter", ("memory",), "Messages that the vector store has learnt."),
    Family(
        "memory_reaper_lag_seconds", "gauge", ("memory",), "How long the oldest of what expired waited for its removal."
    ),
)

WITHIN: Final = ("1h", "24h", "7d")
_CIRCUIT: Final = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
_HEALTH: Final = {"ok": 1.0, "degraded": 0.5, "failed": 0.0}


class Families:
    """Families of one process on one registry, and their series by label values."""

    def __init__(self, families: tuple[Family, ...], registry: CollectorRegistry) -> None:
        self.registry = registry
        self._families = {family.name: family for family in families}
        self._metrics: dict[str, Any] = {family.name: _build(family, registry) for family in families}
        self._series: dict[tuple[str, ...], Any] = {}
        self._reached: dict[tuple[str, str], int] = {}

    def series(self, name: str, *labels: str) -> Any:
        """One series; label values are encoded once and kept."""
        key = (name, *labels)
        found = self._series.get(key)
        if found is None:
            metric = self._metrics[name]
            found = self._series[key] = metric.labels(*labels) if labels else metric
        return found

    def begin(self, memory: str) -> None:
        """Start a memory's counters at 0: `increase()` does not see the event that makes a series."""
        for name, family in self._families.items():
            if family.kind == "counter" and family.labels == _M and not family.lasting:
                self.series(name, memory)

    def reached(self, name: str, memory: str, total: int) -> None:
        """Bring a lasting counter to what the store says. A store that lost its data starts it anew."""
        shown = self._reached.get((name, memory), 0)
        if total < shown:
            self._metrics[name].remove(memory)
            self._series.pop((name, memory), None)
            shown = 0
        self.series(name, memory).inc(total - shown)
        self._reached[name, memory] = total

    def forget(self, memory: str) -> None:
        """Drop every series of a memory that is no longer declared."""
        for name, family in self._families.items():
            if "memory" in family.labels:
                self._metrics[name].remove_by_labels({"memory": memory})
                place = family.labels.index("memory") + 1
                for key in [key for key in self._series if key[0] == name and key[place] == memory]:
                    del self._series[key]
                self._reached.pop((name, memory), None)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The scrape and its content type; OpenMetrics where it is asked for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class Metrics(Families):
    """The service's families, with a method an event."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(SERVICE, registry)

    def requested(self, route: str, method: str, status: int) -> None:
        """An HTTP request was answered."""
        self.series("memory_http_requests_total", route, method, str(status)).inc()

    def operated(self, memory: str, operation: str, outcome: str, seconds: float) -> None:
        """An operation on a memory ended."""
        self.series("memory_operations_total", memory, operation, outcome).inc()
        self.series("memory_operation_duration_seconds", operation).observe(seconds)

    def evicted(self, memory: str, strategy: str, messages: int) -> None:
        """Messages made room for others."""
        self.series("memory_evicted_messages_total", memory, strategy).inc(messages)

    def flushed(self, memory: str, strategy: str, messages: int, by_model: bool | None) -> None:
        """A flush took messages away. `by_model`: whether a model summed them up, None where none was asked."""
        if messages:
            self.evicted(memory, strategy, messages)
        if by_model is not None:
            self.series("memory_summaries_total", memory, "ok" if by_model else "failed").inc()

    def refreshed(self, memory: str) -> None:
        """Use of a thread moved its expiry."""
        self.series("memory_ttl_refreshes_total", memory).inc()

    def cleaned(self, memory: str, redacted: int, excluded: Sequence[tuple[str, int]] = ()) -> None:
        """A memory's privacy took something out, or kept messages out (role, how many)."""
        if redacted:
            self.series("memory_redactions_total", memory).inc(redacted)
        for role, count in excluded:
            self.series("memory_excluded_messages_total", memory, role).inc(count)

    def recalled(self, mode: str, seconds: float) -> None:
        """A recall was answered."""
        self.series("memory_recall_duration_seconds", mode).observe(seconds)

    def healthy(self, memory: str, component: str, status: str) -> None:
        """What a part of a memory answered."""
        self.series("memory_health", memory, component).set(_HEALTH[status])

    def circuit(self, memory: str, component: str, state: str) -> None:
        """Whether a part is asked at all."""
        self.series("memory_circuit_state", memory, component).set(_CIRCUIT[state])

    def totals(self, memory: str, now: Totals) -> None:
        """A memory in numbers: what lives, when it ends, and what the vector store has yet to learn or could not."""
        self.begin(memory)
        self.series("memory_threads", memory).set(now.threads)
        self.series("memory_messages", memory).set(now.messages)
        for within, count in zip(WITHIN, (now.expiring_1h, now.expiring_24h, now.expiring_7d), strict=True):
            self.series("memory_threads_expiring", memory, within).set(count)
        self.series("memory_threads_without_ttl", memory).set(now.without_ttl)
        self.series("memory_threads_pinned", memory).set(now.pinned)
        self.series("memory_dead_letters", memory).set(now.dead)
        self.series("memory_outbox_depth", memory).set(now.outbox_depth)
        self.series("memory_outbox_lag_seconds", memory).set(now.oldest_pending_ms / 1000)


def _build(family: Family, registry: CollectorRegistry) -> Any:
    if family.kind == "histogram":
        return Histogram(family.name, family.help, family.labels, buckets=SECONDS, registry=registry)
    make: Callable[..., Any] = Counter if family.kind == "counter" else Gauge
    return make(family.name, family.help, family.labels, registry=registry)
