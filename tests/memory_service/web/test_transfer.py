"""Export and import over HTTP: what goes out comes in again, and what is damaged does not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from memory_service.errors import Refused
from memory_service.operations import exporting, importing
from memory_service.operations.lines import MAX_LINE_BYTES, SPAN, last_of
from memory_service.web import openapi

from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

NDJSON = {"content-type": "application/x-ndjson"}
FUTURE = "2100-01-01T00:00:00.000Z"
WORKING = {"workingMemory": {"enabled": True, "template": "<u/>"}}
OWNED = {"workingMemory": {"enabled": True, "scope": "owner", "schema": {"type": "object"}}}


async def exported(api: Api, **asked: Any) -> bytes:
    answer = await api.ask("POST", "export", asked or None)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
    return answer.content


def read(export: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.splitlines()]


def sealed(lines: Sequence[dict[str, Any]]) -> bytes:
    """Lines as an export, with a footer that is true of them."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    counts = {kind: sum(line["type"] == kind[0] for line in lines) for kind in [("thread",), ("message",)]}
    footer = {
        "type": "footer",
        "seq": lines[-1]["seq"] + 1,
        "threads": counts[("thread",)],
        "messages": counts[("message",)],
        "working_memory": sum(line["type"] == "working_memory" for line in lines),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return body + json.dumps(footer).encode() + b"\n"


async def imported(api: Api, body: bytes, **params: Any) -> dict[str, Any]:
    answer = await api.client.post("/v1/memories/support/import", content=body, headers=NDJSON, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refused(
    api: Api, body: bytes, status: int = 400, code: str = "invalid_import", **params: Any
) -> dict[str, Any]:
    return problem(
        await api.client.post("/v1/memories/support/import", content=body, headers=NDJSON, params=params), status, code
    )


@pytest.fixture
async def other(valkey: Valkey, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Another tenant's memory of the same name."""
    built = build(valkey.url, [entry(options=getattr(request, "param", None))])
    yield built
    await built.close()


async def everything(api: Api) -> list[Any]:
    """What a memory's callers see of it, without what is given anew: ids and versions."""
    found = []
    for facts in (await api.ask("GET", "threads", params={"limit": 1000})).json()["items"]:
        messages = (await api.ask("GET", f"threads/{facts['thread']}/messages", params={"limit": 1000})).json()[
            "messages"
        ]
        kept = {
            key: value for key, value in facts.items() if key not in ("version", "bytes", "ttl_seconds", "last_flush")
        }
        found.append((kept, [{key: value for key, value in each.items() if key != "id"} for each in messages]))
    return found


# --- export -----------------------------------------------------------------------------------------------------------


async def test_an_export_is_a_header_threads_with_their_messages_and_a_footer(api: Api) -> None:
    await api.ask("PUT", "threads/b", {"type": "AGENT", "owner": "ada", "ttl": "30d", "metadata": {"k": 1}})
    await api.append("b", "one", "two")
    await api.append("a", "three")
    raw = await exported(api)
    header, b, one, two, a, three, footer = read(raw)

    assert (header["type"], header["version"], header["memory"]) == ("header", 1, "support")
    assert (b["type"], b["thread"], b["messages"], b["working_memory"]) == ("thread", "b", 2, False)
    assert b["settings"] == {
        "type": "AGENT", "owner": "ada", "title": None, "max_messages": None, "pinned": False,
        "metadata": {"k": 1}, "ttl": "30d",
    }  # fmt: skip
    assert (one["thread"], one["message"]["content"], two["message"]["content"]) == ("b", "one", "two")
    assert (a["thread"], three["message"]["role"], "ttl" in a["settings"]) == ("a", "user", False)
    assert (footer["threads"], footer["messages"], footer["working_memory"]) == (2, 3, 0)
    assert footer["sha256"] == hashlib.sha256(b"".join(raw.splitlines(keepends=True)[:-1])).hexdigest()


async def test_an_empty_memory_has_a_header_and_a_footer(api: Api) -> None:
    assert [line["type"] for line in read(await exported(api))] == ["header", "footer"]


@pytest.mark.parametrize("api", [WORKING], indirect=True)
async def test_lines_and_report_are_what_the_document_says(api: Api) -> None:
    await api.ask("PUT", "threads/t/working-memory", {"content": "<u/>"})
    await api.ask("POST", "threads/t/messages", {"messages": [{"content": "x", "expires_at": FUTURE}]})
    document = openapi.document()

    def validator(name: str, kind: str) -> Any:
        good = document["paths"][f"/v1/memories/{{memory}}/{name}"]["post"]["responses"]["200"]
        return Draft202012Validator(good["content"][kind]["schema"] | {"components": document["components"]})

    export = await exported(api)
    lines = validator("export", "application/x-ndjson")
    for line in read(export):
        lines.validate(line)
    assert not lines.is_valid(read(export)[1] | {"thread": "a/b"})
    validator("import", "application/json").validate(await imported(api, export, mode="replace"))


async def test_numbers_rise_and_the_last_line_of_a_thread_has_the_last_of_its_span(api: Api) -> None:
    await api.append("a", "one", "two")
    await api.ask("PUT", "threads/empty", {"title": "t"})
    lines = read(await exported(api))
    seqs = [line["seq"] for line in lines]
    assert seqs == sorted(set(seqs))
    assert [seq % SPAN for seq in seqs] == [0, 0, 1, SPAN - 1, SPAN - 1, 0]


@pytest.mark.parametrize("cut", range(1, 8))
async def test_an_export_that_broke_off_goes_on_with_the_first_thread_that_is_not_whole(api: Api, cut: int) -> None:
    for thread in "cab":
        await api.append(thread, "one")
    lines = read(await exported(api))
    held = [line for line in lines[:cut] if line["seq"] == last_of(line["seq"])]
    rest = read(await exported(api, resume_after=lines[cut - 1]["seq"]))
    threads = [line["thread"] for line in rest if line["type"] == "thread"]
    assert [line["thread"] for line in held] + threads == ["c", "a", "b"]
    assert rest[0]["resume_after"] == lines[cut - 1]["seq"]


async def test_going_on_misses_nothing_that_came_and_repeats_nothing_that_is_whole(api: Api) -> None:
    for thread in "abcd":
        await api.append(thread, "one", "two")
    first = read(await exported(api))[:6]  # a is whole, b is not
    await api.ask("DELETE", "threads/a")
    await api.ask("DELETE", "threads/c")
    await api.append("b", "three")
    await api.append("a", "again")
    rest = read(await exported(api, resume_after=first[-1]["seq"]))
    told = [(line["thread"], line["messages"]) for line in rest if line["type"] == "thread"]
    assert told == [("b", 3), ("d", 2), ("a", 1)]


async def test_what_comes_after_an_export_is_its_continuation(api: Api) -> None:
    await api.append("a", "one")
    footer = read(await exported(api))[-1]
    await api.append("b", "two")
    rest = read(await exported(api, resume_after=footer["seq"]))
    assert [line["thread"] for line in rest if line["type"] == "thread"] == ["b"]


async def test_threads_are_chosen_by_prefix(api: Api) -> None:
    for thread in ("user:1", "user:2", "other"):
        await api.append(thread, "x")
    lines = read(await exported(api, prefix="user:"))
    assert [line["thread"] for line in lines if line["type"] == "thread"] == ["user:1", "user:2"]


@pytest.mark.parametrize("api", [OWNED], indirect=True)
async def test_an_owner_is_exported_with_threads_and_document_and_nobody_elses(api: Api) -> None:
    for owner in ("ada", "bob"):
        await api.ask("PUT", f"threads/{owner}-1", {"owner": owner})
        await api.ask("PUT", f"owners/{owner}/working-memory", {"content": {"name": owner}})
    await api.append("nobody", "x")
    header, thread, document, footer = read(await exported(api, owner="ada"))
    assert (thread["thread"], document["owner"], document["content"]) == ("ada-1", "ada", {"name": "ada"})
    assert (header["owner"], footer["threads"], footer["working_memory"]) == ("ada", 1, 1)


async def test_what_has_expired_is_not_exported(api: Api) -> None:
    await api.ask("POST", "threads/t/messages", {"messages": [{"content": "gone", "ttl": "1ms"}, {"content": "stays"}]})
    await api.ask("PUT", "threads/gone", {"ttl": "1ms"})
    await api.ask("POST", "threads/gone/ttl", {"ttl": "1ms", "mode": "set"})
    await asyncio.sleep(0.01)
    _, t, stays, *rest = read(await exported(api))
    assert (t["messages"], stays["message"]["content"]) == (1, "stays")
    assert "gone" not in [line.get("thread") for line in rest]


async def test_a_thread_of_many_pages_is_read_as_it_was(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "WHOLE_BYTES", 100)
    texts = [f"message {number}" for number in range(2_500)]
    for at in range(0, 2_500, 500):
        await api.append("t", *texts[at : at + 500])
    lines = read(await exported(api))
    assert [line["message"]["content"] for line in lines if line["type"] == "message"] == texts
    assert lines[1]["messages"] == 2_500


async def test_a_large_thread_that_loses_messages_meanwhile_is_read_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "WHOLE_BYTES", 100)
    for _ in range(3):
        await api.append("t", *["x" * 20] * 500)
    export = exporting.Export(api.service.registry.get("support"), exporting.Wanted())
    pages, cleared = export._pages, []

    async def disturbed(snapshot: Any) -> AsyncIterator[Any]:
        async for page in pages(snapshot):
            yield page
            if not cleared:
                cleared.append(await api.ask("PUT", "threads/t/messages", {"messages": [{"content": "y" * 200}]}))

    monkeypatch.setattr(exporting.Export, "_pages", lambda self, snapshot: disturbed(snapshot))
    lines = read(b"".join([piece async for piece in export.chunks()]))
    assert [line["message"]["content"] for line in lines if line["type"] == "message"] == ["y" * 200]


async def test_messages_that_come_meanwhile_do_not_mix_into_a_thread(api: Api) -> None:
    async def write() -> None:
        for _ in range(40):
            await api.append("t", "a", "b")

    await api.append("t", "a", "b")
    writing = asyncio.create_task(write())
    for _ in range(10):
        lines = read(await exported(api))
        messages = [line for line in lines if line["type"] == "message"]
        assert len(messages) == lines[1]["messages"] and len(messages) % 2 == 0
    await writing


async def spoil(api: Api, *damage: bytes) -> None:
    """Put these in place of the first entries of thread t."""
    store: Any = api.service.registry.get("support").store
    for place, entry_ in enumerate(damage):
        await store._connection.call("LSET", store._keys.key("log", "t"), place, entry_, write=True)


@pytest.mark.parametrize("whole", [exporting.WHOLE_BYTES, 10], ids=["in one go", "by pages"])
async def test_what_is_no_message_is_left_out_and_counted(
    api: Api, other: Api, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(exporting, "WHOLE_BYTES", whole)
    await api.append("t", "a", "b", "c", "d")
    await spoil(api, b"garbage", b'{"tokens":1,"id":"1-2","role":nonsense}')
    export = await exported(api)
    assert (read(export)[1]["messages"], read(export)[-1]["damaged"]) == (2, 2)
    await imported(other, export)
    assert await other.contents("t") == ["c", "d"]


async def test_a_very_large_thread_that_loses_messages_ends_the_export(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "WHOLE_BYTES", 10)
    monkeypatch.setattr(exporting, "HELD_BYTES", 1_000)
    for _ in range(3):
        await api.append("t", *["x" * 20] * 700)
    export = exporting.Export(api.service.registry.get("support"), exporting.Wanted())
    pieces = export.chunks()
    held = [await anext(pieces)]
    await api.ask("DELETE", "threads/t/messages")
    with pytest.raises(Refused) as refusal:
        held += [piece async for piece in pieces]
    assert refusal.value.code == "busy"
    assert b'"footer"' not in b"".join(held)


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"resume_after": -1}, "invalid_field", "/resume_after"),
        ({"resume_after": "x"}, "invalid_field", "/resume_after"),
        ({"owner": "a b"}, "invalid_owner", "/owner"),
        ({"prefix": ""}, "invalid_field", "/prefix"),
        ({"thread": "t"}, "unknown_field", "/thread"),
    ],
)
async def test_an_export_refuses_what_it_does_not_know(api: Api, body: Any, code: str, path: str) -> None:
    assert problem(await api.ask("POST", "export", body), 400, code)["errors"][0]["path"] == path


