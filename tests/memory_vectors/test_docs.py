"""docs/memory-vectors.md says what the code does."""

import dataclasses
from pathlib import Path

import pytest
from memory_vectors.limits import LIMITS
from memory_vectors.routes import ROUTES
from memory_vectors.upkeep import Policy

PAGE = (Path(__file__).parents[2] / "docs" / "memory-vectors.md").read_text()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_call_is_listed(route):
    assert f"`{route.method} {route.template}`" in PAGE


@pytest.mark.parametrize("limit", dataclasses.fields(LIMITS), ids=lambda field: field.name)
def test_every_limit_is_stated_with_its_value(limit):
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{limit.name}`")]
    assert len(rows) == 1
    assert rows[0].endswith(f"| {getattr(LIMITS, limit.name)} |")


def test_the_policy_of_upkeep_is_stated():
    policy = Policy()
    for fact in (
        f"{policy.idle:g} s after the last request",
        f"{policy.age:g} s old",
        f"{policy.unflushed_bytes >> 20} MiB of requests",
        f"{policy.dead_points:,} points and {policy.dead_share:.0%}".replace("%", " %"),
        f"{policy.step} at a time",
    ):
        assert fact in PAGE
