"""Whether a live object still says what is desired of it."""

from __future__ import annotations

from typing import Any

import pytest
from memory_operator.containment import contains


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({}, {"emptyDir": {}}),
        ({"egress": None}, {"egress": []}),
        ({"cpu": "1"}, {"cpu": "1000m"}),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}),
        (
            {"containers": [{"name": "sidecar"}, {"name": "main", "image": "x", "tty": False}]},
            {"containers": [{"name": "main", "image": "x"}]},
        ),
        ({"ports": [{"port": 1, "protocol": "TCP"}]}, {"ports": [{"port": 1}]}),
    ],
    ids=[
        "more keys",
        "more keys inside",
        "empty map for none",
        "empty list for null",
        "the same amount of cores",
        "the same amount of bytes",
        "an element that somebody added by name",
        "defaults inside an unnamed list",
    ],
)
def test_what_the_api_server_and_others_add_is_no_difference(live: Any, desired: Any) -> None:
    assert contains(live, desired)


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ({"a": 1}, {"a": 2}),
        ({}, {"a": 1}),
        ({"cpu": "1"}, {"cpu": "100m"}),
        ({"cpu": "much"}, {"cpu": "1"}),
        ({"containers": [{"name": "other"}]}, {"containers": [{"name": "main"}]}),
        ({"ingress": [{"from": []}, {"from": [{}]}]}, {"ingress": [{"from": []}]}),
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}),
        ("text", {"a": 1}),
        ("text", ["a"]),
    ],
    ids=[
        "another value",
        "a missing key",
        "another amount",
        "no amount at all",
        "a missing element by name",
        "one element too many in an unnamed list",
        "another order",
        "no map",
        "no list",
    ],
)
def test_what_is_gone_or_another_is_a_difference(live: Any, desired: Any) -> None:
    assert not contains(live, desired)
