"""Search by words without an index: what recall falls back to while the vector store or the worker is away. Pure.

The indexed search stems words and knows stop words; this one only folds case, so it finds less, over few messages.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

K = 1.2
B = 0.75

_WORD = re.compile(r"\w+")
_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""Scripts that put no spaces between words: each pair of their characters counts as a word."""


def scan(question: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """(position, BM25 score) of the texts that share a word with the question, best first, then the later one."""
    asked = set(words(question))
    counts = [Counter(words(text)) for text in texts]
    average = sum(counter.total() for counter in counts) / len(counts) if counts else 0.0
    weights = {word: _rarity(sum(word in counter for counter in counts), len(counts)) for word in asked}
    scored = [(position, _score(counter, weights, average)) for position, counter in enumerate(counts)]
    return sorted(((at, score) for at, score in scored if score > 0.0), key=lambda pair: (-pair[1], -pair[0]))


def spaced(text: str) -> str:
    """The text for an indexer that splits words at spaces: pairs of characters where a script has none."""
    return _RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", text)


def words(text: str) -> Iterator[str]:
    """Words of a text in folded case; pairs of characters where a script has no spaces."""
    yield from _WORD.findall(spaced(text.casefold()))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def _rarity(having: int, total: int) -> float:
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def _score(counter: Counter[str], weights: dict[str, float], average: float) -> float:
    length = counter.total()
    score = 0.0
    for word, weight in weights.items():
        if times := counter.get(word, 0):
            score += weight * times * (K + 1) / (times + K * (1 - B + B * length / average))
    return score
