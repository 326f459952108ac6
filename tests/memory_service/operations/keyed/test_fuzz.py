"""Whatever a task says: no 5xx, no half-written key, and every fault with a path of the body."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_service.operations.keyed.task import Task

from tests.memory_service.operations.keyed.asking import Tasks
from tests.memory_service.web.harness import Valkey, build, entry

scalars = st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(-2, 2) | st.text(max_size=6)
TEXTS = ("k", "k:*", "*", "", "{{ .a }}", "{{ .a.b }}", "{{ now }}", "{{ .", "{{ range .l }}{{ . }}{{ end }}")
texts = st.sampled_from([*TEXTS, "é", "__", "x\u200b", "\u0000"])
names = st.sampled_from(["role", "content", "metadata", "timestamp", "ttl", "a", "l"])
data = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
messages = st.fixed_dictionaries(
    {"content": texts | data}, optional={"role": st.sampled_from(["user", "system", "tool", "x"]), "metadata": data}
)
some, flag, share = st.integers(1, 9), st.booleans(), st.floats(0, 1)
CONFIGS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "read_config": {
        **dict.fromkeys(("limit", "offset", "last"), some),
        "order": st.sampled_from(["asc", "desc"]),
        "role": st.sampled_from(["user", "system"]),
        **dict.fromkeys(("since", "until"), st.just("2024-01-01T00:00:00Z")),
        "include_metadata": flag,
        "pattern": texts,
    },
    "clear_config": {"confirm": flag, "backup": flag, "pattern": texts},
    "flush_config": {
        "strategy": st.sampled_from(["simple_fifo", "token_aware_lru", "hybrid_summary", "lru"]),
        **dict.fromkeys(("threshold", "target"), share),
        "force": flag,
        "max_keys": some,
        "dry_run": flag,
    },
    "health_config": {"include_stats": flag, "check_connectivity": flag},
    "stats_config": {"group_by": st.sampled_from(["role", "day", ["role"]]), "include_content": flag, "limit": some},
}
subjects = st.one_of(
    st.builds(lambda key: {"key": key}, st.sampled_from(["k", "k2", "k*", "bad key"])),
    st.builds(lambda text: {"key_template": text}, texts),
    st.builds(lambda text: {"pattern": text}, st.sampled_from(["k*", "*", "?", "a b"])),
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "id": st.text(min_size=1, max_size=4),
    "type": st.just("memory"),
    "memory_ref": st.just("support"),
    "context": st.dictionaries(st.sampled_from("al"), data, max_size=2),
    "payload": texts | messages | st.lists(texts | messages | data, max_size=4),
    **dict.fromkeys(("confirm", "dry_run"), st.booleans()),
    **dict.fromkeys(("max_keys", "batch_size", "expected_version"), st.integers(1, 9)),
    **dict.fromkeys(("on_success", "on_error"), st.just({"next": "e"})),
    **{name: st.fixed_dictionaries({}, optional=each) for name, each in CONFIGS.items()},
}
operations = st.sampled_from(["read", "write", "append", "delete", "clear", "flush", "health", "stats"])


@st.composite
def tasks_of(draw: st.DrawFn) -> Any:
    """A task with some fields, mostly plausible; sometimes one that does not exist."""
    name = draw(operations)
    task = {"operation": name} | draw(subjects)
    usual = ["context", "dry_run", *(["payload"] * 3 if name in ("write", "append") else []), "confirm", "on_error"]
    usual += [f"{name}_config"] * 2 if f"{name}_config" in fields else []
    for field in draw(st.lists(st.sampled_from(usual) | st.sampled_from(sorted(fields)), max_size=4)):
        task[field] = draw(fields[field])
    if draw(st.integers(0, 15)) == 7:
        task[draw(st.sampled_from(sorted(fields)) | st.text(max_size=5))] = draw(data)
    return task


def test_every_field_of_a_task_is_tried() -> None:
    subject = {"operation", "key", "key_template", "pattern"}

    assert fields.keys() | subject == set(Task.__struct_fields__)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(tasks_of(), min_size=3, max_size=8) | st.lists(data, max_size=2), st.booleans())
def test_any_body_is_answered_and_leaves_keys_whole(server: Valkey, bodies: list[Any], together: bool) -> None:
    async def attempt() -> None:
        api = build(server.url, [entry(options={"semanticRecall": {"enabled": False}})])
        try:
            tasks = Tasks(api, server.url)
            for body in [bodies] if together else bodies:
                await judged(tasks, body)
            listed = await api.ask("GET", "threads")
            for thread in listed.json()["items"]:
                health = await tasks.do("health", thread["thread"])
                assert health["healthy"], health
        finally:
            await api.close()

    asyncio.run(attempt())


async def judged(tasks: Tasks, body: Any) -> None:
    """Send a body and look at the answer's shape."""
    answer = await tasks.api.ask("POST", "operations", json=body)
    document = answer.json()
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        for result in document.get("results", [document]):
            assert result["ok"] is (result["error"] is None)
            assert result["ok"] or result["error"]["status"] < 500, result
    else:
        assert document["detail"]
        for fault in document.get("errors", []):
            assert fault["path"] == "" or fault["path"].startswith("/"), fault
