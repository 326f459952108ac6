"""The local model: what its vectors are worth, and that the shape of a batch changes nothing."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from memory_service.adapters.embedders.local import LocalModel, chunks
from memory_service.errors import EmbedderUnavailable


async def test_most_questions_find_their_fact_first(model: LocalModel, facts: list[tuple[str, str]]) -> None:
    stored = await model.embed([fact for fact, _ in facts])
    asked = await model.embed([question for _, question in facts])
    ranks = [int((row > row[at]).sum()) for at, row in enumerate(asked @ stored.T)]
    assert sum(rank == 0 for rank in ranks) >= 33
    assert sum(rank < 3 for rank in ranks) >= 37


async def test_vectors_are_of_unit_length_and_in_the_order_of_the_texts(model: LocalModel) -> None:
    texts = ["short", "a somewhat longer text about rivers", "mid size text"]
    together = await model.embed(texts)
    assert together.shape == (3, 384)
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    alone = [(await model.embed([text]))[0] for text in texts]
    assert [float(a @ b) for a, b in zip(together, alone, strict=True)] == pytest.approx([1, 1, 1], abs=0.02)


async def test_texts_of_any_kind_and_length_have_a_vector(model: LocalModel) -> None:
    vectors = await model.embed(["", " ", "\x00", "词" * 3000, "word " * 5000, "🙂"])
    assert np.isfinite(vectors).all()


async def test_a_question_overtakes_a_long_batch(model: LocalModel) -> None:
    batch = asyncio.create_task(model.embed(["a long text about many different things " * 20] * 24))
    await asyncio.sleep(0.05)
    await model.embed(["a question"], urgent=True)
    assert not batch.done()
    await batch


def test_a_folder_without_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        EmbedderUnavailable, match=r"lacks model\.onnx, tokenizer\.json, model\.json: run `make model`"
    ) as failed:
        LocalModel(tmp_path)
    assert failed.value.reason == "ModelFailed"


def test_chunks_hold_every_position_once_and_stay_small() -> None:
    lengths = [3, 500, 700, 4, 5, 100, 90, 2]
    runs = list(chunks(lengths, most=512))
    assert sorted(at for run in runs for at in run) == list(range(8))
    assert all(len(run) == 1 or len(run) * max(lengths[at] for at in run) <= 512 for run in runs)
    assert list(chunks([], most=512)) == []
