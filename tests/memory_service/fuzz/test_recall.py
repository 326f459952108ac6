"""Whatever is asked of a recall over a real vector store: it answers, and finds exactly what the filter says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_crd.memory import Filterable
from memory_service.operations import filters
from memory_service.operations.recall import RecallRequest, recall
from memory_service.operations.stored import decode

from tests.memory_service.fuzz import oddities
from tests.memory_service.fuzz.budget import run
from tests.memory_service.rig import Rig

DECLARED = {"topic": "keyword", "n": "integer", "price": "float", "ok": "bool", "at": "datetime", "a.b": "keyword"}
FIELDS = [Filterable(key, kind) for key, kind in DECLARED.items()]
WORDS = ["billing", "é", "e\u0301", "\u200b", "\x00", "", "a" * 1024, "*", "null", "5", "İ", "\U0001f600"]
NUMBERS: list[Any] = [0, 1, -1, 5, 2**53, 2**53 + 1, -(2**53), 2**62, 1.0, 0.5, -0.5, 1e15, 1e300, 5e-324, 0.1]
TIMES = ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.001Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]
OF: dict[str, list[Any]] = {
    "keyword": WORDS,
    "integer": NUMBERS,
    "float": NUMBERS,
    "bool": [True, False],
    "datetime": TIMES,
}

values = {key: st.sampled_from(OF[kind]) for key, kind in DECLARED.items()}
ranges = {
    key: st.dictionaries(
        st.sampled_from(["gte", "gt", "lte", "lt"]),
        values[key].filter(lambda value: isinstance(value, str) or abs(value) < 2**53),  # an index compares doubles
        min_size=1,
        max_size=2,
    )
    for key, kind in DECLARED.items()
    if kind in ("integer", "float", "datetime")
}
wanted = st.fixed_dictionaries(
    {},
    optional={
        **{key: each | st.lists(each, min_size=1, max_size=3) | ranges.get(key, each) for key, each in values.items()},
        "role": st.sampled_from(["user", "system", ["user", "tool"]]),
    },
).filter(lambda raw: not filters.parse(raw, FIELDS)[1])
questions = st.sampled_from(["billing", "?", "\x00", "\U0001f600" * 9, "x " * 3000, "the", "é", "SELECT *", "{{ . }}"])


def metadata(number: int) -> dict[str, Any]:
    """Metadata of the message of that number: every odd value stands in one of them, some in lists, some ill-typed."""
    made = {key: OF[kind][number % len(OF[kind])] for key, kind in DECLARED.items() if number % 5 or key == "n"}
    if number % 7 == 3:
        made = {key: [value, made.get("topic"), None] for key, value in made.items()}
    return made


@pytest.fixture
async def filled(make_rig: Any) -> Rig:
    """Thirty messages of odd metadata, indexed."""
    rig: Rig = make_rig(filterable=[{"key": key, "type": kind} for key, kind in DECLARED.items()])
    async with rig.working():
        for number in range(30):
            role = ("user", "system", "tool", "assistant")[number % 4]
            await rig.say(f"t{number % 3}", f"message {number}", role=role, metadata=metadata(number))
        await rig.indexed()
    return rig


@pytest.mark.timeout(0)
@run(40)
@given(raw=wanted, query=questions, mode=st.sampled_from(["dense", "hybrid", "keyword"]))
async def test_a_recall_finds_what_its_filter_says_and_nothing_else(
    filled: Rig, raw: dict[str, Any], query: str, mode: Any
) -> None:
    chosen, _ = filters.parse(raw, FIELDS)
    asked = RecallRequest(query, 50, "memory", owner="*", filters=tuple(chosen), mode=mode, before=0, after=0)

    answer = await recall(filled.memory, asked)

    assert not answer.degraded, answer
    found = {decode(hit.message).content for hit in answer.hits}
    right = {f"message {number}" for number in range(30) if passes(chosen, number)}
    assert found <= right, (raw, query, mode)
    assert mode == "keyword" or found == right, (raw, query, mode)


def passes(chosen: Any, number: int) -> bool:
    """Whether the message of that number passes, as it was said, without any index."""
    said = msgspec.json.decode(msgspec.json.encode(metadata(number)))
    role = ("user", "system", "tool", "assistant")[number % 4]
    return filters.matches(chosen, role=role, timestamp=0, metadata=filters.indexable(said, FIELDS))


@pytest.mark.timeout(0)
@run(25)
@given(query=oddities.texts.filter(lambda text: text.encode(errors="ignore").decode() == text), most=st.integers(1, 50))
async def test_any_question_is_answered(filled: Rig, query: str, most: int) -> None:
    answer = await recall(filled.memory, RecallRequest(f"x{query}", most, "memory", owner="*"))

    assert not answer.degraded
    assert len(answer.hits) <= most
