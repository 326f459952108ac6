"""The Debian layers: packages unpacked (not installed) by mmdebstrap, without what a container never reads."""

import fnmatch
import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.images.oci import Entry, Layer, read_layer, write_layer
from e2e.cluster.progress import step
from e2e.cluster.shell import run

SUITE = "bookworm"
USER = 65532
_COMMON = ("base-files", "ca-certificates", "coreutils", "dash", "netbase", "tzdata")
# Paths and all below them. Perl is there for installation scripts, which do not run here.
_DROPPED = (
    *("dev", "proc", "sys", "run", "var/cache", "var/lib/apt", "var/lib/dpkg", "lib/systemd", "usr/lib/systemd"),
    *(f"usr/share/{name}" for name in ("bug", "gcc", "gdb", "info", "lintian", "locale", "man", "perl", "perl5")),
    *("usr/bin/perl*", "usr/lib/*/perl*", "usr/lib/*/libperl*", "usr/lib/*/gconv", "usr/share/zoneinfo/right"),
)
_LEFT_OUT = re.compile("|".join(fnmatch.translate(pattern) for pattern in _DROPPED))
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_AUTHORITIES = "usr/share/ca-certificates/mozilla/"
# What the packages' own installation scripts would have written.
_WRITTEN = (
    Entry("etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nmemory:x:{USER}:{USER}::/nonexistent:/bin/sh\n".encode()),
    Entry("etc/group", f"root:x:0:\nmemory:x:{USER}:\n".encode()),
    Entry("etc/nsswitch.conf", b"hosts: files dns\n"),
    Entry("tmp/", mode=0o1777),
    Entry("run/", mode=0o755),
)


@dataclass(frozen=True)
class Rootfs:
    """One Debian root: its packages, and folders its program expects to own."""

    name: str
    packages: tuple[str, ...]
    owned: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name the layer by what goes into it."""
        recipe = repr((SUITE, self.packages, _COMMON, _DROPPED, _WRITTEN, self.owned))
        return f"{self.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


PYTHON = Rootfs("python", ("python3-minimal", "python3.11-minimal", "libpython3.11-stdlib", "libstdc++6"))
REDIS = Rootfs("redis", ("redis-server", "redis-tools"), ("data/",))


def layer(rootfs: Rootfs, cache: Path) -> Layer:
    """Return the layer, unpacking the packages when this recipe was never unpacked on this machine (6 s)."""
    path = cache / f"{rootfs.key}.tar"
    if path.exists():
        return read_layer(path)
    cache.mkdir(parents=True, exist_ok=True)
    with step(f"unpacking Debian {SUITE}: {', '.join(rootfs.packages)}"), tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.tar"
        packages = ",".join((*_COMMON, *rootfs.packages))
        run("mmdebstrap", "--quiet", "--variant=extract", f"--include={packages}", SUITE, whole, *apt_sources())
        return write_layer(_kept(whole, rootfs), path)


def apt_sources(folder: Path = Path("/etc/apt")) -> list[Path]:
    """Return the machine's own Debian sources when it runs the same suite, so that its mirror is respected."""
    candidates = (folder / "sources.list.d" / "debian.sources", folder / "sources.list")
    return [path for path in candidates if path.exists() and SUITE in path.read_text()][:1]


def dropped(name: str) -> bool:
    """Tell whether a path of the root is left out: documentation (not licences), translations, package records."""
    if name.startswith("usr/share/doc/"):
        return not name.endswith(("/", "/copyright"))
    parts = name.rstrip("/").split("/")
    return any(_LEFT_OUT.fullmatch("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))


def _kept(whole: Path, rootfs: Rootfs) -> Iterator[Entry]:
    written = {entry.name for entry in _WRITTEN} | {_BUNDLE}
    authorities: dict[str, bytes] = {}
    with tarfile.open(whole) as tar:
        for member in tar:
            entry = _entry(tar, member)
            if entry is None or dropped(entry.name) or entry.name in written:
                continue
            if entry.name.startswith(_AUTHORITIES) and isinstance(entry.content, bytes):
                authorities[entry.name] = entry.content
            yield entry
    yield from _WRITTEN
    yield Entry(_BUNDLE, _bundle(authorities.items()))
    yield from (Entry(folder, mode=0o777) for folder in rootfs.owned)


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry | None:
    """Read one member; devices, the root itself and whatever else a container gets from its runtime are None."""
    name = member.name.removeprefix("./").rstrip("/")
    if name in ("", "."):
        return None
    if member.issym():
        return Entry(name, mode=member.mode, link=member.linkname)
    if member.isdir():
        return Entry(f"{name}/", mode=member.mode)
    if member.isfile() or member.islnk():
        content = tar.extractfile(member)
        return Entry(name, content.read() if content else b"", member.mode)
    return None


def _bundle(authorities: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(content for name, content in sorted(authorities) if name.endswith(".crt"))
