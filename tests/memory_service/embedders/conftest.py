import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_service.adapters.embedders.local import LocalModel

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def model_folder() -> Path:
    folder = ROOT / ".cache/model/current"
    if not (folder / "model.json").exists():
        pytest.skip("the local model is not built: run `make model`")
    return folder


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Iterator[LocalModel]:
    loaded = LocalModel(model_folder)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def facts() -> list[tuple[str, str]]:
    """Forty facts, each with a question that asks for it in other words."""
    text = (Path(__file__).parents[1] / "recall/facts.json").read_text()
    return [(fact, question) for fact, question in json.loads(text)]
