"""Requests as such: paths, bodies, media types, query strings, and what every answer carries."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from memory_service.operations.registry import OpenMemory

from tests.memory_service.web.harness import Api, build, entry, problem

MESSAGES = "/v1/memories/support/threads/t/messages"
JSON = {"content-type": "application/json"}


async def test_every_answer_names_its_request_its_trace_and_its_timings(api: Api) -> None:
    for path in (MESSAGES, "/v1/nothing", "/v1/memories/nobody"):
        answer = await api.ask("GET", path)
        assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["x-request-id"])
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", answer.headers["traceresponse"])
        timing = re.fullmatch(
            r"storage;dur=([\d.]+), vector;dur=0.000, embedder;dur=0.000", answer.headers["server-timing"]
        )
        assert timing
        assert (float(timing[1]) > 0) == (path == MESSAGES)


async def test_a_request_id_and_a_trace_are_continued(api: Api) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-Id": "mine-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await api.ask("GET", MESSAGES, headers=headers)
    assert answer.headers["x-request-id"] == "mine-1"
    version, continued, span, flags = answer.headers["traceresponse"].split("-")
    assert (version, continued, flags) == ("00", trace, "01")
    assert span != "00f067aa0ba902b7"


@pytest.mark.parametrize("value", ["x" * 129, "a b", "ü"])
async def test_an_unusable_request_id_is_replaced(api: Api, value: str) -> None:
    answer = await api.ask("GET", MESSAGES, headers={"X-Request-Id": value.encode("utf-8")})
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/memories/support/threads/a%2Fmessages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a%2Fmessages/messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%2e%2e/messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/../messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/./messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads//messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%00/messages", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a%20b", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%C3%BC", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%ff", 400, "invalid_thread"),
        ("/v1/memories/support/threads/%zz", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a%0A", 400, "invalid_thread"),
        ("/v1/memories/support/threads/__a", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a__", 400, "invalid_thread"),
        ("/v1/memories/support/threads/a%252Fb", 400, "invalid_thread"),
        (f"/v1/memories/support/threads/{'x' * 256}", 400, "invalid_thread"),
        ("/v1/memories/support/owners/a%2Fb/working-memory", 400, "invalid_owner"),
        ("/v1/memories/sup%2Fport/threads/t", 404, "memory_not_found"),
        ("/v1/memories/..%2F..%2Fetc", 404, "memory_not_found"),
        ("/v1/memories/nobody/threads/t", 404, "memory_not_found"),
        ("/v1/memories/support/threads/t/messages/1-1%2Fttl", 404, "message_not_found"),
        ("/v1/memories/support/threads/t/messages/..", 404, "message_not_found"),
        ("/v1/memories/support/threads/t/mess%61ges%2F", 404, "route_not_found"),
        ("/v1/memories/support/nothing", 404, "route_not_found"),
        ("/v1/memories/support/", 404, "route_not_found"),
        ("/v1", 404, "route_not_found"),
        ("/", 404, "route_not_found"),
        ("/v2/memories", 404, "route_not_found"),
        ("/v1/memories%2Fsupport", 404, "route_not_found"),
    ],
)
async def test_a_path_is_split_before_it_is_decoded(api: Api, path: str, status: int, code: str) -> None:
    problem(await raw(api, "GET", path), status, code)


async def raw(
    api: Api, method: str, path: str, body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
) -> Any:
    """Ask the application with exactly this path, as a server would hand it on."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "query_string": b"",
        "headers": headers or [], "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("m", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, send)
    headers_out = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return httpx2.Response(sent[0]["status"], headers=headers_out, content=sent[1]["body"])


@pytest.mark.parametrize("thread", ["a", "A-Z_0:9@x.y", "x" * 255, "a.b", "..a", "_a_"])
async def test_a_thread_id_of_the_grammar_is_taken_on_every_surface(api: Api, thread: str) -> None:
    assert (await raw(api, "POST", f"/v1/memories/support/threads/{thread}/messages", b'"x"')).status_code == 200
    body = {"items": [{"thread": thread, "messages": [{"content": "y"}]}]}
    assert (await api.ask("POST", "messages", body)).json()["results"][0]["total"] == 2


