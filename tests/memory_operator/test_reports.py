"""What pods say on /loaded, and what is made of answers that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from memory_operator import reports
from memory_operator.reports import Check


def told(**memory: Any) -> reports.MemoryReport:
    return reports.parse("pod", {"pod": "pod", "definitionsHash": "abc", "memories": {"u": memory}}).memories["u"]


def test_an_answer_is_read_whole() -> None:
    document = {
        "pod": "memory-1",
        "definitionsHash": "abc",
        "memories": {
            "u": {
                "id": "support",
                "generation": 3,
                "state": "active",
                "checks": {"storage": {"status": "ok", "reason": "Ok", "message": "", "latency_ms": 0.3}},
            }
        },
    }

    report = reports.parse("memory-1", document)

    assert (report.pod, report.digest, report.error) == ("memory-1", "abc", "")
    assert report.memories["u"].generation == 3
    assert report.memories["u"].checks == {"storage": Check("ok", "Ok", "")}


@pytest.mark.parametrize("document", [None, [], {}, {"memories": []}, "text"])
def test_another_form_is_an_error_and_no_crash(document: Any) -> None:
    assert reports.parse("pod", document).error


def test_odd_parts_count_as_not_said() -> None:
    memory = told(generation="3", checks={"storage": {"status": "great"}, "vector": 5})

    assert memory.generation == -1
    assert memory.checks == {"storage": Check("failed")}


@pytest.mark.parametrize(
    ("erased", "expected"),
    [
        ({"removed": {"keys": 3}, "remaining": {"keys": 0, "points": 0}, "verified": True}, True),
        ({"remaining": 0, "verified": True}, True),
        ({"remaining": {"keys": 1, "points": 0}, "verified": True}, False),
        ({"remaining": {"keys": 0}, "verified": False}, False),
        ({"remaining": {"keys": None}, "verified": True}, False),
        ({"verified": True}, False),
        (None, False),
    ],
    ids=["all zero", "one number", "something left", "not read again", "unknown count", "no counts", "no answer"],
)
def test_erased_means_read_again_and_nothing_left(erased: Any, expected: bool) -> None:
    assert told(generation=1, erased=erased).erased is expected
