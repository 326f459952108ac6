"""Every task of Compozy's page, words for words, through the service: its three YAML blocks and what they promise."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.memory_service.operations.keyed.asking import Tasks
from tests.memory_service.web.harness import Valkey, build, entry

HERE = Path(__file__).parent
PAGE = (HERE / "compozy-memory-tasks.txt").read_text().splitlines()
FILES = sorted((HERE / "compozy").glob("*.yaml"))
INPUT = {
    "user_id": "u-42",
    "session_id": "s-7",
    "message_id": "m-1",
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "preferences": {"theme": "dark", "languages": ["en", "fr"]},
    "message": "Where is my order?",
}
CONTEXT = {"workflow": {"input": INPUT}}


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
async def tasks(valkey: Valkey) -> AsyncIterator[Tasks]:
    """The memories that the tasks refer to."""
    names = ("user_session", "conversation_memory", "user_sessions")
    built = build(valkey.url, [entry(name) for name in names])
    yield Tasks(built, valkey.url)
    await built.close()


def task(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "compozy" / f"{name}.yaml").read_text()))


async def sent(tasks: Tasks, name: str) -> dict[str, Any]:
    """The result of a task of the page, sent as it is, with what its templates look up."""
    body = task(name)
    answer = await tasks.send(body | {"context": CONTEXT}, memory=body["memory_ref"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def stored(tasks: Tasks, memory: str, key: str) -> list[dict[str, Any]]:
    answer = await tasks.api.ask("GET", f"/v1/memories/{memory}/threads/{key}/messages")
    return list(answer.json()["messages"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_what_the_page_says(path: Path) -> None:
    lines = [line.strip() for line in path.read_text().splitlines()]
    start = PAGE.index(lines[0])

    assert PAGE[start : start + len(lines)] == lines


def test_every_task_of_the_page_has_a_file() -> None:
    assert PAGE.count("type: memory") == len(FILES)
    assert {line.removeprefix("id: ") for line in PAGE if line.startswith("id: ")} == {path.stem for path in FILES}


async def test_store_user_data_keeps_a_profile_of_five_lines(tasks: Tasks) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    result = await sent(tasks, "store-user-data")
    (message,) = await stored(tasks, "user_session", "user:u-42:profile")
    *lines, created = message["content"].rstrip("\n").split("\n")

    assert (result["id"], result["ok"], result["next"]) == ("store-user-data", True, "process-user-data")
    assert result["key"] == "user:u-42:profile"
    assert message["role"] == "system"
    assert lines == [
        "User Profile:",
        "Name: Ada Lovelace",
        "Email: ada@example.org",
        'Preferences: {"languages":["en","fr"],"theme":"dark"}',
    ]
    moment = datetime.strptime(created, "Created: %Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert before <= moment <= datetime.now(UTC)


async def test_write_memory_keeps_role_time_and_metadata(tasks: Tasks) -> None:
    result = await sent(tasks, "write-memory")
    (message,) = await stored(tasks, "conversation_memory", "conversation:s-7:m-1")

    assert (result["key"], result["next"]) == ("conversation:s-7:m-1", "read-conversation-history")
    assert (message["role"], message["content"]) == ("user", "Where is my order?")
    assert message["metadata"] == {"user_id": "u-42", "session_id": "s-7"}
    assert abs(datetime.fromisoformat(message["timestamp"]).timestamp() - datetime.now(UTC).timestamp()) < 60


async def test_user_session_keys_end_with_the_date(tasks: Tasks) -> None:
    result = await sent(tasks, "user-session-keys")

    assert re.fullmatch(r"session:u-42:s-7:\d{4}-\d\d-\d\d", result["key"])
    (message,) = await stored(tasks, "user_sessions", result["key"])
    assert (message["role"], message["content"]) == ("system", "Session started")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_task_whose_input_is_missing_says_which_and_writes_nothing(tasks: Tasks, path: Path) -> None:
    body = task(path.stem)
    answer = await tasks.send(body | {"context": {"workflow": {"input": {}}}}, memory=body["memory_ref"])

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_template")
    assert "'.workflow.input." in answer.json()["errors"][0]["message"]
    listed = await tasks.api.ask("GET", f"/v1/memories/{body['memory_ref']}/threads")
    assert listed.json()["items"] == []
