"""What a tenant gets, written out: a review reads the difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.memory_operator.rendering import EXAMPLES, of_example, rendered


class Plain(yaml.SafeDumper):
    """Writes equal parts out each time instead of pointing at the first."""

    def ignore_aliases(self, data: object) -> bool:
        return True


GOLDEN = Path(__file__).parents[2] / "golden" / "operator"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_rendering_of_an_example_changes_only_on_purpose(name: str) -> None:
    """`make golden` writes the files."""
    golden = GOLDEN / f"{name}.yaml"
    text = yaml.dump_all(rendered(of_example(name)), Dumper=Plain, sort_keys=False, width=140)
    if os.environ.get("MEMORY_GOLDEN") == "write":
        golden.write_text(text)

    assert text == golden.read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_tenant_renders_to_the_same_bytes(name: str) -> None:
    assert yaml.safe_dump_all(rendered(of_example(name))) == yaml.safe_dump_all(rendered(of_example(name)))