async def test_encoded_letters_name_the_same_thread(api: Api) -> None:
    await api.append("user:1", "a")
    page = await raw(api, "GET", "/v1/memories/support/threads/user%3a%31/messages")
    assert page.json()["total"] == 1


async def test_another_method_says_which_ones_there_are(api: Api) -> None:
    answer = await api.ask("PATCH", MESSAGES)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST, PUT"


async def test_head_answers_like_get_without_a_body(api: Api) -> None:
    answer = await api.ask("HEAD", MESSAGES)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


BAD_JSON: list[tuple[bytes, str]] = [
    (b"", "invalid_json"),
    (b"{", "invalid_json"),
    (b"{'a': 1}", "invalid_json"),
    (b'{"content": "a",}', "invalid_json"),
    (b'{"content": "a"} x', "invalid_json"),
    (b'{"content": NaN}', "invalid_json"),
    (b'{"content": "a", "metadata": {"n": Infinity}}', "invalid_json"),
    (b'{"content": "\\ud800"}', "invalid_json"),
    (b'{"content": "\xff"}', "invalid_json"),
    (b'{"content": "\xed\xa0\x80"}', "invalid_json"),
    (b'\xef\xbb\xbf{"content": "a"}', "invalid_json"),
    (b'{"content": "a", "content": "b"}', "invalid_json"),
    (b'{"content": "a", "metadata": {"k": {"x": 1, "x": 1}}}', "invalid_json"),
    (b'{"content": "a", "metadata": {"\\u0078": 1, "x": 2}}', "invalid_json"),
    (b'{"content": "a", "metadata": {"n": ' + b"9" * 40 + b"}}", "invalid_json"),
    (b'{"content": "a", "metadata": {"n": ' + b"9" * 5000 + b"}}", "invalid_json"),
    (b'{"content": "a", "metadata": {"n": 1e999}}', "invalid_json"),
    (b'{"content": "a", "metadata": {"d": ' + b"[" * 40 + b"]" * 40 + b"}}", "invalid_message"),
    (b"[" * 100_000, "invalid_message"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "invalid_message"),
]


@pytest.mark.parametrize(("body", "code"), BAD_JSON)
async def test_json_that_no_client_should_send_is_refused(api: Api, body: bytes, code: str) -> None:
    answer = await api.client.post(MESSAGES, content=body, headers=JSON)
    problem(answer, 400, code)
    assert (await api.facts("t"))["exists"] is False


async def test_the_path_of_a_fault_is_a_json_pointer_even_through_odd_keys(api: Api) -> None:
    body = b'{"content": "a", "metadata": {"a/b~c": {"n": ' + b"9" * 40 + b"}}}"
    answer = await api.client.post(MESSAGES, content=body, headers=JSON)
    assert problem(answer, 400, "invalid_json")["errors"][0]["path"] == "/metadata/a~1b~0c/n"


