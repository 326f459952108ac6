"""Export and import of any memory, and of any damage to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.memory_service.web.harness import Valkey, build, entry
from tests.memory_service.web.test_transfer import NDJSON, everything, exported, imported

OPTIONS = {"workingMemory": {"enabled": True, "schema": {"type": "object"}}, "semanticRecall": {"enabled": False}}
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
plain = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
data = st.recursive(
    plain, lambda each: st.lists(each, max_size=2) | st.dictionaries(texts, each, max_size=2), max_leaves=4
)
objects = st.dictionaries(texts, data, max_size=3)
moments = st.sampled_from(["1970-01-01T00:00:00.000Z", "2020-02-29T12:00:00.123Z", "2100-01-01T00:00:00.000Z"])
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": texts},
    optional={"timestamp": moments, "metadata": objects, "expires_at": st.just("2100-01-01T00:00:00.000Z")},
)
threads = st.fixed_dictionaries(
    {
        "settings": st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["CHAT", "WORKFLOW", "AGENT"]),
                "owner": st.sampled_from(["ada", "b|b"]),
                "title": texts,
                "max_messages": st.integers(1, 4),
                "ttl": st.sampled_from(["1h", "90d", 0]),
                "pinned": st.booleans(),
                "metadata": objects,
            },
        ),
        "messages": st.lists(messages, max_size=6),
        "document": st.none() | objects,
        "expires_at": st.none() | st.just("2090-01-01T00:00:00.000Z"),
    }
)
memories = st.dictionaries(st.sampled_from(["a", "b:1", "C@x.y", "-"]), threads, max_size=4)
run = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


async def fill(api: Any, memory: dict[str, Any]) -> None:
    for thread, said in memory.items():
        await api.ask("PUT", f"threads/{thread}", said["settings"])
        await api.ask("POST", f"threads/{thread}/messages", {"messages": said["messages"]})
        if said["document"] is not None:
            await api.ask("PUT", f"threads/{thread}/working-memory", {"content": said["document"]})
        if said["expires_at"] is not None and not said["settings"].get("pinned"):
            await api.ask("POST", f"threads/{thread}/ttl", {"expires_at": said["expires_at"], "mode": "set"})


async def documents(api: Any, memory: dict[str, Any]) -> list[Any]:
    asked = [await api.ask("GET", f"threads/{thread}/working-memory") for thread in memory]
    return [answer.json()["content"] for answer in asked]


@run
@given(memories)
def test_any_memory_comes_in_as_it_went_out(valkey: Valkey, memory: dict[str, Any]) -> None:
    async def check() -> None:
        one, two = build(valkey.url, [entry(options=OPTIONS)]), build(valkey.url, [entry(options=OPTIONS)])
        try:
            await fill(one, memory)
            export = await exported(one)
            report = await imported(two, export)
            assert await everything(two) == await everything(one)
            assert await documents(two, memory) == await documents(one, memory)
            assert report["threads"]["imported"] == len(memory)
            assert len((await exported(two)).splitlines()) == len(export.splitlines())
            assert (await imported(two, export, mode="skip"))["threads"]["skipped"] == len(memory)
            await imported(two, export, mode="replace")
            assert await everything(two) == await everything(one)
        finally:
            await one.close()
            await two.close()

    asyncio.run(check())


@st.composite
def damages(draw: st.DrawFn) -> Any:
    """A change of a few bytes: taken away, put in, put elsewhere."""
    return [
        (draw(st.floats(0, 1)), draw(st.sampled_from(["cut", "put", "drop", "swap"])), draw(st.binary(max_size=6)))
        for _ in range(draw(st.integers(1, 3)))
    ]


def damaged(export: bytes, changes: Any) -> bytes:
    for place, kind, put in changes:
        at = int(place * len(export))
        if kind == "cut":
            export = export[:at]
        elif kind == "put":
            export = export[:at] + put + export[at + len(put) :]
        else:
            lines = export.splitlines(keepends=True)
            if lines:
                line = lines.pop(int(place * (len(lines) - 1)))
                lines += [line] if kind == "swap" else []
            export = b"".join(lines)
    return export


MEMORY = {
    thread: {"settings": {"ttl": "1h"}, "messages": [{"role": "user", "content": f"{thread}{n}"} for n in range(3)],
             "document": {"n": 1}, "expires_at": None}
    for thread in "abc"
}  # fmt: skip


@pytest.mark.slow
def test_no_damage_breaks_the_service_or_leaves_half_a_thread(valkey: Valkey) -> None:
    export: list[bytes] = []

    @settings(run, max_examples=50)
    @given(damages())
    def check(changes: Any) -> None:
        asyncio.run(ask(damaged(export[0], changes)))

    async def ask(body: bytes) -> None:
        api = build(valkey.url, [entry(options=OPTIONS)])
        try:
            answer = await api.client.post("/v1/memories/support/import", content=body, headers=NDJSON)
            assert answer.status_code in (200, 400), answer.text
            report = answer.json() if answer.status_code == 200 else answer.json()["imported"]
            assert body == export[0] or answer.status_code == 400
            found = (await api.ask("GET", "threads")).json()["items"]
            assert len(found) == report["threads"]["imported"]
            assert all(facts["messages"] == 3 for facts in found)
            assert answer.status_code == 200 or answer.json()["line"] <= body.count(b"\n") + 2
        finally:
            await api.close()

    async def make() -> bytes:
        api = build(valkey.url, [entry(options=OPTIONS)])
        await fill(api, MEMORY)
        made = await exported(api)
        await api.close()
        return made

    export.append(asyncio.run(make()))
    check()
