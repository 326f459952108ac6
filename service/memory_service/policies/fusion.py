"""How two rankings of the same messages become one, with the reasons kept. Pure.

The engine's own fusions give one number of no fixed scale; here each hit keeps both signals, a cosine that means the
same in every query, and a score from 0 to 1 that does not depend on the other hits, so refills never reorder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memory_service.model.search import Candidate, Proposals

Mode = Literal["hybrid", "dense", "keyword"]

KEYWORD_HALF = 6.0
"""The BM25 score that counts as one half: two or three uncommon words matched. Scores have no upper bound."""

KEYWORD_SHARE = 0.2
"""Weight of words against meaning in the hybrid score. bench/recall_quality.py: with more, questions in other words
lose; with less, a rare word alone no longer finds its message."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Where one ranking put a message (1 is best), and its raw score there (cosine, or BM25)."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A proposed message with its score (0..1), its cosine (0..1) where one is known, and why it was found."""

    candidate: Candidate
    score: float
    similarity: float | None
    dense: Signal | None = None
    keyword: Signal | None = None


def fuse(proposals: Proposals, *, mode: Mode, threshold: float | None) -> list[Ranked]:
    """Every proposal once, best first; those under `threshold` left out.

    The threshold holds against the cosine, in keyword mode (and where no cosine is known) against the score.
    Ties go to the newer message of the later thread, so the order is total.
    """
    dense = _signals(proposals.dense)
    keyword = _signals(proposals.keyword)
    ranked = [_rank(each, dense.get(each), keyword.get(each), mode) for each in {**dense, **keyword}]
    kept = [each for each in ranked if threshold is None or _judged(each, mode) >= threshold]
    return sorted(kept, key=_order)


def normalised(bm25: float) -> float:
    """A BM25 score on the scale 0..1: it rises with the score and never reaches 1."""
    return max(0.0, bm25) / (max(0.0, bm25) + KEYWORD_HALF)


def _signals(found: tuple[tuple[Candidate, float], ...]) -> dict[Candidate, Signal]:
    return {candidate: Signal(rank, score) for rank, (candidate, score) in enumerate(found, 1)}


def _rank(candidate: Candidate, dense: Signal | None, keyword: Signal | None, mode: Mode) -> Ranked:
    similarity = None if dense is None else min(1.0, max(0.0, dense.score))
    words = 0.0 if keyword is None else normalised(keyword.score)
    if mode == "dense":
        score = similarity or 0.0
    elif mode == "keyword" or similarity is None:
        score = words
    else:
        score = (1.0 - KEYWORD_SHARE) * similarity + KEYWORD_SHARE * words
    return Ranked(candidate, score, similarity, dense, keyword)


def _judged(ranked: Ranked, mode: Mode) -> float:
    return ranked.score if mode == "keyword" or ranked.similarity is None else ranked.similarity


def _order(ranked: Ranked) -> tuple[float, int, int]:
    return (-ranked.score, -ranked.candidate.incarnation, -ranked.candidate.seq)
