"""How images become settings of the chart, and the chart a command."""

from __future__ import annotations

import pytest

from e2e.cluster.protocol import References
from e2e.stage import chart_settings, install_command, parts


@pytest.mark.parametrize(
    "image, repository, tag, digest",
    [
        ("localhost/memory-platform:abc", "localhost/memory-platform", "abc", ""),
        ("registry.example:5000/team/image", "registry.example:5000/team/image", "", ""),
        ("registry.example:5000/team/image:1.2", "registry.example:5000/team/image", "1.2", ""),
        ("team/image@sha256:12", "team/image", "", "sha256:12"),
        ("team/image:1.2@sha256:12", "team/image", "1.2", "sha256:12"),
    ],
)
def test_an_image_is_taken_apart(image: str, repository: str, tag: str, digest: str) -> None:
    assert parts(image) == {"repository": repository, "tag": tag, "digest": digest}


def test_a_store_that_nobody_names_stays_the_charts_default() -> None:
    settings = chart_settings(References("localhost/memory-platform:abc"))

    assert settings == ("image.repository=localhost/memory-platform", "image.tag=abc", "image.digest=")


def test_settings_come_last_so_that_they_win_over_the_values() -> None:
    command = install_command(["image.tag=abc"])

    assert command[-2:] == ["--set-string", "image.tag=abc"]
    assert command.index("--values") < command.index("--set-string")
