"""What is left of Debian's packages in an image."""

from pathlib import Path

import pytest

from e2e.cluster.images import rootfs
from e2e.cluster.images.rootfs import Rootfs, apt_sources, dropped


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("usr/share/doc/libc6/copyright", False),
        ("usr/share/doc/libc6/changelog.gz", True),
        ("usr/share/locale/de/LC_MESSAGES/coreutils.mo", True),
        ("usr/share/localedata", False),
        ("usr/lib/x86_64-linux-gnu/perl/5.36.0/auto/re/re.so", True),
        ("usr/lib/x86_64-linux-gnu/libperl.so.5.36", True),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", False),
        ("usr/bin/perl", True),
        ("usr/bin/redis-server", False),
        ("dev/null", True),
        ("usr/share/zoneinfo/Europe/Berlin", False),
    ],
)
def test_licences_and_programs_stay_and_documentation_goes(name: str, gone: bool) -> None:
    assert gone is dropped(name)


def test_another_list_of_packages_is_another_layer() -> None:
    assert rootfs.PYTHON.key != Rootfs("python", ("python3-minimal",)).key


def test_the_machines_own_mirror_is_used_when_it_has_the_suite(tmp_path: Path) -> None:
    sources = tmp_path / "sources.list.d" / "debian.sources"
    sources.parent.mkdir()
    sources.write_text("Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n")

    assert apt_sources(tmp_path) == [sources]


def test_another_release_leaves_the_choice_to_mmdebstrap(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://mirror.example/debian trixie main\n")

    assert apt_sources(tmp_path) == []
