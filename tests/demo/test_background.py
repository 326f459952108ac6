"""Processes that outlive the demo are found again, replaced and ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.cluster.errors import ClusterError
from e2e.demo.background import Background

READY = ["sh", "-c", "echo it is ready; exec sleep 60"]


def test_a_process_is_found_again_by_another_value_of_the_same_name(tmp_path: Path) -> None:
    one = Background(tmp_path, "one")
    one.start(["sleep", "60"])

    assert Background(tmp_path, "one").pid() == one.pid() is not None
    one.stop()
    assert one.pid() is None


def test_starting_again_ends_the_one_that_runs(tmp_path: Path) -> None:
    one = Background(tmp_path, "one")
    one.start(["sleep", "60"])
    first = one.pid()
    one.start(["sleep", "60"])

    assert one.pid() != first
    one.stop()
    one.stop()


def test_waiting_ends_with_the_line_that_was_waited_for(tmp_path: Path) -> None:
    one = Background(tmp_path, "one")
    one.start(READY)

    assert one.waits_for("ready") == "it is ready"
    one.stop()


def test_a_process_that_ends_too_early_is_quoted(tmp_path: Path) -> None:
    one = Background(tmp_path, "one")
    one.start(["sh", "-c", "echo no such file >&2; exit 1"])

    with pytest.raises(ClusterError, match="no such file"):
        one.waits_for("ready")


def test_a_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    one = Background(tmp_path, "one")
    one.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    one.waits_for("ready")

    one.stop(within=0.2)

    assert one.pid() is None


def test_a_number_that_another_process_has_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one.pid").write_text(f"{os.getpid()} 1\n")
    one = Background(tmp_path, "one")

    one.stop()

    assert one.pid() is None
