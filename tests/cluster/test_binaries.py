"""The names that builds of the programs get, and the Go that may make them."""

import pytest

from e2e.cluster.binaries import OLDEST_GO, content_key, parse_go_version

SOURCES = [("go.mod", b"module x"), ("cmd/node/main.go", b"package main")]


def test_the_order_of_the_files_does_not_matter() -> None:
    assert content_key(SOURCES, "go1.26.8") == content_key(reversed(SOURCES), "go1.26.8")


@pytest.mark.parametrize(
    ("sources", "version"),
    [
        pytest.param([("go.mod", b"module y"), SOURCES[1]], "go1.26.8", id="content"),
        pytest.param([("go.work", b"module x"), SOURCES[1]], "go1.26.8", id="name"),
        pytest.param([("go.modm", b"odule x"), SOURCES[1]], "go1.26.8", id="border-between-name-and-content"),
        pytest.param(SOURCES[:1], "go1.26.8", id="fewer-files"),
        pytest.param(SOURCES, "go1.26.9", id="compiler"),
    ],
)
def test_whatever_changes_a_build_changes_its_name(sources: list[tuple[str, bytes]], version: str) -> None:
    assert content_key(SOURCES, "go1.26.8") != content_key(sources, version)


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8\n", (1, 26, 8)), ("go1.24", (1, 24)), ("go1.27rc1", (1, 27)), ("devel +abc", ()), ("", ())],
)
def test_a_go_version_is_read_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert version == parse_go_version(text)


@pytest.mark.parametrize(("text", "enough"), [("go1.24.6", True), ("go1.26", True), ("go1.24.5", False), ("", False)])
def test_only_a_go_that_compiles_this_kubernetes_is_used(text: str, enough: bool) -> None:
    assert enough is (parse_go_version(text) >= OLDEST_GO)
