"""The commands and names of the Python layers."""

from e2e.cluster.images.python import commands, dependencies_key

ENTRY_POINTS = "[console_scripts]\nmemory-service = memory_service.__main__:main\n"


def test_a_console_script_becomes_a_file_that_needs_no_installer() -> None:
    text = commands(ENTRY_POINTS)["memory-service"]

    assert text.startswith("#!/usr/bin/python3\n")
    assert "from memory_service.__main__ import main" in text
    compile(text, "memory-service", "exec")


def test_a_wheel_without_commands_has_none() -> None:
    assert commands("[other]\n") == {}


def test_another_lock_is_another_layer() -> None:
    assert dependencies_key(b"redis==8.1\n") != dependencies_key(b"redis==8.2\n")
