"""Every object name, label, annotation, port and DNS name of the product, once.

Pure: constants, and functions from a tenant (its namespace) or a Memory's id to a name. Nothing else formats one.
"""

from __future__ import annotations

from typing import Final

# --- the API ----------------------------------------------------------------------------------------------------------

GROUP: Final = "memoryplatform.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
MEMORY_KIND: Final = "Memory"
MEMORY_PLURAL: Final = "memories"
TENANT_KIND: Final = "MemoryTenant"
TENANT_PLURAL: Final = "memorytenants"
TENANT_OBJECT: Final = "default"
"""The only name a MemoryTenant may have: there is one in a namespace."""

FIELD_MANAGER: Final = "memory-operator"
FINALIZER: Final = f"{GROUP}/erase"

# --- labels and annotations -------------------------------------------------------------------------------------------

PART_NAME: Final = "memory-platform"
MANAGED_BY: Final = "memory-operator"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_TENANT: Final = f"{GROUP}/tenant"
ANNOTATION_DEFINITIONS_HASH: Final = f"{GROUP}/definitions-hash"
ANNOTATION_APPLIED_HASH: Final = f"{GROUP}/applied-hash"
ANNOTATION_ABANDON_DATA: Final = f"{GROUP}/abandon-data"

COMPONENT_SERVICE: Final = "service"
COMPONENT_REDIS: Final = "redis"
COMPONENT_QDRANT: Final = "qdrant"
COMPONENT_REDIS_EPHEMERAL: Final = "redis-ephemeral"
COMPONENT_QDRANT_EPHEMERAL: Final = "qdrant-ephemeral"


def labels(tenant: str, component: str) -> dict[str, str]:
    """The labels that every child of a tenant carries."""
    return {
        LABEL_NAME: PART_NAME,
        LABEL_COMPONENT: component,
        LABEL_INSTANCE: tenant,
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_TENANT: tenant,
    }


def selector(tenant: str, component: str) -> dict[str, str]:
    """The labels that select one component's pods; never changes, because selectors of workloads are immutable."""
    return {LABEL_NAME: PART_NAME, LABEL_COMPONENT: component, LABEL_TENANT: tenant}


# --- children in the tenant's namespace -------------------------------------------------------------------------------

SERVICE: Final = "memory"
"""Deployment, Service, ServiceAccount and NetworkPolicy of the memory service."""
REDIS: Final = "memory-redis"
QDRANT: Final = "memory-qdrant"
REDIS_EPHEMERAL: Final = "memory-redis-ephemeral"
QDRANT_EPHEMERAL: Final = "memory-qdrant-ephemeral"
REDIS_CONFIG: Final = "memory-redis-config"
CREDENTIALS: Final = "memory-credentials"
CONNECTION: Final = "memory-connection"
USER_ENV: Final = "memory-env"
"""The optional Secret of the tenant team that `{{ env.NAME }}` reads."""
VOLUME_CLAIM: Final = "data"
CONTAINER_SERVICE: Final = "service"
CONTAINER_WORKER: Final = "worker"

DEFINITION_SHARDS: Final = 16


def definitions_config_map(shard: int) -> str:
    """Name of the ConfigMap that holds one shard of the definitions: `memory-definitions-00` .. `-15`."""
    if not 0 <= shard < DEFINITION_SHARDS:
        raise ValueError(f"shard {shard} is outside 0..{DEFINITION_SHARDS - 1}")
    return f"memory-definitions-{shard:02d}"


DEFINITION_CONFIG_MAPS: Final = tuple(definitions_config_map(shard) for shard in range(DEFINITION_SHARDS))

# --- keys of the credentials Secret -----------------------------------------------------------------------------------

KEY_REDIS_SERVICE_PASSWORD: Final = "redis-service-password"
KEY_REDIS_ADMIN_PASSWORD: Final = "redis-admin-password"
KEY_REDIS_PROBE_PASSWORD: Final = "redis-probe-password"
KEY_REDIS_ACL: Final = "users.acl"
KEY_QDRANT_API_KEY: Final = "qdrant-api-key"
KEY_SERVICE_API_KEY: Final = "service-api-key"
KEY_SERVICE_API_KEY_SHA256: Final = "service-api-key-sha256"

REDIS_USER_SERVICE: Final = "service"
REDIS_USER_ADMIN: Final = "admin"
REDIS_USER_PROBE: Final = "probe"

# --- ports ------------------------------------------------------------------------------------------------------------

PORT_HTTP: Final = 8080
PORT_MANAGEMENT: Final = 9464
PORT_WORKER_METRICS: Final = 9465
PORT_REDIS: Final = 6379
PORT_QDRANT: Final = 6333
PORT_NAME_HTTP: Final = "http"
PORT_NAME_MANAGEMENT: Final = "management"
PORT_NAME_WORKER_METRICS: Final = "worker-metrics"
PORT_NAME_REDIS: Final = "redis"
PORT_NAME_QDRANT: Final = "qdrant"

# --- inside the service pod -------------------------------------------------------------------------------------------

DEFINITIONS_PATH: Final = "/etc/memory/definitions"
CREDENTIALS_PATH: Final = "/etc/memory/credentials"
SECRETS_PATH: Final = "/etc/memory/secrets"
SECRETS_ENV_FOLDER: Final = "env"
"""Folder under SECRETS_PATH with a file for each key of USER_ENV; other Secrets are `<secret>/<key>`."""
RUN_PATH: Final = "/run/memory"
SOCKET_PATH: Final = "/run/memory/worker.sock"

LOCAL_TENANT: Final = "local"
"""The tenant of the embedded default, where there is no namespace."""

# --- names derived from a tenant and a Memory -------------------------------------------------------------------------


def host(tenant: str, service: str = SERVICE) -> str:
    """DNS name of one of the tenant's Services, as every pod of the cluster resolves it."""
    return f"{service}.{tenant}.svc"


def endpoint(tenant: str) -> str:
    """Base URL of the tenant's memory service."""
    return f"http://{host(tenant)}:{PORT_HTTP}"


def memory_url(tenant: str, memory_id: str) -> str:
    """URL of one memory, as shown in `status.endpoint`."""
    return f"{endpoint(tenant)}/v1/memories/{memory_id}"


def redis_tag(tenant: str, memory_id: str) -> str:
    """Hash tag in front of every Redis key of a memory. Namespaces and ids hold no `/`, so no two collide."""
    return f"{{{tenant}/{memory_id}}}"


def redis_key_pattern(tenant: str) -> str:
    """ACL pattern of all Redis keys of a tenant."""
    return f"{{{tenant}/*}}:*"


def collection_alias(tenant: str, memory_id: str) -> str:
    """Alias of a memory's vector collection. Namespaces and ids hold no dot, so no two collide."""
    return f"{tenant}.{memory_id}"


def collection(tenant: str, memory_id: str, version: int) -> str:
    """One version of a memory's collection, behind the alias."""
    return f"{collection_alias(tenant, memory_id)}.v{version}"
