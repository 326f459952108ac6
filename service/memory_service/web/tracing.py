"""OpenTelemetry spans of requests, sent by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

Without one nothing is loaded. Each request is one span with the ids that its `traceresponse` carries. Names and
attributes follow the GenAI memory conventions; what was said is never captured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from memory_service.web.call import Call, Reply

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

SCOPE: Final = "memory_service"

_OPERATIONS: Final[Mapping[str, str]] = {
    "append": "create_memory", "bulk_append": "create_memory", "actions": "upsert_memory", "write": "update_memory",
    "clear": "delete_memory", "delete_thread": "delete_memory", "delete_message": "delete_memory",
    "recall": "search_memory", "context": "search_memory",
}  # fmt: skip
"""Ours -> the conventions'. They have no name for a plain read by key, nor for settings: there ours is the name."""


class Tracer(Protocol):
    """Hears of every answered request. `flags` are those of a trace that begins here."""

    flags: bytes

    def answered(self, call: Call, reply: Reply, seconds: float) -> None: ...

    def close(self) -> None: ...


class NoTracer:
    """Traces are continued in headers, and told to nobody."""

    flags = b"00"

    def answered(self, call: Call, reply: Reply, seconds: float) -> None:
        """Nothing to tell."""

    def close(self) -> None:
        """Nothing to end."""


class OtlpTracer:
    """Sends sampled requests to a collector, in batches from a thread of its own."""

    flags = b"01"

    def __init__(self, processor: SpanProcessor, resource: Any) -> None:
        self._processor = processor
        self._resource = resource

    def answered(self, call: Call, reply: Reply, seconds: float) -> None:
        """Hand the request's span over; the batch drops the newest when the collector cannot keep up."""
        if call.trace[-1:] in b"13579bdf":
            self._processor.on_end(self._span(call, reply, seconds))

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()

    def _span(self, call: Call, reply: Reply, seconds: float) -> Any:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        _, trace, span, _ = call.trace.split(b"-")
        sampled = TraceFlags(TraceFlags.SAMPLED)
        context = SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=sampled)
        parent = call.parent_span and SpanContext(context.trace_id, int(call.parent_span, 16), True, sampled)
        end = time.time_ns()
        return ReadableSpan(
            name=_OPERATIONS.get(call.operation, call.operation) or call.route,
            context=context,
            parent=parent or None,
            resource=self._resource,
            attributes=_attributes(call, reply),
            kind=SpanKind.SERVER,
            instrumentation_scope=InstrumentationScope(SCOPE),
            status=Status(StatusCode.ERROR if reply.status >= 500 else StatusCode.UNSET),
            start_time=end - int(seconds * 1e9),
            end_time=end,
        )


def tracer(environ: Mapping[str, str], pod: str) -> Tracer:
    """The tracer that the standard OTEL_* variables ask for."""
    if not environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return NoTracer()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {"service.name": environ.get("OTEL_SERVICE_NAME", "memory-service"), "k8s.pod.name": pod}
    )
    return OtlpTracer(BatchSpanProcessor(OTLPSpanExporter()), resource)


def _attributes(call: Call, reply: Reply) -> dict[str, str | int | float]:
    spans = call.spans
    attributes: dict[str, str | int | float] = {
        "http.request.method": call.method,
        "http.route": call.route,
        "http.response.status_code": reply.status,
        "memory.request_id": call.request_id,
        "memory.storage.duration": spans.storage,
        "memory.vector.duration": spans.vector,
        "memory.embedder.duration": spans.embedder,
    }
    if call.memory is not None:
        attributes["gen_ai.operation.name"] = _OPERATIONS.get(call.operation, call.operation)
        attributes["gen_ai.memory.store.id"] = call.params["memory"]
    if "thread" in call.params:
        attributes["gen_ai.conversation.id"] = call.params["thread"]
    if call.outcomes:
        attributes["gen_ai.memory.record.count"] = sum(outcome.count for outcome in call.outcomes)
    if reply.outcome != "ok":
        attributes["error.type"] = reply.outcome
    return attributes
