"""The shape of the repository: folders that are no packages, floors that are drawn, nothing of one machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = [
    path
    for path in map(Path, subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())
    if (ROOT / path).is_file()
]
STANDARD = {"secrets", "http", "types", "select", "resource", "queue", "operator", "signal", "token", "calendar"}
MACHINE = re.compile(r"/(?:work|root|home/\w+)/(?!\.)[\w.-]+/")
REGISTRY = re.compile(r"(?:index-url|goproxy|registry)\s*[=:]\s*[\"']?https?://", re.IGNORECASE)
REGISTRY_HOST = re.compile(
    r"https?://[a-z.]*(?:pypi|golang|npmjs|debian|crates|maven)[a-z.]*\.(?:org|io|com)", re.IGNORECASE
)
BINARY = {".png", ".onnx", ".whl", ".tgz"}


def contents(path: Path) -> str:
    return (ROOT / path).read_text(errors="replace")


@pytest.mark.parametrize("folder", ["operator", "service", "crds", "tests", "e2e/cluster/go"])
def test_a_folder_that_holds_packages_is_none_itself(folder: str) -> None:
    """With operator/__init__.py and the root on the path, `import functools` would die."""
    assert not (ROOT / folder / "__init__.py").exists()


def test_tests_are_no_packages() -> None:
    assert not [path for path in TRACKED if path.parts[0] == "tests" and path.name == "__init__.py"]


def test_no_module_hides_one_of_the_standard_library() -> None:
    product = [path for path in TRACKED if path.parts[0] in {"crds", "operator", "service"} and path.suffix == ".py"]

    assert not [path for path in product if path.stem in STANDARD]


def test_nothing_names_a_machine_or_a_registry_host() -> None:
    for path in TRACKED:
        if path.suffix not in BINARY and path.parts[:2] != ("tests", "seeds"):
            assert not MACHINE.search(contents(path)), path
            assert not REGISTRY.search(contents(path)), path
            assert not REGISTRY_HOST.search(contents(path)), path


def test_every_package_is_typed_and_in_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert sorted(Path(package).name for package in packages) == sorted(project["tool"]["mypy"]["packages"])
    for package in packages:
        assert (ROOT / package / "py.typed").exists()


def test_locks_carry_hashes() -> None:
    for path in TRACKED:
        if path.parts[0] == "requirements" and path.suffix == ".txt":
            pinned = re.findall(r"^[a-z0-9][^\s=]*==", contents(path), re.MULTILINE)
            assert pinned, path
            assert contents(path).count("--hash=sha256:") >= len(pinned), path


def test_python_files_stay_readable() -> None:
    """300 lines are a page to aim at, 500 a smell; beyond this a file holds two subjects."""
    long = {
        str(path): count
        for path in TRACKED
        if path.suffix == ".py" and (count := len(contents(path).splitlines())) > 700
    }

    assert not long
