"""Summaries by a chat model: what it reads, what is kept of its words, and what happens without them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stamina
from aiohttp import web

from tests.memory_service.summarizers.endpoint import ChatEndpoint, serving
from tests.memory_service.web.harness import Api, Valkey, build, entry, problem

FORCE = {"force": True, "target": 0.4}


@dataclass
class Chat:
    """A memory whose summaries a model makes, and the model."""

    api: Api
    model: ChatEndpoint

    async def flush(self, wish: dict[str, Any] | None = None) -> dict[str, Any]:
        """Flush the thread `t`; the answer."""
        answer = await self.api.ask("POST", "threads/t/flush", FORCE if wish is None else wish)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def settled(self) -> None:
        """Wait for what goes on after answers."""
        await self.api.backends.afterwards.settled()

    async def metric(self, line: str) -> bool:
        return line in (await self.api.management.get("/metrics")).text

    def read(self, call: int = -1) -> list[dict[str, Any]]:
        """What the model was given to read."""
        return [json.loads(line) for line in self.model.transcripts[call].split("\n")[1:-1]]


@pytest.fixture
async def chat(valkey: Valkey, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Chat]:
    """Ten messages are its limit, so that eight make a flush due; more options are the fixture's parameter."""
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat/apiKey").write_text("sk-test\n")
    async with serving() as model:
        summarizer = {"url": model.url, "model": "m", "secretRef": {"name": "chat"}}
        flushing = {"type": "hybrid_summary", "maxMessages": 10, "summaryTokens": 40, "summarizer": summarizer}
        options = {"flushing": flushing, **getattr(request, "param", {})}
        api = build(valkey.url, [entry(options=options)], secrets=str(tmp_path))
        with stamina.set_testing(True, attempts=1, cap=True):
            yield Chat(api, model)
        await api.close()


async def test_the_model_sums_up_what_leaves(chat: Chat) -> None:
    ids = (await chat.api.append("t", *"abcdef"))["ids"]
    chat.model.says = "They spelt."
    done = await chat.flush()
    message = (await chat.api.ask("GET", f"threads/t/messages/{done['summary']['id']}")).json()

    assert (done["actual_strategy"], done["removed"], done["kept"]) == ("hybrid_summary", 2, 5)
    assert done["summary"]["by"] == "model"
    assert message["content"] == "Summary of 2 earlier messages.\nThey spelt."
    assert message["metadata"] == {"summary_of": 2, "from": ids[1], "to": ids[2], "summary_by": "model"}
    assert [line["content"] for line in chat.read()] == ["b", "c"]
    assert (chat.model.keys, chat.model.asked[0]["max_tokens"]) == (["Bearer sk-test"], 40)
    assert (await chat.api.facts("t"))["last_flush"]["summary_by"] == "model"
    assert await chat.metric('memory_summaries_total{memory="support",outcome="ok"} 1.0')


