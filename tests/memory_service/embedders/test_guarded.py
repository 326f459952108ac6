"""What vectors go through before anything believes them."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from memory_service.adapters.embedders.guarded import GuardedEmbedder, VectorCache
from memory_service.errors import EmbedderUnavailable, TextRefused


class Lengths:
    """A model whose vectors tell a text's length; it remembers what it was asked."""

    name = "lengths"
    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text), 1.0] if text != "bad" else [np.nan, 1.0] for text in texts], np.float32)


def guarded(model: Lengths, *, dimensions: int = 2, most_bytes: int = 1000) -> GuardedEmbedder:
    return GuardedEmbedder(model, dimensions=dimensions, cache=VectorCache(most_bytes), clock=time.perf_counter)


async def test_equal_texts_are_embedded_once_and_every_vector_has_unit_length() -> None:
    model = Lengths()
    embedder = guarded(model)
    first = await embedder.embed(["aa", "b", "aa"])
    again = await embedder.embed(["b", "aa", "cccc"])
    assert model.asked == ["aa", "b", "cccc"]
    assert np.linalg.norm(first, axis=1) == pytest.approx([1, 1, 1])
    assert (first[0] == first[2]).all()
    assert (again[1] == first[0]).all()


async def test_the_cache_forgets_the_least_recently_used_when_it_is_full() -> None:
    model = Lengths()
    embedder = guarded(model, most_bytes=16)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        await embedder.embed([text])
    assert model.asked == ["a", "bb", "ccc", "bb"]


async def test_vectors_of_another_size_are_a_mismatch_that_names_both() -> None:
    with pytest.raises(EmbedderUnavailable, match=r"2 dimensions, vector\.dimensions says 384") as failed:
        await guarded(Lengths(), dimensions=384).embed(["a"])
    assert failed.value.reason == "DimensionsMismatch"


async def test_a_vector_that_is_not_finite_is_refused_and_not_kept() -> None:
    model = Lengths()
    embedder = guarded(model)
    for _ in range(2):
        with pytest.raises(TextRefused):
            await embedder.embed(["good", "bad"])
    assert model.asked == ["good", "bad", "good", "bad"]
