"""PURE: a tenant's generated credentials, and the ACL file made of them.

Values are never made here: a source of randomness is passed in, and what exists is read from the Secret and kept.
Each key is independent of the others, so that a second password of a user can be added for a rotation.
"""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from memory_crd import names

GENERATED: Final = (
    names.KEY_REDIS_SERVICE_PASSWORD,
    names.KEY_REDIS_ADMIN_PASSWORD,
    names.KEY_REDIS_PROBE_PASSWORD,
    names.KEY_QDRANT_API_KEY,
    names.KEY_SERVICE_API_KEY,
)

# crds.md, decision 8: the service user reaches the tenant's keys by its own scripts and nothing that leads elsewhere.
_SERVICE_RULES: Final = (
    "resetchannels +@all -@admin -@dangerous -@scripting -@pubsub +eval +evalsha +script|load +info"
    " -scan -randomkey -dbsize -select -move"
)


@dataclass(frozen=True)
class Credentials:
    """The secret values of one tenant, by key of its Secret. Never shown: `repr` hides them."""

    values: Mapping[str, str] = field(repr=False)

    def __getitem__(self, key: str) -> str:
        return self.values[key]


def complete(present: Mapping[str, str], generate: Callable[[], str]) -> Credentials:
    """Return the present values, with a fresh one for each that is missing."""
    return Credentials({key: present.get(key) or generate() for key in GENERATED})


def is_complete(present: Mapping[str, str]) -> bool:
    """Tell whether nothing has to be generated."""
    return all(present.get(key) for key in GENERATED)


def of_secret(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the generated values found in a Secret; unreadable ones count as missing."""
    data = (secret or {}).get("data") or {}
    found: dict[str, str] = {}
    for key in GENERATED:
        try:
            found[key] = b64decode(data.get(key) or "", validate=True).decode("ascii")
        except (NotBase64, ValueError):
            continue
    return {key: value for key, value in found.items() if value and value.isprintable() and " " not in value}


def sha256(value: str) -> str:
    """Return the SHA-256 of a value in hex."""
    return hashlib.sha256(value.encode()).hexdigest()


def acl_file(tenant: str, credentials: Credentials) -> str:
    """Return Redis's static users: the hashes of the passwords, never the passwords."""
    service, admin, probe = (
        sha256(credentials[key])
        for key in (names.KEY_REDIS_SERVICE_PASSWORD, names.KEY_REDIS_ADMIN_PASSWORD, names.KEY_REDIS_PROBE_PASSWORD)
    )
    lines = (
        # Nobody can log in as `default` (off, no password), yet it may do everything: Redis 7.0 replays its append-only
        # file in the name of this user, and skips every transaction, so every mutation, that the user may not run.
        "user default off resetpass ~* &* +@all",
        f"user {names.REDIS_USER_SERVICE} on #{service} ~{names.redis_key_pattern(tenant)} {_SERVICE_RULES}",
        f"user {names.REDIS_USER_ADMIN} on #{admin} ~* &* +@all",
        f"user {names.REDIS_USER_PROBE} on #{probe} resetkeys resetchannels -@all +ping",
    )
    return "\n".join(lines) + "\n"
