"""PURE: what every child has in common: labels, pod security, placement, and the seal of what was applied."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from memory_crd import names
from memory_crd.tenant import Tenant, TenantSpec

from memory_operator.kinds import SERVICE, Kind, Manifest
from memory_operator.settings import Settings

USER: Final = 65532
"""User and group of every container: what the platform's image is built for; volumes are given to this group."""
GRACE_SECONDS: Final = 30
ANNOTATION_CONFIG: Final = f"{names.GROUP}/config-hash"
"""On a pod template: what a pod reads only once, so that a change of it rolls the pod."""


@dataclass(frozen=True)
class Context:
    """What every builder needs to know: whose object it is, what it runs on, and how the operator is set."""

    tenant: Tenant
    settings: Settings

    @property
    def namespace(self) -> str:
        return self.tenant.namespace

    @property
    def spec(self) -> TenantSpec:
        return self.tenant.spec


def child(kind: Kind, name: str, namespace: str, component: str, **body: Any) -> dict[str, Any]:
    """Return a manifest with the labels that say whose it is."""
    metadata = {"name": name, "namespace": namespace, "labels": names.labels(namespace, component)}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **body}


def digest(value: Any) -> str:
    """Return a hash of any JSON value: equal values, equal hash."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def sealed(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest with its own hash as an annotation, so that a glance tells whether it was applied."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.ANNOTATION_APPLIED_HASH: digest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def container_security() -> dict[str, Any]:
    """Return the container's part of the restricted Pod Security Standard, and a read-only root besides."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def pod(context: Context, component: str, annotations: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    """Return a pod template under the restricted profile, placed as the tenant says; `spec` has the rest."""
    secrets = [{"name": secret.name} for secret in context.spec.image_pull_secrets]
    placement = context.spec.scheduling.manifest() | ({"imagePullSecrets": secrets} if secrets else {})
    return {
        "metadata": {"labels": names.labels(context.namespace, component), "annotations": dict(annotations)},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            **placement,
            **spec,
        },
    }


def port(number: int, name: str) -> dict[str, Any]:
    """Return a container's port."""
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def service(context: Context, name: str, component: str, ports: Mapping[str, int], *, headless: bool) -> dict[str, Any]:
    """Return a Service in front of a component."""
    spec: dict[str, Any] = {
        "type": "ClusterIP",
        "selector": names.selector(context.namespace, component),
        "ports": [
            {"name": port_name, "port": number, "targetPort": port_name, "protocol": "TCP"}
            for port_name, number in ports.items()
        ],
    }
    if headless:
        spec["clusterIP"] = "None"
    return child(SERVICE, name, context.namespace, component, spec=spec)