async def test_lines_are_answered_to_those_who_take_lines(api: Api) -> None:
    for accept in ("application/x-ndjson", "*/*", "text/html, application/x-ndjson;q=0.5"):
        assert (await api.ask("POST", "export", headers={"accept": accept})).status_code == 200
    problem(await api.ask("POST", "export", headers={"accept": "application/json"}), 406, "not_acceptable")


async def test_a_third_transfer_at_a_time_is_asked_to_come_later(api: Api) -> None:
    with api.service.transfers.one(), api.service.transfers.one():
        problem(await api.ask("POST", "export"), 409, "busy")
        await refused(api, b"", 409, "busy")
    assert await exported(api)
    assert api.service.transfers.under_way == 0


# --- import -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", [WORKING], indirect=True)
@pytest.mark.parametrize("other", [WORKING], indirect=True)
async def test_what_goes_out_comes_in_the_same(api: Api, other: Api) -> None:
    await api.ask("PUT", "threads/full", {
        "type": "AGENT", "owner": "ada", "title": "Ädä", "max_messages": 9, "ttl": "30d", "metadata": {"a": [1, None]},
    })  # fmt: skip
    await api.ask("POST", "threads/full/messages", {"messages": [
        {"role": "system", "content": "be kind", "timestamp": "2020-01-01T00:00:00.000Z"},
        {"role": "user", "content": "ünïcode \u200b \\ \" \n", "metadata": {"n": 1.5}},
        {"role": "assistant", "content": "later gone", "expires_at": FUTURE},
    ]})  # fmt: skip
    await api.ask("PUT", "threads/full/working-memory", {"content": "<u>ada</u>"})
    await api.append("plain", "x")
    await api.ask("POST", "threads/plain/ttl", {"expires_at": FUTURE})
    await api.ask("PUT", "threads/pinned", {"pinned": True})
    report = await imported(other, await exported(api))

    assert await everything(other) == await everything(api)
    assert (await other.ask("GET", "threads/full/working-memory")).json()["content"] == "<u>ada</u>"
    assert report["threads"] == {"imported": 3, "replaced": 0, "skipped": 0, "expired": 0, "evicted": 0}
    assert (report["messages"]["imported"], report["working_memory"]["imported"], report["lines"]) == (4, 1, 10)
    one, two = read(await exported(api)), read(await exported(other))
    assert [line["settings"] for line in one if "settings" in line] == [
        line["settings"] for line in two if "settings" in line
    ]
    assert [line.get("expires_at") for line in one] == [line.get("expires_at") for line in two]