async def test_a_summary_of_before_is_read_and_taken_in(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    await chat.flush()
    await chat.api.append("t", "g", "h")
    done = await chat.flush()

    assert chat.read()[0] == {"summary": "Summary of 2 earlier messages.\nThey talked."}
    assert done["summary"]["messages"] == 4
    assert [text for text in await chat.api.contents("t") if text.startswith("Summary")] == [done["summary"]["content"]]


@pytest.mark.parametrize(
    "answer",
    [{"status": 500}, {"status": 401}, {"status": 200, "text": "<html>"}, {"status": 200, "text": '{"choices":[]}'}],
    ids=str,
)
async def test_a_model_that_fails_is_replaced_by_a_rule_and_the_answer_says_so(
    chat: Chat, answer: dict[str, Any]
) -> None:
    await chat.api.append("t", *"abcdef")
    chat.model.script = [web.Response(**answer)]
    done = await chat.flush()

    assert (done["actual_strategy"], done["summary"]["by"], done["removed"]) == ("simple_fifo", "rules", 2)
    assert await chat.api.contents("t") == [*"cdef", done["summary"]["content"]]
    assert "First, user: a" in done["summary"]["content"]
    last = (await chat.api.facts("t"))["last_flush"]
    assert (last["strategy"], last["summary_by"]) == ("simple_fifo", "rules")
    assert await chat.metric('memory_summaries_total{memory="support",outcome="failed"} 1.0')


async def test_a_rule_never_takes_in_what_a_model_wrote(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    kept = (await chat.flush())["summary"]["content"]
    await chat.api.append("t", "g", "h")
    chat.model.script = [web.Response(status=503)]
    done = await chat.flush()

    assert kept in await chat.api.contents("t")
    assert done["summary"]["messages"] == 2


async def test_a_repeat_by_key_says_what_the_first_answer_said(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    chat.model.script = [web.Response(status=503)]
    first = await chat.api.ask("POST", "threads/t/flush", FORCE, headers={"Idempotency-Key": "k"})
    again = await chat.api.ask("POST", "threads/t/flush", FORCE, headers={"Idempotency-Key": "k"})

    assert again.json() == first.json()
    assert first.json()["actual_strategy"] == "simple_fifo"


async def test_a_missing_key_costs_the_summary_and_nothing_else(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "chat/apiKey").unlink()
    await chat.api.append("t", *"abcdef")

    assert (await chat.flush())["actual_strategy"] == "simple_fifo"
    assert chat.model.asked == []


async def test_a_long_answer_is_cut_to_the_size_of_a_summary(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    chat.model.says = "word " * 10_000
    done = await chat.flush()
    message = (await chat.api.ask("GET", f"threads/t/messages/{done['summary']['id']}")).json()

    assert message["tokens"] <= 40
    assert message["content"].endswith("…")


@pytest.mark.parametrize("chat", [{"privacy": {"redact": ["sk-[0-9]+"]}}], indirect=True)
async def test_the_models_words_are_redacted_before_they_are_stored(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    chat.model.says = "The key was sk-12345."

    assert "The key was [REDACTED]." in (await chat.flush())["summary"]["content"]


async def test_what_the_model_reads_is_redacted_by_the_patterns_of_today(chat: Chat) -> None:
    await chat.api.append("t", "a", "my key is sk-12345", *"cdef")
    options = dict(chat.api.declared.entries[0].definition["options"]) | {"privacy": {"redact": ["sk-[0-9]+"]}}
    chat.api.declared.entries[:] = [entry(options=options, generation=2)]
    chat.api.declared.version += 1
    chat.api.service.registry.refresh()
    await chat.flush()

    assert chat.read()[0]["content"] == "my key is [REDACTED]"


@pytest.mark.parametrize("chat", [{"privacy": {"excludeRoles": ["system"]}}], indirect=True)
async def test_no_model_is_asked_where_no_summary_is_kept(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    done = await chat.flush()

    assert (done["summary"], done["actual_strategy"], chat.model.asked) == (None, "hybrid_summary", [])


async def test_a_dry_run_asks_no_model(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    dry = await chat.flush(FORCE | {"dry_run": True})

    assert (dry["summary"]["by"], dry["removed"], chat.model.asked) == ("rules", 2, [])


async def test_an_append_does_not_wait_for_the_model(chat: Chat) -> None:
    chat.model.pause = 0.2
    appended = await chat.api.append("t", *"abcdefgh")
    assert "flushed" not in appended
    assert (await chat.api.facts("t"))["messages"] == 8
    await chat.settled()

    facts = await chat.api.facts("t")
    assert (facts["system_messages"], facts["last_flush"]["summary_by"]) == (1, "model")
    assert facts["messages"] - facts["system_messages"] == 5
    assert len(chat.model.asked) == 1
    assert await chat.metric('memory_evicted_messages_total{memory="support",strategy="hybrid_summary"} 3.0')


async def test_what_is_said_while_the_model_thinks_stays_and_the_model_is_asked_once(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")

    async def somebody_writes() -> None:
        await chat.api.append("t", "late")

    chat.model.before = somebody_writes
    done = await chat.flush()

    assert (done["removed"], done["summary"]["by"], len(chat.model.asked)) == (2, "model", 1)
    assert await chat.api.contents("t") == [*"adef", "late", done["summary"]["content"]]


async def test_a_thread_that_was_made_anew_meanwhile_gets_no_summary_of_the_old_one(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")

    async def somebody_deletes() -> None:
        await chat.api.ask("DELETE", "threads/t")
        await chat.api.append("t", *"uvwxyz")

    chat.model.before = somebody_deletes
    answer = await chat.api.ask("POST", "threads/t/flush", FORCE)

    # Whenever the model is asked, the thread is made anew: it was never the same long enough.
    problem(answer, 409, "busy")
    assert await chat.api.contents("t") == list("uvwxyz")


async def test_a_condition_that_no_longer_holds_is_not_met_by_waiting(chat: Chat) -> None:
    version = (await chat.api.append("t", *"abcdef"))["version"]

    async def somebody_writes() -> None:
        await chat.api.append("t", "late")

    chat.model.before = somebody_writes
    answer = await chat.api.ask("POST", "threads/t/flush", FORCE, headers={"If-Match": f'"{version}"'})

    problem(answer, 412, "version_mismatch")


async def test_of_two_flushes_at_once_one_asks_the_model_and_the_other_is_told(chat: Chat) -> None:
    await chat.api.append("t", *"abcdef")
    chat.model.pause = 0.2
    answers = await asyncio.gather(*(chat.api.ask("POST", "threads/t/flush", FORCE) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    problem(max(answers, key=lambda answer: answer.status_code), 409, "busy")
    assert len(chat.model.asked) == 1


async def test_what_a_shutdown_interrupts_is_done_at_the_next_write(chat: Chat) -> None:
    chat.model.pause = 30
    await chat.api.append("t", *"abcdefgh")
    while not chat.model.asked:
        await asyncio.sleep(0.01)
    await chat.api.backends.afterwards.close()
    assert (await chat.api.facts("t"))["messages"] == 8

    chat.model.pause = 0
    await chat.api.append("t", "i")
    await chat.settled()
    assert (await chat.api.facts("t"))["last_flush"]["summary_by"] == "model"


async def test_the_circuit_to_the_model_is_in_the_metrics(chat: Chat) -> None:
    await chat.api.service.monitor.look()
    assert await chat.metric('memory_circuit_state{component="summarizer",memory="support"} 0.0')
    chat.model.always = lambda _: web.Response(status=503)
    for number in range(3):
        await chat.api.append("t", *(f"{number}{letter}" for letter in "abc"))
        await chat.flush({"force": True, "target": 0.1})
    await chat.api.service.monitor.look()

    assert not await chat.metric('memory_circuit_state{component="summarizer",memory="support"} 0.0')
