"""The references of Compozy's memory.json: the values of its page, word for word, from a running service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.memory_service.embedded.command import Running, running, until

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent / "compozy-memory-json.txt").read_text()
DEFINITION = {
    "id": "desk",
    "vector": {"use": "in-memory", "dimensions": 384, "config": {}},
    "options": {"lastMessages": 2},
}


def examples() -> list[Any]:
    """The JSON values of the page's references, in order: current thread, last messages, search result."""
    references = PAGE.partition("Memory References")[2]
    decoder, found = json.JSONDecoder(), []
    for start in re.finditer(r"Example:\n", references):
        found.append(decoder.raw_decode(references[start.end() :])[0])
    return found


CURRENT, LAST, SEARCH = examples()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Contexts of threads that hold what the page shows, by thread."""
    declared = tmp_path_factory.mktemp("declared") / "memory.json"
    declared.write_text(json.dumps(DEFINITION))
    threads = {CURRENT["thread_id"]: CURRENT["messages"], "weather": LAST}
    threads[SEARCH[0]["metadata"]["thread_id"]] = [
        {"role": "user", "content": SEARCH[0]["content"], "timestamp": SEARCH[0]["timestamp"]}
    ]
    with running(tmp_path_factory.mktemp("run") / "data", memory=str(declared)) as service:
        for thread, messages in threads.items():
            service.ask("POST", f"/v1/memories/desk/threads/{thread}/messages", {"messages": messages})
        until(lambda: service.ask("GET", "/v1/memories/desk/health")["status"] == "ok", 30)
        yield {thread: _context(service, thread) for thread in threads}
        service.stop()


def _context(service: Running, thread: str) -> Any:
    body = {"query": SEARCH[0]["content"], "consistency": "strong", "timeout": "20s"}
    return service.ask("POST", f"/v1/memories/desk/threads/{thread}/context", body)


def moment(text: str) -> datetime:
    """A time, however many digits it is written with."""
    return datetime.fromisoformat(text)


def as_on_the_page(message: dict[str, Any]) -> dict[str, Any]:
    """The members of a message that the page has, its time as one."""
    return {"role": message["role"], "content": message["content"], "timestamp": moment(message["timestamp"])}


def test_the_current_thread_of_the_page_comes_back(context: Any) -> None:
    thread = context[CURRENT["thread_id"]]["current_thread"]
    assert set(thread) == set(CURRENT)
    assert thread["thread_id"] == CURRENT["thread_id"]
    assert list(map(as_on_the_page, thread["messages"])) == list(map(as_on_the_page, CURRENT["messages"]))
    assert set(thread["metadata"]) == set(CURRENT["metadata"])
    assert moment(thread["metadata"]["created_at"]) <= moment(thread["metadata"]["updated_at"])


def test_the_last_messages_of_the_page_come_back(context: Any) -> None:
    assert list(map(as_on_the_page, context["weather"]["last_messages"])) == list(map(as_on_the_page, LAST))


def test_the_search_result_of_the_page_comes_back_from_the_other_thread(context: Any) -> None:
    best = context[CURRENT["thread_id"]]["semantic_search"][0]
    assert set(SEARCH[0]) <= set(best)
    assert (best["content"], moment(best["timestamp"])) == (SEARCH[0]["content"], moment(SEARCH[0]["timestamp"]))
    assert best["metadata"]["thread_id"] == SEARCH[0]["metadata"]["thread_id"]
    assert 0 < best["similarity"] <= 1