@pytest.mark.parametrize("api", [OWNED], indirect=True)
@pytest.mark.parametrize("other", [OWNED], indirect=True)
async def test_documents_of_owners_come_in_by_mode(api: Api, other: Api) -> None:
    for owner in ("ada", "bob"):
        await api.ask("PUT", f"owners/{owner}/working-memory", {"content": {"name": owner}})
    await other.ask("PUT", "owners/ada/working-memory", {"content": {"name": "old"}})
    export = await exported(api)

    document = await refused(other, export, 409, "not_empty")
    assert (document["line"], document["imported"]["working_memory"]["imported"]) == (2, 0)
    counts = (await imported(other, export, mode="skip"))["working_memory"]
    assert (counts["imported"], counts["skipped"]) == (1, 1)
    assert (await other.ask("GET", "owners/ada/working-memory")).json()["content"] == {"name": "old"}
    counts = (await imported(other, export, mode="replace"))["working_memory"]
    assert (counts["imported"], counts["replaced"]) == (2, 2)
    assert (await other.ask("GET", "owners/ada/working-memory")).json()["content"] == {"name": "ada"}


async def test_a_thread_that_exists_fails_is_skipped_or_is_replaced(api: Api, other: Api) -> None:
    for thread in "abc":
        await api.append(thread, "new")
    await other.append("b", "old")
    export = await exported(api)

    document = await refused(other, export, 409, "not_empty")
    assert (document["line"], document["errors"][0]["path"]) == (4, "line:4")
    assert document["imported"]["threads"]["imported"] == 1
    assert (await other.facts("a"))["exists"] and not (await other.facts("c"))["exists"]
    report = await imported(other, export, mode="skip")
    assert (report["threads"]["imported"], report["threads"]["skipped"], report["messages"]["skipped"]) == (1, 2, 2)
    assert await other.contents("b") == ["old"]
    report = await imported(other, export, mode="replace")
    assert (report["threads"]["imported"], report["threads"]["replaced"]) == (3, 3)
    assert await other.contents("b") == ["new"]