@pytest.mark.parametrize(
    "body",
    [
        b'{"content": "a:b", "metadata": {"k:1": "v:2", "n": [":", {"x": "::"}]}}',
        b'{"content": "\\u003a \\u00fc \\ud83d\\ude00"}',
        b' \n{"content": "a" , "role" : "tool" }\t',
        b'{"content": "a", "metadata": {"n": 18446744073709551615, "m": -9223372036854775808, "f": 1.5e300}}',
        '{"content": "zero\u200bwidth \u202e \U0001f600 \u0000"}'.replace("\u0000", "\\u0000").encode(),
    ],
)
async def test_unusual_json_is_stored_and_comes_back_as_it_was(api: Api, body: bytes) -> None:
    answer = await api.client.post(MESSAGES, content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    (message,) = (await api.ask("GET", MESSAGES)).json()["messages"]
    sent = json.loads(body)
    assert {name: message.get(name) for name in sent} == sent


async def test_a_body_over_a_mebibyte_is_too_large_with_or_without_a_length(api: Api) -> None:
    body = b'{"content": "' + b"x" * (1 << 20) + b'"}'
    problem(await api.client.post(MESSAGES, content=body, headers=JSON), 413, "request_too_large")

    async def chunks() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    problem(await api.client.post(MESSAGES, content=chunks(), headers=JSON), 413, "request_too_large")


async def test_a_body_in_pieces_is_one_body(api: Api) -> None:
    async def chunks() -> Any:
        for piece in (b'{"con', b'tent": ', b'"a"}'):
            yield piece

    assert (await api.client.post(MESSAGES, content=chunks(), headers=JSON)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/merge-patch+json"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_only_plain_json_in_utf8_is_read(api: Api, headers: dict[str, str]) -> None:
    problem(await api.client.post(MESSAGES, content=b'"a"', headers=headers), 415, "unsupported_media_type")


async def test_a_body_without_a_type_and_one_with_charset_are_json(api: Api) -> None:
    assert (await raw(api, "POST", MESSAGES, b'"a"')).status_code == 200
    headers = {"content-type": 'application/json; charset="UTF-8"'}
    assert (await api.client.post(MESSAGES, content=b'"a"', headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json", 200), ("*/*", 200), ("text/html, application/*;q=0.5", 200), ("text/html", 406)],
)
async def test_an_answer_is_json_or_not_acceptable(api: Api, accept: str, status: int) -> None:
    answer = await api.ask("GET", MESSAGES, headers={"accept": accept})
    assert answer.status_code == status
    if status == 406:
        problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("colour=red", "query:colour"),
        ("limit=0", "query:limit"),
        ("limit=1001", "query:limit"),
        ("limit=ten", "query:limit"),
        ("limit=1.0", "query:limit"),
        ("limit=", "query:limit"),
        ("limit=1&limit=2", "query:limit"),
        ("last=-1", "query:last"),
        ("last=1&limit=2", "query:last"),
        ("role=robot", "query:role"),
        ("since=today", "query:since"),
        ("after=x", "query:after"),
        ("order=random", "query:order"),
        ("since=2026-W05-6T12:00:00Z", "query:since"),
        ("role=%ff", "query"),
        ("&".join(f"p{number}=1" for number in range(40)), "query"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused_by_name(api: Api, query: str, path: str) -> None:
    document = problem(await api.ask("GET", f"{MESSAGES}?{query}"), 400, "invalid_parameter")
    assert document["errors"][0]["path"] == path


async def test_a_body_where_none_belongs_is_refused(api: Api) -> None:
    problem(await api.ask("DELETE", MESSAGES, {"backup": True}), 400, "invalid_field")


async def test_a_defect_of_ours_is_a_500_that_tells_nothing(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> OpenMemory:
        raise KeyError("secret detail")

    monkeypatch.setattr(api.service.registry, "get", broken)
    document = problem(await api.ask("GET", MESSAGES), 500, "internal")
    assert "secret" not in str(document)
    assert document["request_id"] in caplog.text


async def test_a_draining_instance_sends_callers_elsewhere(api: Api) -> None:
    api.service.drain.draining = True
    answer = await api.ask("GET", MESSAGES)
    problem(answer, 503, "shutting_down")
    assert answer.headers["retry-after"] == "1"


async def test_storage_away_is_503_and_says_so(tmp_path: Any) -> None:
    api = build(f"unix://{tmp_path}/nothing.sock", [entry()])
    document = problem(await api.ask("GET", MESSAGES), 503, "storage_unavailable")
    assert "outcome" not in document
    problem(await api.ask("POST", MESSAGES, "x"), 503, "storage_unavailable")
    health = await api.ask("GET", "health")
    assert (health.status_code, health.json()["status"]) == (503, "failed")
    await api.close()
