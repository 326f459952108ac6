"""A real Prometheus beside the demo: Debian's, unpacked (never installed), scraping through the API server's proxy.

`kubectl proxy` opens the API server on loopback, `discovery` lists what to scrape behind it. So the same works on every
cluster that kubectl reaches, without credentials in a file, and nothing of the demo's has to run inside the cluster.
"""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import cache_home
from e2e.cluster.shell import run
from e2e.demo.background import Background

PORT: Final = 9090
SCRAPE_SECONDS: Final = 1
RATE_INTERVAL: Final = f"{8 * SCRAPE_SECONDS}s"
"""What Grafana would put for $__rate_interval: at least four scrapes."""

Labels = Mapping[str, str]


def program(environ: Mapping[str, str]) -> Path:
    """The prometheus command: the machine's, else Debian's package unpacked into the cache.

    Raises ClusterError where neither is possible.
    """
    if found := shutil.which("prometheus"):
        return Path(found)
    folder = cache_home(environ) / "prometheus"
    unpacked = folder / "usr" / "bin" / "prometheus"
    if not unpacked.exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise ClusterError("Prometheus is needed: put a `prometheus` on the PATH (2.42 or newer) and try again")
        _unpack(folder)
    return unpacked


def _unpack(folder: Path) -> None:
    """Fetch the package and unpack it beside the system: installing would start a daemon."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        run("apt-get", "download", "prometheus", cwd=folder)
    except ClusterError:
        run("apt-get", "update", "-qq")
        run("apt-get", "download", "prometheus", cwd=folder)
    (package,) = folder.glob("prometheus_*.deb")
    run("dpkg-deb", "--extract", package, folder)
    package.unlink()


def config(targets: str) -> dict[str, Any]:
    """Scrape what the URL `targets` lists, every second."""
    return {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [{"job_name": "memory", "http_sd_configs": [{"url": targets, "refresh_interval": "1s"}]}],
    }


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    url: str

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """Every series of an instant query with its value. ClusterError with Prometheus' own words for a bad one."""
        found = self._ask("query", query=expression)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in found["result"]]

    def range(
        self, expression: str, seconds: float, steps: int = 120
    ) -> list[tuple[Labels, list[tuple[float, float]]]]:
        """Every series over the last `seconds`, as (unix time, value) points."""
        now = time.time()
        step = max(seconds / steps, 1)
        found = self._ask("query_range", query=expression, start=now - seconds, end=now, step=step)
        return [
            (series["metric"], [(float(at), float(value)) for at, value in series["values"]])
            for series in found["result"]
        ]

    def down(self) -> list[str]:
        """Targets that do not answer, each with its last error."""
        targets = self._ask("targets", state="active")["activeTargets"]
        return [
            f"{each['labels']['job']} {each['labels'].get('pod', '')}: {each['lastError'] or each['health']}"
            for each in targets
            if each["health"] != "up"
        ]

    def jobs_up(self) -> set[str]:
        """Jobs of which every target answers."""
        return {labels["job"] for labels, value in self.query("min by (job) (up)") if value == 1}

    def _ask(self, what: str, **parameters: object) -> Any:
        answer = httpx2.get(f"{self.url}/api/v1/{what}", params={k: str(v) for k, v in parameters.items()}, timeout=10)
        body = answer.json()
        if body["status"] != "success":
            raise ClusterError(f"Prometheus refused {parameters}: {body['error']}")
        return body["data"]


def start(folder: Path, environ: Mapping[str, str]) -> Prometheus:
    """Start all three processes anew and wait until Prometheus answers; the data of an earlier run is dropped."""
    binary = program(environ)
    stop(folder)
    proxy = Background(folder, "kubectl")
    proxy.start([shutil.which("kubectl") or "kubectl", "proxy", "--port=0"])
    api = proxy.waits_for("Starting to serve on").split()[-1]
    discovery = Background(folder, "discovery")
    discovery.start([sys.executable, "-m", "e2e.demo.discovery", api])
    targets = discovery.waits_for("targets at").split()[-1]

    server = Background(folder, "prometheus")
    settings = folder / "prometheus.yml"
    settings.write_text(yaml.safe_dump(config(targets), sort_keys=False))
    address = f"127.0.0.1:{_free_port()}"
    server.start(
        [
            binary,
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ]
    )
    server.waits_for("Server is ready to receive web requests")
    url = f"http://{address}"
    (folder / "url").write_text(url)
    return Prometheus(url)


def running(folder: Path) -> Prometheus:
    """The one that `start` started. ClusterError when there is none."""
    if Background(folder, "prometheus").pid() is None:
        raise ClusterError("no Prometheus of the demo is running: `make demo` starts one")
    return Prometheus((folder / "url").read_text())


def stop(folder: Path) -> None:
    """End all three processes and drop their data."""
    for name in ("prometheus", "discovery", "kubectl"):
        Background(folder, name).stop()
    shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    """Prometheus' usual port if it is free, else any."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ClusterError("no free port on 127.0.0.1")