async def test_a_thread_of_many_parts_lands_whole(api: Api, other: Api) -> None:
    texts = [f"message {number}" for number in range(2_100)]
    for at in range(0, 2_100, 700):
        await api.append("t", *texts[at : at + 700])
    export = await exported(api)
    cut = b"".join(export.splitlines(keepends=True)[:-2])
    assert (await refused(other, cut))["imported"]["threads"]["imported"] == 0
    assert not (await other.facts("t"))["exists"]
    await imported(other, export)
    assert (await other.facts("t"))["messages"] == 2_100
    assert await everything(other) == await everything(api)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
async def test_it_does_not_matter_how_the_body_is_cut(api: Api, other: Api, chunk: int) -> None:
    await api.append("t", "one", "two")
    export = await exported(api)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(export), chunk):
            yield export[at : at + chunk]

    answer = await other.client.post("/v1/memories/support/import", content=pieces(), headers=NDJSON)
    assert (answer.status_code, await other.contents("t")) == (200, ["one", "two"])


async def test_a_body_may_be_larger_than_other_requests(api: Api, other: Api) -> None:
    for thread in range(30):
        await api.append(f"t{thread}", "x" * 50_000)
    export = await exported(api)
    assert len(export) > 1 << 20
    assert (await imported(other, export))["threads"]["imported"] == 30


