"""PURE: the memory service: its Deployment of service and worker containers, its Service and its ServiceAccount."""

from typing import Any, Final, NamedTuple

from memory_crd import names
from memory_crd.references import SecretRef

from memory_operator.credentials import Credentials, sha256
from memory_operator.kinds import DEPLOYMENT, SERVICE_ACCOUNT
from memory_operator.render.metadata import (
    ANNOTATION_CONFIG,
    Context,
    child,
    container_security,
    digest,
    pod,
    port,
    service,
)
from memory_operator.roster import Roster

_STORE_URLS: Final = {
    "MEMORY_REDIS": f"redis://{names.REDIS}:{names.PORT_REDIS}",
    "MEMORY_REDIS_EPHEMERAL": f"redis://{names.REDIS_EPHEMERAL}:{names.PORT_REDIS}",
    "MEMORY_QDRANT": f"http://{names.QDRANT}:{names.PORT_QDRANT}",
    "MEMORY_QDRANT_EPHEMERAL": f"http://{names.QDRANT_EPHEMERAL}:{names.PORT_QDRANT}",
}
"""Always all four, whichever stores there are: so a first in-memory Memory, or a first durable one, rolls no pod."""
_CREDENTIAL_FILES: Final = {
    names.KEY_REDIS_SERVICE_PASSWORD: "redis-password",
    names.KEY_QDRANT_API_KEY: "qdrant-api-key",
    names.KEY_SERVICE_API_KEY_SHA256: "api-key-sha256",
}
_STORE_KEYS: Final = (names.KEY_REDIS_SERVICE_PASSWORD, names.KEY_QDRANT_API_KEY)


class UserSecret(NamedTuple):
    """A Secret of the tenant team, mounted whole when it exists, and its folder below `/etc/memory/secrets`."""

    name: str
    folder: str


UserSecrets = tuple[UserSecret, ...]
_TEMPORARY_BYTES: Final = "64Mi"


def account(context: Context) -> dict[str, Any]:
    """Return the ServiceAccount of the pod: it has no rights, and its token is mounted nowhere."""
    return child(
        SERVICE_ACCOUNT, names.SERVICE, context.namespace, names.COMPONENT_SERVICE, automountServiceAccountToken=False
    )


def front(context: Context) -> dict[str, Any]:
    """Return the Service that applications call and that Prometheus finds."""
    ports = {names.PORT_NAME_HTTP: names.PORT_HTTP, names.PORT_NAME_MANAGEMENT: names.PORT_MANAGEMENT}
    return service(context, names.SERVICE, names.COMPONENT_SERVICE, ports, headless=False)


