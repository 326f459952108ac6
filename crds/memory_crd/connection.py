"""The connection Secret of a tenant: what an application needs to call its memory service, in binding form.

Pure. The Secret never holds the stores' own credentials. Its values are plain text here; the API server's `stringData`
encodes them, and `from_data` takes what a reader decoded or mounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memory_crd import names

TYPE = "memory"
KEYS = ("type", "host", "port", "uri", "api-key")


class InvalidConnection(ValueError):
    """A key of the Secret is missing or unusable."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the tenant's memory service listens, and the key its callers carry as `Authorization: Bearer`."""

    host: str
    port: int
    uri: str
    api_key: str = field(repr=False)


def of_tenant(tenant: str, *, api_key: str) -> Connection:
    """The connection to the memory service of a tenant."""
    return Connection(names.host(tenant), names.PORT_HTTP, names.endpoint(tenant), api_key)


def to_data(connection: Connection) -> dict[str, str]:
    """The Secret's `stringData`, keys of KEYS."""
    return {
        "type": TYPE,
        "host": connection.host,
        "port": str(connection.port),
        "uri": connection.uri,
        "api-key": connection.api_key,
    }


def from_data(data: Mapping[str, str]) -> Connection:
    """A connection from decoded Secret data or a mounted binding.

    Raises InvalidConnection naming the key that is missing or wrong.
    """
    missing = [key for key in KEYS if not data.get(key)]
    if missing:
        raise InvalidConnection(f"the connection Secret lacks {', '.join(missing)}")
    if data["type"] != TYPE:
        raise InvalidConnection(f"type must be {TYPE!r}, not {data['type']!r}")
    if not data["port"].isascii() or not data["port"].isdigit() or not 0 < int(data["port"]) < 65536:
        raise InvalidConnection("port must be a number from 1 to 65535")
    return Connection(data["host"], int(data["port"]), data["uri"], data["api-key"])
