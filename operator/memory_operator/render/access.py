"""PURE: the two Secrets of a tenant: what its stores and its service share, and what its callers are given."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from memory_crd import connection, names

from memory_operator.credentials import Credentials, acl_file, sha256
from memory_operator.kinds import SECRET
from memory_operator.render.metadata import Context, child


def credentials_secret(namespace: str, credentials: Credentials) -> dict[str, Any]:
    """Return the Secret of generated credentials, with Redis's users and the hash of the API key derived from them."""
    derived = {
        names.KEY_REDIS_ACL: acl_file(namespace, credentials),
        names.KEY_SERVICE_API_KEY_SHA256: sha256(credentials[names.KEY_SERVICE_API_KEY]) + "\n",
    }
    return _secret(namespace, names.CREDENTIALS, {**credentials.values, **derived})


def connection_secret(context: Context, credentials: Credentials) -> dict[str, Any]:
    """Return the Secret that applications bind to: where the service is, and its API key. No key of a store."""
    told = connection.of_tenant(context.namespace, api_key=credentials[names.KEY_SERVICE_API_KEY])
    return _secret(context.namespace, names.CONNECTION, connection.to_data(told))


def _secret(namespace: str, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    data = {key: b64encode(value.encode()).decode() for key, value in sorted(values.items())}
    return child(SECRET, name, namespace, names.COMPONENT_SERVICE, type="Opaque", data=data)