async def test_an_export_that_broke_off_and_its_continuation_are_two_imports(api: Api, other: Api) -> None:
    for thread in "abc":
        await api.append(thread, "one", "two")
    cut = b"\n".join((await exported(api)).split(b"\n")[:6])
    document = await refused(other, cut)
    assert (document["imported"]["threads"]["imported"], document["line"]) == (1, 7)
    rest = await exported(api, resume_after=document["imported"]["resume_after"])
    assert (await imported(other, rest))["threads"]["imported"] == 2
    assert await everything(other) == await everything(api)


async def test_an_import_goes_on_where_it_stopped(api: Api, other: Api) -> None:
    for thread in "abc":
        await api.append(thread, "one")
    export = await exported(api)
    await other.append("b", "in the way")
    document = await refused(other, export, 409, "not_empty")
    await other.ask("DELETE", "threads/b")
    report = await imported(other, export, resume_after=document["imported"]["resume_after"])
    assert (report["threads"]["imported"], report["threads"]["skipped"]) == (2, 0)
    assert report["resume_after"] == read(export)[-1]["seq"]


async def test_what_is_over_is_counted_and_left_out(api: Api, other: Api) -> None:
    await api.append("t", "stays", "over")
    await api.append("u", "over")
    lines = read(await exported(api))[:-1]
    lines[3]["expires_at"] = lines[4]["expires_at"] = "2020-01-01T00:00:00Z"
    report = await imported(other, sealed(lines))
    assert (report["threads"]["expired"], report["messages"]["expired"], report["messages"]["imported"]) == (1, 2, 1)
    assert await other.contents("t") == ["stays"]
    assert not (await other.facts("u"))["exists"]


