"""The Python layers: locked dependencies, and the product's own wheel, both with their byte code."""

import configparser
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from e2e.cluster.images.oci import Entry, Layer, read_layer, write_layer
from e2e.cluster.progress import step
from e2e.cluster.shell import run

SITE = "usr/local/lib/python3.11/dist-packages"
PYTHON_VERSION = "3.11"
# Bump when the way a layer is made changes, so that cached ones are made again.
_RECIPE = "2"
_DROPPED_FOLDERS = {"tests", "__pycache__"}
# The model has a layer of its own.
_DROPPED_SUFFIXES = {".pyi", ".h", ".hpp", ".pxd", ".c", ".cpp", ".onnx"}


def standard_library(base: Layer, cache: Path) -> Layer:
    """Return the layer with the standard library's byte code, which Debian makes on installation only."""
    path = cache / f"{_key('stdlib', base.digest.encode())}.tar"
    if path.exists():
        return read_layer(path)
    with step("compiling the image's Python library"):
        root = unpacked(base)
        _compile(root / f"usr/lib/python{PYTHON_VERSION}", root, root)
        return write_layer((entry for entry in _entries(root) if entry.name.endswith(".pyc")), path)


def dependencies_key(lock: bytes) -> str:
    """Name the dependency layer by its lock and the machine's architecture."""
    return _key("dependencies", lock, os.uname().machine.encode())


def dependencies(lock: Path, base: Layer, cache: Path) -> Layer:
    """Return the layer of the locked requirements, for the Python of `base`."""
    path = cache / f"{dependencies_key(lock.read_bytes())}.tar"
    if path.exists():
        return read_layer(path)
    with step("installing the locked Python packages of the image"), tempfile.TemporaryDirectory(dir=cache) as scratch:
        stage = Path(scratch) / "stage"
        site = stage / SITE
        run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", site, "--only-binary", ":all:",
            "--python-version", PYTHON_VERSION, "--python-platform", f"{os.uname().machine}-manylinux_2_36",
            "--require-hashes", "--link-mode", "copy", "-r", lock)  # fmt: skip
        _prune(site)
        _compile(stage / SITE, stage, unpacked(base))
        return write_layer(_entries(stage), path)


def product(repository: Path, base: Layer, cache: Path) -> Layer:
    """Return the layer of the product itself: its wheel, unpacked, and its commands in /usr/local/bin."""
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch, cwd=repository)
        wheel = next(Path(scratch).glob("*.whl"))
        path = cache / f"{_key('product', wheel.read_bytes())}.tar"
        if path.exists():
            return read_layer(path)
        stage = Path(scratch) / "stage"
        zipfile.ZipFile(wheel).extractall(stage / SITE)
        _write_commands(stage)
        _compile(stage / SITE, stage, unpacked(base))
        return write_layer(_entries(stage), path)


def commands(entry_points: str) -> dict[str, str]:
    """Render a wheel's console scripts: name -> text of an executable that needs no installer."""
    parser = configparser.ConfigParser()
    parser.read_string(entry_points)
    scripts = parser["console_scripts"] if parser.has_section("console_scripts") else {}
    return {name: _command(*target.split(":")) for name, target in scripts.items()}


def _command(module: str, function: str) -> str:
    return f"#!/usr/bin/python3\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"


def _write_commands(stage: Path) -> None:
    entry_points = next((stage / SITE).glob("*.dist-info/entry_points.txt"))
    folder = stage / "usr/local/bin"
    folder.mkdir(parents=True)
    for name, text in commands(entry_points.read_text()).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def _prune(site: Path) -> None:
    """Leave out what no program imports: test suites, headers, stubs, other projects' commands."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for folder, names, files in os.walk(site):
        for name in _DROPPED_FOLDERS.intersection(names):
            shutil.rmtree(Path(folder) / name)
            names.remove(name)
        for name in files:
            if Path(name).suffix in _DROPPED_SUFFIXES:
                (Path(folder) / name).unlink()


def unpacked(base: Layer) -> Path:
    """Return the base layer as a folder beside it, unpacked once."""
    root = base.path.with_suffix(".root")
    if not root.exists():
        with tempfile.TemporaryDirectory(dir=base.path.parent) as scratch:
            with tarfile.open(base.path) as tar:
                tar.extractall(Path(scratch) / "root", filter="fully_trusted")
            (Path(scratch) / "root").rename(root)
    return root


def _compile(folder: Path, stage: Path, root: Path) -> None:
    """Compile `folder`, which becomes / + its path in `stage`, with the very Python of the image.

    That Python runs from its unpacked root by that root's own loader. Byte code that is never checked against its
    source starts fastest and does not depend on file times.
    """
    loader = next(root.glob("lib64/ld-linux-*.so.2"), None) or next(root.glob("lib/ld-linux-*.so.1"))
    libraries = [str(path) for pattern in ("lib/*-linux-gnu", "usr/lib/*-linux-gnu") for path in root.glob(pattern)]
    run(loader, "--library-path", ":".join(libraries), root / f"usr/bin/python{PYTHON_VERSION}", "-m", "compileall",
        "-q", "-j", str(os.cpu_count() or 1), "--invalidation-mode", "unchecked-hash",
        "-s", stage, "-p", "/", folder, env={"PYTHONHOME": str(root / "usr"), "PATH": ""})  # fmt: skip


def _entries(stage: Path) -> Iterator[Entry]:
    for folder, _, files in os.walk(stage):
        inside = Path(folder).relative_to(stage)
        if inside.parts:
            yield Entry(f"{inside}/", mode=0o755)
        for name in files:
            path = Path(folder) / name
            yield Entry(str(inside / name), path, 0o755 if os.access(path, os.X_OK) else 0o644)


def _key(name: str, *parts: bytes) -> str:
    digest = hashlib.sha256(_RECIPE.encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"{name}-{digest.hexdigest()[:12]}"
