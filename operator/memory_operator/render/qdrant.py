"""PURE: Qdrant (or `memory-vectors` in its place): its workload and its Service."""

from typing import Any, Final

from memory_crd import names

from memory_operator.credentials import Credentials, sha256
from memory_operator.observed import Inventory
from memory_operator.render.metadata import ANNOTATION_CONFIG, Context, container_security, pod, port, service
from memory_operator.render.stores import claim, data_volume, stateful_set
from memory_operator.stores import Store

STORAGE_PATH: Final = "/qdrant/storage"
SCRATCH_PATH: Final = "/qdrant/snapshots"


def workload(context: Context, store: Store, inventory: Inventory, credentials: Credentials) -> dict[str, Any]:
    """Return the StatefulSet; a change of the key rolls its pod, because Qdrant reads it once."""
    annotations = {ANNOTATION_CONFIG: sha256(credentials[names.KEY_QDRANT_API_KEY])}
    volumes = [{"name": "scratch", "emptyDir": {}}, *data_volume(store)]
    template = pod(context, store.component, annotations, containers=[_container(context)], volumes=volumes)
    return stateful_set(context, store, template, claim(context, store, context.spec.qdrant.storage, inventory))


def _environment() -> list[dict[str, Any]]:
    plain = {
        "QDRANT__SERVICE__HOST": "0.0.0.0",
        "QDRANT__SERVICE__HTTP_PORT": str(names.PORT_QDRANT),
        "QDRANT__STORAGE__STORAGE_PATH": STORAGE_PATH,
        "QDRANT__STORAGE__SNAPSHOTS_PATH": SCRATCH_PATH,
        "QDRANT__TELEMETRY_DISABLED": "true",
        # The root file system is read-only, and Qdrant notes there that it started.
        "QDRANT_INIT_FILE_PATH": f"{SCRATCH_PATH}/.qdrant-initialized",
    }
    key = {"secretKeyRef": {"name": names.CREDENTIALS, "key": names.KEY_QDRANT_API_KEY}}
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        {"name": "QDRANT__SERVICE__API_KEY", "valueFrom": key},
    ]


def _container(context: Context) -> dict[str, Any]:
    tenant, settings = context.spec.qdrant, context.settings
    ready = {"httpGet": {"path": "/readyz", "port": names.PORT_NAME_QDRANT}, "timeoutSeconds": 3}
    live = {"httpGet": {"path": "/livez", "port": names.PORT_NAME_QDRANT}, "timeoutSeconds": 3}
    return {
        "name": "qdrant",
        "image": tenant.image or settings.qdrant_image,
        "imagePullPolicy": settings.image_pull_policy,
        "env": _environment(),
        "ports": [port(names.PORT_QDRANT, names.PORT_NAME_QDRANT)],
        "resources": tenant.resources.manifest(),
        "securityContext": container_security(),
        # Recovering many collections takes minutes; an hour of patience, asked every second.
        "startupProbe": {**ready, "periodSeconds": 1, "failureThreshold": 3600},
        "readinessProbe": {**ready, "periodSeconds": 10, "failureThreshold": 2},
        "livenessProbe": {**live, "periodSeconds": 20, "failureThreshold": 3},
        "volumeMounts": [
            {"name": names.VOLUME_CLAIM, "mountPath": STORAGE_PATH},
            {"name": "scratch", "mountPath": SCRATCH_PATH},
        ],
    }


def headless_service(context: Context, store: Store) -> dict[str, Any]:
    """Return the Service that names the pod."""
    ports = {names.PORT_NAME_QDRANT: names.PORT_QDRANT}
    return service(context, store.name, store.component, ports, headless=True)
