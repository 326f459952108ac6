"""A few reads from an API server over HTTPS, without starting kubectl (which costs 0.2 s of CPU a call)."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.errors import ClusterError

Dial = Callable[[str, int], socket.socket]


def dial_directly(host: str, port: int) -> socket.socket:
    """Connect from the network this process is in."""
    return socket.create_connection((host, port), timeout=5)


@dataclass(frozen=True)
class ApiServer:
    """The API server of a node, as its administrator."""

    pki: Path
    port: int
    dial: Dial = dial_directly

    def get(self, path: str) -> Any:
        """Return the parsed answer (text for the health endpoints); OSError when there is none, or a status >= 400."""
        raw = self.dial("127.0.0.1", self.port)
        with raw, self._tls().wrap_socket(raw, server_hostname="127.0.0.1") as secured:
            return _get(secured, path)

    def ready(self) -> bool:
        """Tell whether the API server serves."""
        try:
            return bool(self.get("/readyz") == "ok")
        except OSError:
            return False

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        return context


def _get(connected: socket.socket, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1")
    connection.sock = connected
    connection.request("GET", path, headers={"Accept": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 400:
        raise OSError(f"GET {path}: {answer.status}")
    return json.loads(body) if answer.headers.get_content_type() == "application/json" else body.decode()


def plain_get(dial: Dial, host: str, port: int, path: str) -> Any:
    """GET over plain HTTP from wherever `dial` reaches; OSError as in ApiServer.get."""
    with dial(host, port) as connected:
        return _get(connected, path)


def wait_until(what: str, holds: Callable[[], bool], seconds: float, hint: Callable[[], str] = lambda: "") -> None:
    """Ask again every 50 ms; ClusterError that names `what` and quotes `hint` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:.0f} s. {hint()}".strip())
        time.sleep(0.05)
