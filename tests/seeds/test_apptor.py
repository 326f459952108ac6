"""Both worked examples of apptor's page, and its example history, word for word through the service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.memory_service.web.harness import Api, Valkey, build, entry

PAGE = (Path(__file__).parent / "apptor-memory-action.txt").read_text()
CHAT = "Example: Multi-Turn Customer Support Chat"
PROFILE = "Example: Pre-Load Customer Context"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
async def api(valkey: Valkey) -> AsyncIterator[Api]:
    built = build(valkey.url, [entry()])
    yield built
    await built.close()


def boxes(title: str) -> list[dict[str, Any]]:
    """The Memory Actions that an example draws, in order, each as the body that its lines say."""
    example = PAGE.partition(title)[2].partition("\nExample:")[0].partition("\nConnections")[0]
    found = []
    for box in example.split("↓"):
        named = re.match(r"\s*\[Memory Action: (\w+)\]\n(.*)", box, re.DOTALL)
        if named:
            fields = re.findall(r"^(\w+): (.*(?:\n(?!\w+: ).+)*)", named[2], re.MULTILINE)
            body = {name: int(value) if value.isdigit() else value for name, value in fields}
            found.append({"operation": named[1], **body})
    return found


def history_on_the_page() -> list[dict[str, str]]:
    """The array that the page gives as an example of {memoryHistory}."""
    listed = re.search(r"as an array of message objects:\s*(\[.*?\n\])", PAGE, re.DOTALL)
    assert listed is not None
    return list(json.loads(listed[1]))


async def act(api: Api, body: dict[str, Any], **variables: Any) -> dict[str, Any]:
    answer = await api.ask("POST", "actions", body | {"variables": variables})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_examples_are_read_whole() -> None:
    assert [box["operation"] for box in boxes(CHAT)] == ["STORE_MESSAGE", "READ_HISTORY", "STORE_MESSAGE"]
    assert boxes(CHAT)[1] == {"operation": "READ_HISTORY", "conversationId": "{sessionId}", "limit": 20}
    (profile,) = boxes(PROFILE)
    assert profile["content"].startswith("Customer Profile: Name=") and profile["content"].endswith(".status}")
    assert len(history_on_the_page()) == 3


async def test_the_support_chat_of_the_page_runs_as_it_is_drawn(api: Api) -> None:
    store, read, reply = boxes(CHAT)
    said = {"sessionId": "session-1", "customerMessage": "I need help with my billing"}
    answered = "I'd be happy to help. Can you share your account number?"
    assert (await act(api, store, **said))["total"] == 1
    first = {"role": "user", "content": said["customerMessage"]}
    assert await act(api, read, **said) == {"memoryHistory": [first]}
    assert (await act(api, reply, **said, aiResponse=answered))["total"] == 2
    assert await api.contents("session-1") == [said["customerMessage"], answered]


async def test_the_history_on_the_page_is_read_back_word_for_word(api: Api) -> None:
    store, read, reply = boxes(CHAT)
    for line in history_on_the_page():
        box = store if line["role"] == "user" else reply
        values = {"customerMessage": line["content"], "aiResponse": line["content"]}
        await act(api, box, sessionId="session-1", **values)
    assert await act(api, read, sessionId="session-1") == {"memoryHistory": history_on_the_page()}


async def test_the_profile_of_the_page_is_stored_as_system_context(api: Api) -> None:
    (box,) = boxes(PROFILE)
    profile = {"name": "Ada", "plan": "Pro", "recentIssueCount": 2, "status": "active"}
    await act(api, box, customerId="customer-1", customerProfile=profile)
    history = await act(api, {"operation": "READ_HISTORY", "conversationId": "customer-1"})
    text = "Customer Profile: Name=Ada, Plan=Pro,\nRecent Issues=2, Account Status=active"
    assert history == {"memoryHistory": [{"role": "system", "content": text}]}
