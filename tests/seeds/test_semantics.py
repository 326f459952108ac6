"""The table of what became of every operation: complete, and held by tests that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from memory_service.operations import actions
from memory_service.operations.keyed import task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/semantics.md").read_text()
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
}
CONFIGS = (task.Task, task.ReadConfig, task.ClearConfig, task.FlushConfig, task.HealthConfig, task.StatsConfig)


def test_every_test_that_it_names_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - TESTS == set()


@pytest.mark.parametrize("struct", CONFIGS, ids=lambda struct: struct.__name__)
def test_every_field_of_a_task_is_in_it(struct: type[task.Task]) -> None:
    fields = {name for name in struct.__struct_fields__ if not name.startswith("on_")}

    assert {name for name in fields if f"`{name}`" not in PAGE} == set()


def test_no_row_is_accepted_and_ignored() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]

    assert not [row for row in rows if re.search(r"accepted,? (and )?ignored|no effect", row)]


def test_every_property_of_an_action_is_in_it() -> None:
    fields = {name for each in actions.ACTIONS.values() for name in each.__struct_fields__ if name != "operation"}

    assert {name for name in {*fields, *actions.ACTIONS} if f"`{name}`" not in PAGE} == set()


def leaves(schema: dict[str, Any], path: str = "") -> set[str]:
    """Paths of the fields that hold no declared ones."""
    found: set[str] = set()
    for name, each in schema.get("properties", {}).items():
        found |= leaves(each, f"{path}{name}.") or {f"{path}{name}"}
    return found


def test_every_field_of_a_memory_json_is_in_it() -> None:
    schema = json.loads((ROOT / "tests/seeds/memory.schema.json").read_text())

    assert {path for path in leaves(schema) if f"`{path}`" not in PAGE} == set()
