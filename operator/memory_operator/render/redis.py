"""PURE: Redis (or Valkey): its configuration, its workload, its Service."""

from typing import Any, Final

from memory_crd import names, quantities

from memory_operator.credentials import Credentials, acl_file, sha256
from memory_operator.kinds import CONFIG_MAP
from memory_operator.observed import Inventory
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
from memory_operator.render.stores import claim, data_volume, stateful_set
from memory_operator.stores import Store

CONFIG_PATH: Final = "/etc/redis"
CONFIG_FILE: Final = "redis.conf"
DEFAULT_MEMORY: Final = "256Mi"
_FSYNC: Final = {"everysecond": "everysec", "always": "always"}
_PROBE: Final = ["redis-cli", "-e", "--user", names.REDIS_USER_PROBE, "ping"]


def config_map(context: Context, stores: list[Store]) -> dict[str, Any]:
    """Return the ConfigMap with one configuration file a store."""
    data = {f"{store.component}.conf": configuration(context, store) for store in stores}
    return child(CONFIG_MAP, names.REDIS_CONFIG, context.namespace, names.COMPONENT_REDIS, data=data)


def configuration(context: Context, store: Store) -> str:
    """Return redis.conf: never evict, keep what was acknowledged as long as the durability says."""
    tenant = context.spec.redis
    memory = quantities.whole(tenant.resources.limits.memory or DEFAULT_MEMORY) * tenant.max_memory_percent // 100
    lines = [
        f"port {names.PORT_REDIS}",
        # IPv6 only where the pod has it: a leading minus makes a missing address no error.
        "bind * -::*",
        "protected-mode no",
        f"aclfile {CONFIG_PATH}/{names.KEY_REDIS_ACL}",
        "dir /data",
        f"maxmemory {memory}",
        "maxmemory-policy noeviction",
        "maxmemory-clients 10%",
        'save ""',
        f"appendonly {'yes' if store.durable else 'no'}",
        *([f"appendfsync {_FSYNC[tenant.durability]}", "auto-aof-rewrite-min-size 16mb"] if store.durable else []),
        "tcp-keepalive 60",
        "timeout 0",
        "lazyfree-lazy-user-del yes",
    ]
    return "\n".join(lines) + "\n"


def workload(context: Context, store: Store, inventory: Inventory, credentials: Credentials) -> dict[str, Any]:
    """Return the StatefulSet; a change of configuration or users rolls its pod."""
    annotations = {
        ANNOTATION_CONFIG: digest([configuration(context, store), sha256(acl_file(context.namespace, credentials))])
    }
    volumes = [{"name": "config", "projected": {"sources": _sources(store)}}, *data_volume(store)]
    template = pod(context, store.component, annotations, containers=[_container(context)], volumes=volumes)
    return stateful_set(context, store, template, claim(context, store, context.spec.redis.storage, inventory))


def _sources(store: Store) -> list[dict[str, Any]]:
    return [
        {"configMap": {"name": names.REDIS_CONFIG, "items": [{"key": f"{store.component}.conf", "path": CONFIG_FILE}]}},
        {
            "secret": {
                "name": names.CREDENTIALS,
                "items": [{"key": names.KEY_REDIS_ACL, "path": names.KEY_REDIS_ACL}],
            }
        },
    ]


def _container(context: Context) -> dict[str, Any]:
    tenant, settings = context.spec.redis, context.settings
    probe = {"exec": {"command": _PROBE}, "timeoutSeconds": 3}
    return {
        "name": "redis",
        "image": tenant.image or settings.redis_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["redis-server", f"{CONFIG_PATH}/{CONFIG_FILE}"],
        "env": [
            {
                "name": "REDISCLI_AUTH",
                "valueFrom": {
                    "secretKeyRef": {"name": names.CREDENTIALS, "key": names.KEY_REDIS_PROBE_PASSWORD},
                },
            }
        ],
        "ports": [port(names.PORT_REDIS, names.PORT_NAME_REDIS)],
        "resources": tenant.resources.manifest(),
        "securityContext": container_security(),
        # Loading a large file answers LOADING, which is no failure: an hour of patience, asked every second.
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 3600},
        "readinessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 20, "failureThreshold": 3},
        "volumeMounts": [
            {"name": names.VOLUME_CLAIM, "mountPath": "/data"},
            {"name": "config", "mountPath": CONFIG_PATH, "readOnly": True},
        ],
    }


def headless_service(context: Context, store: Store) -> dict[str, Any]:
    """Return the Service that names the pod."""
    ports = {names.PORT_NAME_REDIS: names.PORT_REDIS}
    return service(context, store.name, store.component, ports, headless=True)