async def test_what_is_over_only_when_it_lands_is_counted_too(
    api: Api, other: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "SOON_MS", -(10**15))
    for thread in "tuv":
        await api.append(thread, "x")
    lines = read(await exported(api))[:-1]
    lines[3]["expires_at"] = "2020-01-01T00:00:00Z"
    report = await imported(other, sealed(lines))
    assert (report["threads"]["expired"], report["messages"]["expired"], report["messages"]["imported"]) == (1, 1, 2)
    assert [item["thread"] for item in (await other.ask("GET", "threads")).json()["items"]] == ["t", "v"]


@pytest.mark.parametrize("other", [{"ttl": {"after": "1h", "maxAge": "2h"}}], indirect=True)
async def test_a_maximum_age_counts_from_the_creation_in_the_export(api: Api, other: Api) -> None:
    await api.append("old", "x")
    await api.append("young", "x")
    lines = read(await exported(api))[:-1]
    lines[1]["created_at"] = "2020-01-01T00:00:00Z"
    report = await imported(other, sealed(lines))
    assert (report["threads"]["expired"], report["threads"]["imported"]) == (1, 1)
    assert 0 < (await other.facts("young"))["ttl_seconds"] <= 7_200


@pytest.mark.parametrize("other", [{"privacy": {"redact": ["secret[0-9]+"], "excludeRoles": ["tool"]}}], indirect=True)
async def test_privacy_holds_for_what_comes_in(api: Api, other: Api) -> None:
    await api.ask("PUT", "threads/t", {"title": "about secret1", "metadata": {"k": "secret2"}})
    await api.ask("POST", "threads/t/messages", {"messages": [
        {"role": "user", "content": "it is secret3"}, {"role": "tool", "content": "secret4"},
    ]})  # fmt: skip
    report = await imported(other, await exported(api))
    assert (report["messages"]["imported"], report["excluded"]) == (1, 1)
    assert report["redacted"] == 3
    assert b"secret" not in await exported(other)


@pytest.mark.parametrize(
    ("other", "code", "status", "line"),
    [
        ({"limits": {"messageBytes": 200}}, "message_too_large", 413, 4),
        ({"limits": {"metadataKeys": 1}}, "invalid_message", 400, 3),
        ({"limits": {"threadMessages": 1}}, "thread_full", 413, 2),
        ({"limits": {"threads": 1}}, "quota_exceeded", 429, 5),
    ],
    indirect=["other"],
)
async def test_limits_hold_and_say_the_line(api: Api, other: Api, code: str, status: int, line: int) -> None:
    messages = [{"content": "a", "metadata": {"a": 1, "b": 2}}, {"content": "x" * 300}]
    await api.ask("POST", "threads/t/messages", {"messages": messages})
    await api.append("u", "x")
    document = await refused(other, await exported(api), status, code)
    assert document["line"] == line
    assert document["errors"][0]["path"].startswith(f"line:{line}")
    assert (await other.facts("t"))["exists"] == (code == "quota_exceeded")


@pytest.mark.parametrize("other", [{"flushing": {"type": "simple_fifo", "maxMessages": 10}}], indirect=True)
async def test_a_memory_that_flushes_flushes_what_comes_in(api: Api, other: Api) -> None:
    await api.append("t", *[str(number) for number in range(12)])
    await imported(other, await exported(api))
    assert await other.contents("t") == ["7", "8", "9", "10", "11"]
    await api.ask("PUT", "threads/u", {"max_messages": 5})
    document = await refused(other, await exported(api, prefix="u"), 400, "invalid_field")
    assert document["errors"][0]["path"] == "line:2/settings/max_messages"


