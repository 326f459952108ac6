"""The five conversation operations as flow engines write them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem


async def act(api: Api, operation: str, **body: Any) -> Any:
    """Run one action; its answer."""
    answer = await api.ask("POST", "actions", {"operation": operation, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_conversation_is_created_once_for_the_same_settings(api: Api) -> None:
    settings = {"conversationId": "c", "conversationType": "AGENT", "maxMessages": 20}
    assert await act(api, "CREATE_CONVERSATION", **settings) == {"memoryConversationId": "c"}
    assert await act(api, "CREATE_CONVERSATION", **settings) == {"memoryConversationId": "c"}
    facts = await api.facts("c")
    assert (facts["type"], facts["max_messages"]) == ("AGENT", 20)


async def test_other_settings_conflict_unless_an_update_is_asked_for(api: Api) -> None:
    await act(api, "CREATE_CONVERSATION", conversationId="c", maxMessages=20)
    other = {"operation": "CREATE_CONVERSATION", "conversationId": "c", "maxMessages": 30}
    refused = problem(await api.ask("POST", "actions", other), 409, "settings_conflict")
    assert "update: true" in refused["detail"]
    await act(api, "CREATE_CONVERSATION", conversationId="c", maxMessages=30, update=True)
    assert (await api.facts("c"))["max_messages"] == 30


async def test_the_customer_support_chat_of_the_seed(api: Api) -> None:
    variables = {"sessionId": "s-1", "customerMessage": "I need help with my billing"}
    stored = await act(
        api,
        "STORE_MESSAGE",
        conversationId="{sessionId}",
        role="user",
        content="{customerMessage}",
        variables=variables,
    )
    assert stored == {"appended": 1, "total": 1, "version": 1}
    await act(
        api, "STORE_MESSAGE", conversationId="{sessionId}", role="assistant", content="{aiResponse}",
        variables=variables | {"aiResponse": "I'd be happy to help. Can you share your account number?"},
    )  # fmt: skip
    await act(api, "STORE_MESSAGE", conversationId="s-1", role="user", content="It's ACC-12345")
    history = await act(api, "READ_HISTORY", conversationId="{sessionId}", limit=20, variables=variables)
    assert history == {
        "memoryHistory": [
            {"role": "user", "content": "I need help with my billing"},
            {"role": "assistant", "content": "I'd be happy to help. Can you share your account number?"},
            {"role": "user", "content": "It's ACC-12345"},
        ]
    }


async def test_a_pre_loaded_profile_stays_outside_the_window(api: Api) -> None:
    profile = {"name": "Ada", "plan": "Pro", "recentIssueCount": 2, "status": "active"}
    await act(api, "CREATE_CONVERSATION", conversationId="c", maxMessages=2)
    await act(
        api, "STORE_MESSAGE", conversationId="c", role="system", variables={"customerProfile": profile},
        content="Customer Profile: Name={customerProfile.name}, Plan={customerProfile.plan},\n"
        "Recent Issues={customerProfile.recentIssueCount}, Account Status={customerProfile.status}",
    )  # fmt: skip
    for number in range(4):
        await act(api, "STORE_MESSAGE", conversationId="c", content=f"m{number}")
    history = await act(api, "READ_HISTORY", conversationId="c")
    assert [line["content"] for line in history["memoryHistory"]] == [
        "Customer Profile: Name=Ada, Plan=Pro,\nRecent Issues=2, Account Status=active", "m2", "m3",
    ]  # fmt: skip


async def test_history_is_the_most_recent_oldest_first_and_empty_for_an_unknown_id(api: Api) -> None:
    await api.append("c", "a", "b", "c")
    history = await act(api, "READ_HISTORY", conversationId="c", limit=2)
    assert [line["content"] for line in history["memoryHistory"]] == ["b", "c"]
    assert await act(api, "READ_HISTORY", conversationId="nobody") == {"memoryHistory": []}


async def test_history_can_be_read_further_back_with_times_and_metadata(api: Api) -> None:
    await act(api, "STORE_MESSAGE", conversationId="c", content="first", metadata={"n": 1})
    await api.append("c", "second", "third")
    newest = await act(api, "READ_HISTORY", conversationId="c", limit=2, includeMetadata=True)
    second, third = newest["memoryHistory"]
    older = await act(api, "READ_HISTORY", conversationId="c", before=second["id"], includeMetadata=True)
    (first,) = older["memoryHistory"]
    assert set(first) == {"role", "content", "id", "timestamp", "metadata"}
    assert (first["content"], first["metadata"], third["metadata"]) == ("first", {"n": 1}, {})
    two = await act(api, "READ_HISTORY", conversationId="c", limit=2, before=third["id"])
    assert two["memoryHistory"] == [{"role": "user", "content": "first"}, {"role": "user", "content": "second"}]


async def test_a_place_in_a_history_that_is_gone_is_no_place(api: Api) -> None:
    await api.append("c", "a")
    await act(api, "DELETE_CONVERSATION", conversationId="c")
    await api.append("c", "b")
    problem(await api.ask("POST", "actions", {
        "operation": "READ_HISTORY", "conversationId": "c", "before": "1-1",
    }), 410, "gone")  # fmt: skip


async def test_clear_keeps_the_slot_and_delete_removes_it(api: Api) -> None:
    await act(api, "CREATE_CONVERSATION", conversationId="c", maxMessages=5)
    await api.append("c", "a", "b")
    assert await act(api, "CLEAR_CONVERSATION", conversationId="c") == {"cleared": 2}
    assert (await api.facts("c"))["max_messages"] == 5
    assert await act(api, "CLEAR_CONVERSATION", conversationId="nobody") == {"cleared": 0}
    assert await act(api, "DELETE_CONVERSATION", conversationId="c") == {"deleted": True}
    assert await act(api, "DELETE_CONVERSATION", conversationId="c") == {"deleted": False}
    assert (await api.facts("c"))["exists"] is False


async def test_a_dry_run_and_an_expected_version_are_honoured(api: Api) -> None:
    version = (await api.append("c", "a"))["version"]
    assert await act(api, "CLEAR_CONVERSATION", conversationId="c", dry_run=True) == {"cleared": 1, "dry_run": True}
    stale = {"operation": "CLEAR_CONVERSATION", "conversationId": "c", "expected_version": version + 7}
    problem(await api.ask("POST", "actions", stale), 412, "version_mismatch")
    assert await api.contents("c") == ["a"]


async def test_an_action_with_a_key_is_done_once(api: Api) -> None:
    body = {"operation": "STORE_MESSAGE", "conversationId": "c", "content": "a"}
    for _ in range(2):
        answer = await api.ask("POST", "actions", body, headers={"Idempotency-Key": "k"})
    assert (answer.json(), answer.headers["idempotent-replayed"]) == ({"appended": 1, "total": 1, "version": 1}, "true")
    assert await api.contents("c") == ["a"]


@pytest.mark.parametrize(
    ("body", "code", "paths"),
    [
        ({"operation": "FORGET"}, "invalid_field", ["/operation"]),
        ({"conversationId": "c"}, "invalid_field", ["/operation"]),
        ([], "invalid_field", [""]),
        ({"operation": "STORE_MESSAGE", "conversationId": "c"}, "invalid_field", ["/content"]),
        ({"operation": "STORE_MESSAGE", "conversationId": "c", "content": "a", "x": 3}, "unknown_field", ["/x"]),
        ({"operation": "READ_HISTORY", "conversationId": "c", "limit": 0}, "invalid_field", ["/limit"]),
        ({"operation": "CREATE_CONVERSATION", "conversationId": "c", "conversationType": "TALK", "maxMessages": 0},
         "invalid_field", ["/conversationType", "/maxMessages"]),
        ({"operation": "STORE_MESSAGE", "conversationId": "{a}", "content": "{b} {c.d} {b}", "variables": {"c": 1}},
         "invalid_template", ["/conversationId", "/content", "/content"]),
        ({"operation": "CLEAR_CONVERSATION", "conversationId": "{a}", "variables": {"a": "x y"}},
         "invalid_thread", ["/conversationId"]),
        ({"operation": "STORE_MESSAGE", "conversationId": "c", "content": "{a}", "variables": {"a": None}},
         "invalid_template", ["/content"]),
    ],
)  # fmt: skip
async def test_an_action_that_means_nothing_is_refused_with_every_fault(
    api: Api, body: Any, code: str, paths: list[str]
) -> None:
    document = problem(await api.ask("POST", "actions", body), 400, code)
    assert [fault["path"] for fault in document["errors"]] == paths


async def test_a_template_cannot_be_blown_up(api: Api) -> None:
    body = {
        "operation": "STORE_MESSAGE", "conversationId": "c", "content": "{a}" * 1000, "variables": {"a": "x" * 10_000},
    }  # fmt: skip
    problem(await api.ask("POST", "actions", body), 413, "request_too_large")
