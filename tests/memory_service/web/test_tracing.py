"""Spans, as a collector receives them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from memory_service.web.app import App
from memory_service.web.tracing import NoTracer, tracer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.memory_service.web.harness import Api


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector's address and the spans it was sent."""
    spans: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(span for group in sent.resource_spans for scope in group.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_request_is_a_span_of_the_callers_trace_without_what_was_said(
    api: Api, collector: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, spans = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    traced = tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": url}, "pod-1")
    api.app = App(replace(api.service, tracer=traced), {})
    api.client._transport.app = api.app  # type: ignore[attr-defined]
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    headers = {"traceparent": f"00-{trace}-{parent}-01"}
    answer = await api.ask("POST", "threads/t/messages", {"content": "swordfish"}, headers=headers)
    await api.ask(
        "POST",
        "threads/t/messages",
        {"content": "not sampled"},
        headers={"traceparent": headers["traceparent"][:-1] + "0"},
    )
    await api.ask("GET", "nothing")
    traced.close()
    assert len(spans) == 2
    span = spans[0]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, parent)
    assert span.span_id.hex() == answer.headers["traceresponse"].split("-")[2]
    assert span.name == "create_memory"
    attributes = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
    assert attributes["gen_ai.memory.store.id"] == "support"
    assert attributes["gen_ai.memory.record.count"] == 1
    assert "swordfish" not in str(spans)
    assert {each.key: each.value.string_value for each in spans[1].attributes}["error.type"] == "route_not_found"


def test_without_a_collector_nothing_is_sent() -> None:
    assert isinstance(tracer({}, "pod"), NoTracer)
    assert isinstance(tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, "pod"), NoTracer)
