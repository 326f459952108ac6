"""Folders by the XDG rules."""

from pathlib import Path

from e2e.cluster.paths import cache_home, state_home


def test_the_defaults_lie_in_the_home_folder() -> None:
    assert cache_home({"HOME": "/home/ada"}) == Path("/home/ada/.cache/memory-platform")
    assert state_home({"HOME": "/home/ada"}) == Path("/home/ada/.local/state/memory-platform")


def test_a_relative_folder_is_ignored_as_xdg_asks() -> None:
    assert cache_home({"HOME": "/home/ada", "XDG_CACHE_HOME": "here"}) == Path("/home/ada/.cache/memory-platform")
