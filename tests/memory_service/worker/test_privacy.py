"""What leaves the log under options.privacy: texts for the embedder, questions, and what points hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from memory_crd.memory import Spec
from memory_service.model.search import QueryVectors
from memory_service.model.values import Guard
from memory_service.operations import history
from memory_service.operations.messages import NewMessage

from tests.memory_service.conftest import MakeRig
from tests.memory_service.rig import Rig, said

SECRET = "ann.lee@example.com"
PRIVACY = {"redact": [r"[\w.+-]+@[\w-]+\.[\w.-]+"], "excludeRoles": ["tool"]}
FILTERABLE = [{"key": "who", "type": "keyword"}]


class Listening:
    """An embedder that remembers what it was given."""

    name = "listening"

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> np.ndarray:
        self.heard += texts
        return np.eye(384, dtype=np.float32)[[len(text) % 384 for text in texts]]

    async def query(self, text: str, *, meaning: bool = True) -> QueryVectors:
        self.heard.append(text)
        return QueryVectors(reason="Unreachable", message="away")


def private(rig: Rig) -> Rig:
    """The same memory with patterns."""
    document = rig.subject.spec.document()
    document["options"]["privacy"] = PRIVACY
    spec = Spec.parse(document)
    memory = replace(rig.memory, definition=replace(rig.memory.definition, spec=spec))
    return replace(rig, subject=replace(rig.subject, spec=spec), memory=memory)


async def stored_points(rig: Rig) -> bytes:
    """Every point of the memory with its payload, as the store answers it."""
    alias = f"{rig.subject.tenant}.{rig.subject.id}"
    answer = await rig.vector_store.call(
        "POST", f"/collections/{alias}/points/scroll", {"limit": 100, "with_payload": True, "with_vector": False}
    )
    return msgspec.json.encode(answer)


async def test_neither_the_embedder_nor_a_point_gets_what_matches(make_rig: MakeRig) -> None:
    listening = Listening()
    rig = private(make_rig(embedder=listening, filterable=FILTERABLE))
    sent = [
        NewMessage(f"I am {SECRET}", metadata={"who": SECRET}),
        NewMessage(f"tool saw {SECRET}", "tool"),
    ]
    async with rig.working():
        await history.append(rig.memory, "t", sent, Guard())
        await rig.indexed()
        points = await stored_points(rig)
    assert "I am [REDACTED]" in listening.heard
    assert not any(SECRET in text or "tool saw" in text for text in listening.heard)
    assert b'"[REDACTED]"' in points
    assert SECRET.encode() not in points


async def test_a_message_older_than_the_patterns_is_redacted_before_it_leaves(make_rig: MakeRig) -> None:
    listening = Listening()
    plain = make_rig(embedder=listening, filterable=FILTERABLE)
    await plain.say("t", f"I am {SECRET}", metadata={"who": SECRET})
    rig = private(plain)
    async with rig.working():
        await rig.indexed()
        points = await stored_points(rig)
    assert "I am [REDACTED]" in listening.heard
    assert not any(SECRET in text for text in listening.heard)
    assert SECRET.encode() not in points


async def test_a_question_is_redacted_before_anybody_hears_it(make_rig: MakeRig) -> None:
    rig = private(make_rig())
    listening = Listening()
    asking = replace(rig, memory=replace(rig.memory, embedder=listening))
    async with rig.working():
        await history.append(rig.memory, "t", [NewMessage(f"mail of Ann: {SECRET}")], Guard())
        answer = await asking.ask(f"who is {SECRET}", scope="thread", thread="t", owner=None)
    assert listening.heard == ["who is [REDACTED]"]
    assert not said(answer) or SECRET not in said(answer)[0]
