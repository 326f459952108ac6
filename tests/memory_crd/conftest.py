"""A namespace on a real API server that knows both resources, and the words to talk to it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.config import new_client_from_config
from memory_crd import names

from e2e.cluster.controlplane import Handle

CRDS = Path(__file__).parents[2] / "crds"
NAMESPACE = "resources"
Json = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """Both resources in one namespace. Writes are strict: an unknown field is refused, as kubectl does it."""

    objects: client.CustomObjectsApi
    plane: Handle

    def create(self, manifest: Json, *, dry_run: bool = False) -> Json:
        """Create an object; ApiException (422, 400) when the server refuses it."""
        options = {"field_validation": "Strict"} | ({"dry_run": "All"} if dry_run else {})
        found: Json = self.objects.create_namespaced_custom_object(*_where(manifest["kind"]), manifest, **options)
        return found

    def replace(self, manifest: Json) -> Json:
        """Update an object that was read before."""
        where = (*_where(manifest["kind"]), manifest["metadata"]["name"])
        found: Json = self.objects.replace_namespaced_custom_object(*where, manifest, field_validation="Strict")
        return found

    def get(self, kind: str, name: str) -> Json:
        """The object as it is stored."""
        found: Json = self.objects.get_namespaced_custom_object(*_where(kind), name)
        return found

    def patch_status(self, kind: str, name: str, status: Json) -> Json:
        """Merge into the status subresource."""
        patch = {"status": status}
        found: Json = self.objects.patch_namespaced_custom_object_status(*_where(kind), name, patch)
        return found

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self.objects.delete_namespaced_custom_object(*_where(kind), name)

    def refusal(self, manifest: Json) -> str:
        """The words with which the server refuses to create an object."""
        with pytest.raises(client.ApiException) as refused:
            self.create(manifest, dry_run=True)
        message: str = json.loads(refused.value.body)["message"]
        return message

    def kubectl(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl in the namespace; its verdict is in the return code."""
        command = [str(self.plane.kubectl), "--kubeconfig", str(self.plane.kubeconfig), "-n", NAMESPACE, *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


def _where(kind: str) -> tuple[str, str, str, str]:
    plural = {names.MEMORY_KIND: names.MEMORY_PLURAL, names.TENANT_KIND: names.TENANT_PLURAL}[kind]
    return names.GROUP, names.VERSION, NAMESPACE, plural


@pytest.fixture(scope="session")
def api(control_plane: Handle) -> Iterator[Api]:
    """Both resources, established, on a real API server."""
    with new_client_from_config(config_file=str(control_plane.kubeconfig)) as connection:
        client.CoreV1Api(connection).create_namespace({"metadata": {"name": NAMESPACE}})
        found = Api(client.CustomObjectsApi(connection), control_plane)
        applied = found.kubectl("apply", "--server-side", "-f", str(CRDS))
        assert applied.returncode == 0, applied.stderr
        ready = found.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        assert ready.returncode == 0, ready.stderr
        _wait_served(found)
        yield found


def _wait_served(api: Api) -> None:
    # Established comes before every path answers: ask until it does.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if all(api.kubectl("get", plural).returncode == 0 for plural in (names.MEMORY_PLURAL, names.TENANT_PLURAL)):
            return
    raise AssertionError("the API server does not serve the resources")
