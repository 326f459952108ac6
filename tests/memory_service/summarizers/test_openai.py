"""A chat model by the OpenAI protocol: what it is asked, and what becomes of what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import stamina
from aiohttp import web
from memory_service.adapters.credentials import KeyMissing
from memory_service.adapters.summarizers.openai import ANSWER_BYTES, OpenAiSummarizer
from memory_service.errors import SummaryFailed

from tests.memory_service.summarizers.endpoint import ChatEndpoint, completion, serving


@pytest.fixture
async def endpoint() -> AsyncIterator[ChatEndpoint]:
    async with serving() as endpoint:
        yield endpoint


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def summarizer(session: aiohttp.ClientSession, url: str, *, deadline: float = 5.0) -> OpenAiSummarizer:
    return OpenAiSummarizer(lambda: session, url=url, model="m", api_key=lambda: "sk-test", deadline=deadline)


async def test_the_model_is_asked_once_with_instructions_text_and_a_bound(
    endpoint: ChatEndpoint, session: aiohttp.ClientSession
) -> None:
    endpoint.says = "  Ada's order is late.\n"

    assert await summarizer(session, endpoint.url).complete("Sum up.", "text", tokens=50) == "Ada's order is late."
    assert endpoint.asked == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "Sum up."}, {"role": "user", "content": "text"}],
            "max_tokens": 50,
            "stream": False,
        }
    ]
    assert endpoint.keys == ["Bearer sk-test"]


async def test_overload_is_tried_again(endpoint: ChatEndpoint, session: aiohttp.ClientSession) -> None:
    endpoint.script = [web.Response(status=429, headers={"Retry-After": "0.01"}), web.Response(status=500)]
    with stamina.set_testing(True, attempts=3, cap=True):
        assert await summarizer(session, endpoint.url).complete("i", "t", tokens=5) == "They talked."
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 401, "text": "wrong key"}, "Unauthorized"),
        ({"status": 400, "text": "too long"}, "Refused"),
        ({"status": 404, "text": "no such model"}, "ModelFailed"),
        ({"status": 307, "headers": {"Location": "/v1/chat/completions"}}, "ModelFailed"),
        ({"status": 200, "text": "<html>"}, "ModelFailed"),
        ({"status": 200, "body": b'{"choices": [{"message": {"content": "\xff"}}]}'}, "ModelFailed"),
        ({"status": 200, "text": '{"choices": []}'}, "ModelFailed"),
        ({"status": 200, "text": '{"choices": [{"message": {"content": null}}]}'}, "ModelFailed"),
        ({"status": 200, "text": '{"choices": [{"message": {"content": ["a"]}}]}'}, "ModelFailed"),
        ({"status": 200, "text": '{"error": "none"}'}, "ModelFailed"),
        ({"status": 200, "body": b"x" * (ANSWER_BYTES + 1)}, "ModelFailed"),
    ],
    ids=str,
)
async def test_what_is_no_answer_is_told_apart_and_not_asked_for_again(
    endpoint: ChatEndpoint, session: aiohttp.ClientSession, answer: dict[str, object], reason: str
) -> None:
    endpoint.script = [web.Response(**answer)]  # type: ignore[arg-type]
    with pytest.raises(SummaryFailed) as failed:
        await summarizer(session, endpoint.url).complete("i", "t", tokens=5)
    assert failed.value.reason == reason
    assert len(endpoint.asked) == 1


async def test_an_empty_answer_is_none(endpoint: ChatEndpoint, session: aiohttp.ClientSession) -> None:
    endpoint.always = lambda _: completion(" \n ")
    with pytest.raises(SummaryFailed, match="said nothing"):
        await summarizer(session, endpoint.url).complete("i", "t", tokens=5)


async def test_nobody_waits_longer_than_the_deadline(endpoint: ChatEndpoint, session: aiohttp.ClientSession) -> None:
    endpoint.pause = 5.0
    with pytest.raises(SummaryFailed) as failed:
        await summarizer(session, endpoint.url, deadline=0.2).complete("i", "t", tokens=5)
    assert failed.value.reason == "Unreachable"


async def test_an_endpoint_that_is_away_is_unreachable(session: aiohttp.ClientSession) -> None:
    with stamina.set_testing(True, attempts=2, cap=True), pytest.raises(SummaryFailed) as failed:
        await summarizer(session, "http://127.0.0.1:9/v1").complete("i", "t", tokens=5)
    assert failed.value.reason == "Unreachable"


async def test_a_key_that_is_missing_is_told_before_anything_is_sent(
    endpoint: ChatEndpoint, session: aiohttp.ClientSession
) -> None:
    def missing() -> str | None:
        raise KeyMissing("create Secret 'chat'")

    model = OpenAiSummarizer(lambda: session, url=endpoint.url, model="m", api_key=missing)
    with pytest.raises(SummaryFailed, match="create Secret 'chat'") as failed:
        await model.complete("i", "t", tokens=5)
    assert (failed.value.reason, endpoint.asked) == ("SecretMissing", [])


async def test_a_model_that_stays_silent_is_soon_not_waited_for(
    endpoint: ChatEndpoint, session: aiohttp.ClientSession
) -> None:
    endpoint.pause = 5.0
    model = summarizer(session, endpoint.url, deadline=0.4)
    for _ in range(5):
        with pytest.raises(SummaryFailed):
            await model.complete("i", "t", tokens=5)

    assert (len(endpoint.asked), model.circuit) == (3, "open")


async def test_a_model_that_refuses_is_there(endpoint: ChatEndpoint, session: aiohttp.ClientSession) -> None:
    endpoint.always = lambda _: web.Response(status=400)
    model = summarizer(session, endpoint.url)
    for _ in range(5):
        with pytest.raises(SummaryFailed):
            await model.complete("i", "t", tokens=5)

    assert (len(endpoint.asked), model.circuit) == (5, "closed")
