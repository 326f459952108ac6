"""Tells Prometheus what to scrape (`http_sd_configs`): Debian's is built without the discovery of Kubernetes.

    python -m e2e.demo.discovery 127.0.0.1:8001       # the API server behind `kubectl proxy`

Each answer is made from the pods of that moment. Labels are those that the chart's monitors give.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from memory_crd import names

Pod = Mapping[str, Any]

JOBS: Final = {
    ("Helm", "operator", "metrics"): "memory-operator",
    (names.MANAGED_BY, names.COMPONENT_SERVICE, names.PORT_NAME_MANAGEMENT): "memory-service",
    (names.MANAGED_BY, names.COMPONENT_SERVICE, names.PORT_NAME_WORKER_METRICS): "memory-worker",
}
"""(managed-by, component, name of the port) -> job"""
SELECTOR: Final = f"{names.LABEL_NAME}={names.PART_NAME}"
PATH: Final = "/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics"


def groups(pods: Iterable[Pod], api: str) -> Iterator[dict[str, Any]]:
    """What to scrape of these pods, through the proxy of the API server at `api` (HOST:PORT)."""
    for pod in pods:
        metadata, labels = pod["metadata"], pod["metadata"].get("labels", {})
        if pod.get("status", {}).get("phase") != "Running":
            continue
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", ()):
                owner = (labels.get(names.LABEL_MANAGED_BY), labels.get(names.LABEL_COMPONENT), port.get("name"))
                if job := JOBS.get(owner):
                    yield _group(job, metadata["namespace"], metadata["name"], port["containerPort"], api)


def _group(job: str, namespace: str, pod: str, port: int, api: str) -> dict[str, Any]:
    path = PATH.format(namespace=namespace, pod=pod, port=port)
    labels = {"job": job, "namespace": namespace, "pod": pod, "instance": f"{pod}:{port}", "__metrics_path__": path}
    return {"targets": [api], "labels": labels}


def serve(api: str) -> HTTPServer:
    """A server on a free port of loopback; 502 while the API server does not answer, so that old targets stay."""

    class Discovery(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                with urlopen(f"http://{api}/api/v1/pods?labelSelector={SELECTOR}", timeout=5) as answer:
                    found = list(groups(json.load(answer)["items"], api))
            except (URLError, TimeoutError, ValueError):
                self.send_error(502)
                return
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: it is asked every second."""

    return HTTPServer(("127.0.0.1", 0), Discovery)


if __name__ == "__main__":
    server = serve(sys.argv[1])
    print(f"targets at http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
