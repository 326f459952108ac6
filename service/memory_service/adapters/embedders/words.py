"""BM25 vectors: which words a text has, for search by words in the same collection.

Made here for both kinds of vector store, so that they agree. Words are stemmed and stop words dropped (English rules,
the engine's default); pairs of characters stand for words in scripts without spaces.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from memory_service.model.search import SparseVector
from memory_service.policies.sparse import spaced

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION: Final = "bm25-1"
"""Changes when vectors of the same text would differ, so that collections are built anew."""

AVERAGE_WORDS: Final = 32.0
"""Indexed words of a usual message, against which BM25 judges length."""


def document(text: str) -> SparseVector:
    """The vector that a message is found by; empty for a text of stop words only."""
    return _vector(_bm25().embed_document, text)


def question(text: str) -> SparseVector:
    """The vector that asks for a text's words."""
    return _vector(_bm25().embed_query, text)


def _vector(embed: Callable[[str], Any], text: str) -> SparseVector:
    vector = embed(spaced(text))
    return SparseVector(tuple(vector.indices), tuple(vector.values))


@functools.cache
def _bm25() -> Any:
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(avg_len=AVERAGE_WORDS))
