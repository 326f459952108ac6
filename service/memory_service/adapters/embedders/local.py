"""The model in the image: onnxruntime on one thread of its own, no network.

The GIL is free while it computes, so one thread is enough and the event loop goes on. Texts are sorted by length and
run in chunks of bounded size: padding costs as much as text, and a long batch would hold a question up, and memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from memory_service.adapters.embedders.gate import Gate
from memory_service.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_TOKENS: Final = 512
"""Padded tokens of one run: about 50 ms, and 20 MiB of intermediate values."""

NAMES: Final = ("model.onnx", "tokenizer.json", "model.json")


class LocalModel:
    """One loaded model for all memories of the process. `embed` takes questions ahead of documents."""

    def __init__(self, folder: Path) -> None:
        """Load it, which takes a third of a second. Raises EmbedderUnavailable (ModelFailed) naming what is missing."""
        missing = [name for name in NAMES if not (folder / name).is_file()]
        if missing:
            remedy = "run `make model`, or point MEMORY_MODEL at a folder that it wrote"
            raise EmbedderUnavailable(f"{folder} lacks {', '.join(missing)}: {remedy}", reason="ModelFailed")
        card = json.loads((folder / "model.json").read_text())
        self.name = str(card["name"])
        self.dimensions = int(card["dimensions"])
        self._tokenizer = _tokenizer(folder / "tokenizer.json", int(card["maxTokens"]))
        self._session = _session(folder / "model.onnx")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._gate = Gate()

    async def embed(self, texts: Sequence[str], *, urgent: bool = False) -> NDArray[np.float32]:
        """Unit vectors of shape (len(texts), dimensions), in the order given."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        loop = asyncio.get_running_loop()
        for rows in chunks([len(ids) for ids in encoded], most=CHUNK_TOKENS):
            async with self._gate.turn(urgent=urgent):
                ids = [encoded[row] for row in rows]
                vectors[rows] = await loop.run_in_executor(self._thread, self._run, ids)
        return vectors

    def _run(self, encoded: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        width = max(len(ids) for ids in encoded)
        tokens = np.zeros((len(encoded), width), np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        (hidden,) = self._session.run(None, inputs)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        unit: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def close(self) -> None:
        """Let the thread go; the model's memory goes with the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def chunks(lengths: Sequence[int], *, most: int) -> Iterator[list[int]]:
    """Positions in runs of similar length: rows times the longest row of a run is at most `most`, or it has one row."""
    run: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if run and (len(run) + 1) * lengths[row] > most:
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _tokenizer(path: Path, most: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()  # the file pads everything to 128 tokens, which makes short texts ten times as dear
    tokenizer.enable_truncation(most)
    return tokenizer


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False  # the arena never gives back what the largest batch once needed
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