async def test_a_document_needs_a_memory_that_keeps_documents(valkey: Valkey, other: Api) -> None:
    api = build(valkey.url, [entry(options=WORKING)])
    await api.ask("PUT", "threads/t/working-memory", {"content": "<u/>"})
    assert (await refused(other, await exported(api), 409, "working_memory_disabled"))["line"] == 3
    await api.close()


async def test_what_was_imported_waits_for_the_index(api: Api, other: Api) -> None:
    await api.append("t", "one")
    answer = await other.client.post("/v1/memories/support/import", content=await exported(api), headers=NDJSON)
    assert answer.headers["memory-consistency"].partition(".")[2].isdigit()
    assert (await other.ask("GET", "stats")).json()["outbox"]["depth"] == 1


async def test_a_store_that_goes_away_ends_an_import_with_what_came_in(
    api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for thread in range(40):
        await api.append(f"t{thread}", "x")
    lines = (await exported(api)).splitlines(keepends=True)
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    two = build(server.url, [entry()])

    async def body() -> AsyncIterator[bytes]:
        yield b"".join(lines[:40])
        server.stop()
        yield b"".join(lines[40:])

    answer = await two.client.post("/v1/memories/support/import", content=body(), headers=NDJSON)
    document = problem(answer, 503, "storage_unavailable")
    assert document["imported"]["threads"]["imported"] == 16
    assert document["imported"]["resume_after"] == json.loads(lines[32])["seq"]
    await two.close()


DAMAGES: dict[str, Any] = {
    "no JSON": (lambda lines: [*lines[:2], b"{", *lines[3:]], 3, "line:3"),
    "an empty line": (lambda lines: [*lines[:2], b"", *lines[2:]], 3, "line:3"),
    "a list": (lambda lines: [*lines[:2], b"[]", *lines[3:]], 3, "line:3"),
    "another type": (lambda lines: [lines[0], b'{"type":"x","seq":1}', *lines[1:]], 2, "line:2/type"),
    "an unknown field": (lambda lines: [lines[0], lines[1][:-1] + b',"x":1}', *lines[2:]], 2, "line:2/x"),
    "a key said twice": (lambda lines: [lines[0], lines[1][:-1] + b',"thread":"t"}', *lines[2:]], 2, "line:2"),
    "a bad role": (
        lambda lines: [*lines[:2], lines[2].replace(b'"user"', b'"me"'), *lines[3:]],
        3,
        "line:3/message/role",
    ),
    "a bad thread": (lambda lines: [lines[0], lines[1].replace(b'"t"', b'"a/b"'), *lines[2:]], 2, "line:2/thread"),
    "no header": (lambda lines: lines[1:], 1, "line:1"),
    "a later format": (
        lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
        1,
        "line:1/version",
    ),
    "a second header": (lambda lines: [*lines[:4], lines[0], *lines[4:]], 5, "line:5"),
    "a lost message": (lambda lines: [*lines[:3], *lines[4:]], 4, "line:4"),
    "a doubled line": (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4, "line:4/seq"),
    "a message of another": (
        lambda lines: [*lines[:2], lines[2].replace(b'"t"', b'"z"'), *lines[3:]],
        3,
        "line:3/thread",
    ),
    "a lost thread": (lambda lines: [*lines[:4], *lines[6:]], 5, "line:5"),
    "a changed word": (lambda lines: [*lines[:2], lines[2].replace(b"one", b"eno"), *lines[3:]], 7, "line:7/sha256"),
    "no footer": (lambda lines: lines[:-1], 7, "line:7"),
    "more behind the footer": (lambda lines: [*lines, lines[0]], 8, "line:8"),
    "nothing": (lambda lines: [], 1, "line:1"),
    "not UTF-8": (lambda lines: [*lines[:2], lines[2].replace(b"one", b"\xff"), *lines[3:]], 3, "line:3"),
    "a line that is too long": (lambda lines: [*lines[:2], b"x" * (MAX_LINE_BYTES + 1)], 3, "line:3"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_line_is_named_and_whole_threads_before_it_stay(api: Api, other: Api, damage: str) -> None:
    await api.append("t", "one", "two")
    await api.append("u", "three")
    change, number, path = DAMAGES[damage]
    lines = (await exported(api)).splitlines()
    document = await refused(other, b"\n".join(change(lines)))
    assert (document["line"], document["errors"][0]["path"]) == (number, path)
    assert document["detail"].startswith(f"line:{number}")
    threads = [item["thread"] for item in (await other.ask("GET", "threads")).json()["items"]]
    assert len(threads) == document["imported"]["threads"]["imported"]
    for thread in threads:
        assert (await other.facts(thread))["messages"] == {"t": 2, "u": 1}[thread]


async def test_every_fault_of_a_line_is_listed(api: Api) -> None:
    line = {"type": "message", "seq": "x", "thread": "a/b", "message": {"role": "me", "content": ""}}
    header = b'{"type":"header","seq":0,"memory":"m","exported_at":"2026-01-01T00:00:00Z"}\n'
    document = await refused(api, header + json.dumps(line).encode())
    paths = [fault["path"] for fault in document["errors"]]
    assert paths == [
        "line:2/seq", "line:2/thread", "line:2/message/role", "line:2/message/content", "line:2/message/timestamp",
    ]  # fmt: skip
    assert {fault["code"] for fault in document["errors"]} == {"invalid_import"}


@pytest.mark.parametrize(
    ("headers", "params", "status", "code"),
    [
        ({"content-type": "application/json"}, {}, 415, "unsupported_media_type"),
        ({"content-encoding": "gzip"}, {}, 415, "unsupported_media_type"),
        ({}, {"mode": "merge"}, 400, "invalid_parameter"),
        ({}, {"resume_after": "-1"}, 400, "invalid_parameter"),
        ({}, {"dry_run": "true"}, 400, "invalid_parameter"),
    ],
)
async def test_an_import_refuses_what_it_cannot_honour(
    api: Api, headers: dict[str, str], params: dict[str, str], status: int, code: str
) -> None:
    answer = await api.client.post("/v1/memories/support/import", content=b"x", headers=NDJSON | headers, params=params)
    problem(answer, status, code)


# --- under a key ------------------------------------------------------------------------------------------------------


async def under(api: Api, body: bytes, key: str = "k", **params: Any) -> Any:
    headers = NDJSON | {"idempotency-key": key}
    return await api.client.post("/v1/memories/support/import", content=body, headers=headers, params=params)


async def test_an_import_under_a_key_is_done_once_and_its_answer_repeated(api: Api, other: Api) -> None:
    await api.append("t", "one", "two")
    body = await exported(api)
    first = await under(other, body)
    await other.ask("DELETE", "threads/t")
    again = await under(other, body)

    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert again.headers["memory-consistency"] == first.headers["memory-consistency"]
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert (await other.facts("t"))["exists"] is False
    problem(await under(other, body + b"\n"), 422, "idempotency_mismatch")
    problem(await under(other, body, mode="skip"), 422, "idempotency_mismatch")


async def test_an_import_that_was_refused_may_be_sent_again_under_its_key(api: Api, other: Api) -> None:
    await api.append("t", "one")
    body = await exported(api)
    problem(await under(other, body[:-10]), 400, "invalid_import")
    await other.ask("DELETE", "threads/t")
    assert (await under(other, body)).status_code == 200


@pytest.mark.parametrize(
    ("line", "path"), [(b"null", "line:2"), (b"[]", "line:2"), (b"{}", "line:2/type"), (b'{"type": []}', "line:2/type")]
)
async def test_a_line_that_is_no_object_of_a_known_type_is_named(api: Api, other: Api, line: bytes, path: str) -> None:
    header = (await exported(api)).splitlines()[0]

    document = await refused(other, header + b"\n" + line + b"\n")

    assert [fault["path"] for fault in document["errors"]] == [path]