def deployment(context: Context, roster: Roster, credentials: Credentials) -> dict[str, Any]:
    """Return the Deployment. It rolls for a new image or a new Secret, never for a definition."""
    secrets = user_secrets(roster)
    template = pod(
        context,
        names.COMPONENT_SERVICE,
        {ANNOTATION_CONFIG: digest([sha256(credentials[key]) for key in _STORE_KEYS])},
        serviceAccountName=names.SERVICE,
        topologySpreadConstraints=[_spread(context)],
        containers=[_service(context, secrets), _worker(context, secrets)],
        volumes=_volumes(secrets),
    )
    spec = {
        "replicas": context.spec.service.replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 600,
        "selector": {"matchLabels": names.selector(context.namespace, names.COMPONENT_SERVICE)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": template,
    }
    return child(DEPLOYMENT, names.SERVICE, context.namespace, names.COMPONENT_SERVICE, spec=spec)


def user_secrets(roster: Roster) -> tuple[UserSecret, ...]:
    """Return the Secrets of the tenant team that are mounted: `memory-env`, and those that served definitions name."""
    keys = [endpoint.api_key for endpoint in roster.endpoints]
    named = {key.name for key in keys if isinstance(key, SecretRef)}
    return (UserSecret(names.USER_ENV, names.SECRETS_ENV_FOLDER), *(UserSecret(name, name) for name in sorted(named)))


def _spread(context: Context) -> dict[str, Any]:
    """Replicas go to different nodes while there are some."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(context.namespace, names.COMPONENT_SERVICE)},
    }


def _service(context: Context, secrets: UserSecrets) -> dict[str, Any]:
    ready = _asks("/readyz", names.PORT_NAME_MANAGEMENT)
    live = _asks("/livez", names.PORT_NAME_MANAGEMENT)
    return {
        "name": names.CONTAINER_SERVICE,
        **_container(context, secrets),
        "command": ["memory-service"],
        "env": [
            {"name": "MEMORY_LISTEN", "value": f"0.0.0.0:{names.PORT_HTTP}"},
            *_environment(context, names.PORT_MANAGEMENT),
        ],
        "ports": [
            port(names.PORT_HTTP, names.PORT_NAME_HTTP),
            port(names.PORT_MANAGEMENT, names.PORT_NAME_MANAGEMENT),
        ],
        "startupProbe": {**live, "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**ready, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**live, "periodSeconds": 20, "failureThreshold": 3},
        "resources": context.spec.service.resources.manifest(),
    }


def _worker(context: Context, secrets: UserSecrets) -> dict[str, Any]:
    live = _asks("/livez", names.PORT_NAME_WORKER_METRICS)
    return {
        "name": names.CONTAINER_WORKER,
        **_container(context, secrets),
        "command": ["memory-worker"],
        "env": _environment(context, names.PORT_WORKER_METRICS),
        "ports": [port(names.PORT_WORKER_METRICS, names.PORT_NAME_WORKER_METRICS)],
        # Neither started nor ready depends on the worker: history is served while it loads its model.
        "livenessProbe": {**live, "initialDelaySeconds": 60, "periodSeconds": 20, "failureThreshold": 3},
        "resources": context.spec.worker.resources.manifest(),
    }


def _asks(path: str, management: str) -> dict[str, Any]:
    """A probe on a management port."""
    return {"httpGet": {"path": path, "port": management}, "timeoutSeconds": 3}


def _container(context: Context, secrets: UserSecrets) -> dict[str, Any]:
    """What both containers share: image and mounts."""
    return {
        "image": context.spec.service.image or context.settings.image,
        "imagePullPolicy": context.settings.image_pull_policy,
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "definitions", "mountPath": names.DEFINITIONS_PATH, "readOnly": True},
            {"name": "credentials", "mountPath": names.CREDENTIALS_PATH, "readOnly": True},
            {"name": "run", "mountPath": names.RUN_PATH},
            {"name": "tmp", "mountPath": "/tmp"},
            *(
                {"name": _volume_name(number), "mountPath": f"{names.SECRETS_PATH}/{secret.folder}", "readOnly": True}
                for number, secret in enumerate(secrets)
            ),
        ],
    }


def _environment(context: Context, management: int) -> list[dict[str, Any]]:
    plain = {
        "MEMORY_MEMORY": names.DEFINITIONS_PATH,
        "MEMORY_CREDENTIALS": names.CREDENTIALS_PATH,
        "MEMORY_SECRETS": names.SECRETS_PATH,
        "MEMORY_SOCKET": names.SOCKET_PATH,
        "MEMORY_MANAGEMENT": f"0.0.0.0:{management}",
        "MEMORY_TENANT": context.namespace,
        **_STORE_URLS,
    }
    pod_name = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        {"name": "MEMORY_POD", "valueFrom": pod_name},
    ]


def _volumes(secrets: UserSecrets) -> list[dict[str, Any]]:
    sources = [{"configMap": {"name": name, "optional": True}} for name in names.DEFINITION_CONFIG_MAPS]
    files = [{"key": key, "path": path} for key, path in _CREDENTIAL_FILES.items()]
    return [
        {"name": "definitions", "projected": {"sources": sources}},
        {"name": "credentials", "secret": {"secretName": names.CREDENTIALS, "items": files}},
        {"name": "run", "emptyDir": {"sizeLimit": _TEMPORARY_BYTES}},
        {"name": "tmp", "emptyDir": {"sizeLimit": _TEMPORARY_BYTES}},
        *(
            {"name": _volume_name(number), "secret": {"secretName": secret.name, "optional": True}}
            for number, secret in enumerate(secrets)
        ),
    ]


def _volume_name(number: int) -> str:
    """Volumes are numbered: a Secret's name may be longer than a volume's, and hold dots."""
    return f"secret-{number}"
