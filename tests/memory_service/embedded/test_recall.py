"""Recall and context over HTTP, with the real worker, model and vector store behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.memory_service.embedded.command import Running, running, until

pytestmark = pytest.mark.slow

OPTIONS = {
    "lastMessages": 2,
    "semanticRecall": {"filterable": [{"key": "topic", "type": "keyword"}], "messageRange": 1},
    "workingMemory": {"enabled": True, "template": "<user/>"},
}
TALK = {
    "billing": (
        "ada",
        [("user", "My invoice number is ACC-12345."), ("assistant", "Thank you, I found your invoice.")],
    ),
    "travel": ("ada", [("user", "I fly to Lisbon on Friday."), ("assistant", "Have a good flight.")]),
    "secret": ("bob", [("user", "My invoice number is BOB-99999.")]),
    "notes": (None, [("user", "The warehouse moved to Porto.")]),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service with two memories, `desk` with a few conversations and `mute` without recall."""
    declared = tmp_path_factory.mktemp("declared")
    vector = {"use": "in-memory", "dimensions": 384, "config": {}}
    (declared / "desk.json").write_text(json.dumps({"id": "desk", "vector": vector, "options": OPTIONS}))
    silent = {"semanticRecall": {"enabled": False}}
    (declared / "mute.json").write_text(json.dumps({"id": "mute", "vector": vector, "options": silent}))
    with running(tmp_path_factory.mktemp("run") / "data", memory=str(declared)) as service:
        for thread, (owner, lines) in TALK.items():
            if owner is not None:
                service.ask("PUT", f"/v1/memories/desk/threads/{thread}", {"owner": owner})
            messages = [{"role": role, "content": text, "metadata": {"topic": thread}} for role, text in lines]
            service.ask("POST", f"/v1/memories/desk/threads/{thread}/messages", {"messages": messages})
        until(lambda: service.ask("GET", "/v1/memories/desk/health")["status"] == "ok", 30)
        yield service
        service.stop()


def recall(service: Running, query: str, **more: Any) -> Any:
    """The answer of a recall that sees everything written before."""
    return service.ask("POST", "/v1/memories/desk/recall", {"query": query, "consistency": "strong", **more})


def texts(answer: Any) -> list[str]:
    """What the hits say, best first."""
    return [hit["message"]["content"] for hit in answer["hits"]]


def test_a_question_finds_by_meaning_within_the_owners_threads(service: Running) -> None:
    answer = recall(service, "On which day do I travel to Portugal?", owner="ada", scope="owner", max_results=1)
    assert texts(answer) == ["I fly to Lisbon on Friday."]
    (hit,) = answer["hits"]
    assert hit["thread"] == "travel"
    assert hit["neighbours"]["after"][0]["content"] == "Have a good flight."
    assert 0 < hit["similarity"] <= 1 and hit["why"]["dense"]["rank"] >= 1
    assert (answer["consistent"], answer["degraded"], answer["lag"]["positions"]) == (True, False, 0)


def test_another_owners_messages_never_come_back(service: Running) -> None:
    for scope in ("owner", "memory"):
        found = texts(recall(service, "invoice number", owner="ada", scope=scope, max_results=50))
        assert any("ACC-12345" in text for text in found)
        assert not any("BOB" in text for text in found)
    assert not any(
        "invoice" in text for text in texts(recall(service, "invoice number", scope="memory", max_results=50))
    )


def test_words_filters_and_exclusions_narrow_the_answer(service: Running) -> None:
    found = recall(service, "ACC-12345", owner="ada", mode="keyword")
    assert texts(found)[0] == "My invoice number is ACC-12345."
    excluded = [hit["message"]["id"] for hit in found["hits"]]
    assert texts(recall(service, "ACC-12345", owner="ada", mode="keyword", exclude=excluded)) == []
    travel = recall(service, "invoice", owner="ada", filter={"topic": "travel"}, max_results=50)
    assert {hit["message"]["metadata"]["topic"] for hit in travel["hits"]} == {"travel"}


def test_an_owners_question_from_a_thread_searches_that_owners_threads(service: Running) -> None:
    found = recall(service, "invoice", thread="travel", max_results=50)
    assert {hit["thread"] for hit in found["hits"]} <= {"billing", "travel"} and found["hits"]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({}, "invalid_query", "/query"),
        ({"query": ""}, "invalid_query", "/query"),
        ({"query": "x", "max_results": 51}, "invalid_query", "/max_results"),
        ({"query": "x", "threshold": 2}, "invalid_query", "/threshold"),
        ({"query": "x", "scope": "thread"}, "invalid_query", "/thread"),
        ({"query": "x", "scope": "galaxy"}, "invalid_query", "/scope"),
        ({"query": "x", "timeout": "31s"}, "invalid_query", "/timeout"),
        ({"query": "x", "exclude": ["not an id"]}, "invalid_query", "/exclude/0"),
        ({"query": "x", "neighbours": {"before": 21}}, "invalid_query", "/neighbours/before"),
        ({"query": "x", "owner": "a b"}, "invalid_owner", "/owner"),
        ({"query": "x", "thread": ".."}, "invalid_thread", "/thread"),
        ({"query": "x", "filter": {"colour": "red"}}, "invalid_filter", "/filter/colour"),
        ({"query": "x", "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_question_that_means_nothing_is_refused_by_name(
    service: Running, body: dict[str, Any], code: str, path: str
) -> None:
    refused = service.ask("POST", "/v1/memories/desk/recall", body)
    assert (refused["status"], refused["code"], refused["errors"][0]["path"]) == (400, code, path)


def test_recall_that_is_switched_off_says_so_and_context_does_without(service: Running) -> None:
    service.ask("POST", "/v1/memories/mute/threads/t/messages", "hello")
    assert service.ask("POST", "/v1/memories/mute/recall", {"query": "x"})["code"] == "recall_disabled"
    context = service.ask("GET", "/v1/memories/mute/threads/t/context?query=hello")
    assert context["semantic_search"] == [] and context["semantic_search_reason"]


def test_a_context_has_the_references_of_the_seed(service: Running) -> None:
    context = service.ask("GET", "/v1/memories/desk/threads/travel/context?query=invoice%20number&consistency=strong")
    thread = context["current_thread"]
    assert (thread["thread_id"], len(thread["messages"])) == ("travel", 2)
    assert set(thread["metadata"]) == {"created_at", "updated_at"}
    assert [message["content"] for message in context["last_messages"]][-1] == "Have a good flight."
    best = context["semantic_search"][0]
    assert best["content"] == "My invoice number is ACC-12345."
    assert best["metadata"]["thread_id"] == "billing" and 0 <= best["similarity"] <= 1
    assert context["working_memory"]["content"] == "<user/>"
    posted = service.ask("POST", "/v1/memories/desk/threads/travel/context", {"query": "invoice number"})
    assert [hit["id"] for hit in posted["semantic_search"]] == [hit["id"] for hit in context["semantic_search"]]


def test_a_context_keeps_to_its_budget(service: Running) -> None:
    path = "/v1/memories/desk/threads/travel/context"
    full = service.ask("POST", path, {"query": "invoice"})
    assert full["tokens"] > 12
    small = service.ask("POST", path, {"query": "invoice", "budget": 12})
    assert small["tokens"] <= 12


def test_the_context_of_an_absent_thread_is_empty(service: Running) -> None:
    context = service.ask("GET", "/v1/memories/desk/threads/nobody/context")
    assert context["current_thread"] == {
        "thread_id": "nobody", "messages": [], "metadata": {"created_at": None, "updated_at": None},
    }  # fmt: skip
    assert (context["last_messages"], context["semantic_search"]) == ([], [])


def test_an_expired_or_deleted_message_is_not_recalled_from_that_instant(service: Running) -> None:
    appended = service.ask(
        "POST", "/v1/memories/desk/threads/brief/messages", {"content": "The password of the safe is swordfish."}
    )
    question: dict[str, Any] = {"query": "password of the safe", "scope": "memory", "threshold": 0.3}
    assert recall(service, **question)["hits"]
    service.ask("DELETE", f"/v1/memories/desk/threads/brief/messages/{appended['ids'][0]}")
    eventual = service.ask("POST", "/v1/memories/desk/recall", question)
    assert not any("swordfish" in text for text in texts(eventual))


def test_an_audit_that_is_asked_for_finds_history_and_vectors_in_step(service: Running) -> None:
    until(lambda: service.ask("GET", "/v1/memories/desk/stats")["outbox"]["depth"] == 0, 30)
    found = service.ask("POST", "/v1/memories/desk/audit")
    stats = service.ask("GET", "/v1/memories/desk/stats")
    assert (found["threads"], found["points"]) == (stats["threads"], stats["messages"])
    assert (found["orphans"], found["missing"], found["repaired"]) == (0, 0, 0)
    assert 0 < found["seconds"] < 10
