"""The operator's settings: one frozen value, read once from the environment by `__main__` and passed down."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_operator.errors import SettingsError

PREFIX = "MEMORY_OPERATOR_"


@dataclass(frozen=True)
class Settings:
    """Everything the operator can be told; every field has the twin `MEMORY_OPERATOR_<FIELD>`."""

    image: str
    """Image of the platform itself: the service and the worker of each tenant run it. No default."""

    namespaces: tuple[str, ...] = ()
    """Comma-separated tenants to serve; empty means all namespaces (cluster-wide roles are needed then)."""

    image_pull_policy: str = "IfNotPresent"
    """`Always`, `IfNotPresent` or `Never`, for every container of a tenant."""

    redis_image: str = "valkey/valkey:9.1"
    """Image of the tenants' Redis: any with `redis-server` and `redis-cli` of Redis 7.0 or newer, Valkey 8 or newer."""

    qdrant_image: str = "qdrant/qdrant:v1.18.3-unprivileged"
    """Image of the tenants' Qdrant: the unprivileged one, or `memory-vectors` in its place."""

    defaults: Mapping[str, Any] | None = None
    """The chart's defaults in the shape of a MemoryTenant `spec`; set by the path of a JSON file."""

    proof_interval_seconds: float = 60.0
    """Seconds between the two proofs that a namespace holds no Memory, before its stack is pruned."""

    resync_seconds: float = 600.0
    """Seconds between slow passes over every tenant, with jitter."""

    relist_seconds: float = 3600.0
    """Seconds between LISTs that repair what a watch missed, with jitter."""

    listen: tuple[str, int] = ("0.0.0.0", 9464)
    """HOST:PORT of `/livez`, `/readyz` and `/metrics`."""

    metrics_from: tuple[Mapping[str, Any], ...] = ()
    """JSON list of NetworkPolicy peers that may scrape the tenants' metrics."""

    own_namespace: str = "memory-platform"
    """The namespace the operator runs in: it may reach the management ports of every tenant."""

    workers: int = 16
    """How many tenants are reconciled at the same time."""

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str], read: Callable[[str], str] = lambda path: Path(path).read_text()
    ) -> "Settings":
        """Read the settings; raise SettingsError that names the variable and says what it takes."""
        found = {name: environ[PREFIX + name.upper()] for name in PARSERS if environ.get(PREFIX + name.upper())}
        if "image" not in found:
            raise SettingsError(
                f"{PREFIX}IMAGE is not set: name the image of the platform, such as memory-platform:0.1.0"
            )
        return cls(**{name: _parse(name, text, read) for name, text in found.items()})


def _parse(name: str, text: str, read: Callable[[str], str]) -> Any:
    parser, takes = PARSERS[name]
    try:
        return parser(read(text) if name == "defaults" else text)
    except (ValueError, OSError) as error:
        raise SettingsError(f"{PREFIX}{name.upper()}={text!r} is not {takes}: {error}") from error


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"choose {', '.join(allowed)}")
        return text

    return parse


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 10**7:
        raise ValueError("it must be above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise ValueError("it must be 1 to 256")
    return value


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not 0 <= int(port) < 65536:
        raise ValueError("the form is HOST:PORT")
    return host.strip("[]"), int(port)


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))


def _object(text: str) -> Mapping[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value


def _peers(text: str) -> tuple[Mapping[str, Any], ...]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(peer, dict) for peer in value):
        raise ValueError("a JSON list of objects is expected")
    return tuple(value)


PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "image": (str, "an image"),
    "namespaces": (_names, "a comma-separated list of namespaces"),
    "image_pull_policy": (_one_of("Always", "IfNotPresent", "Never"), "a pull policy"),
    "redis_image": (str, "an image"),
    "qdrant_image": (str, "an image"),
    "defaults": (_object, "the path of a JSON file with the chart's MemoryTenant defaults"),
    "proof_interval_seconds": (_seconds, "a number of seconds"),
    "resync_seconds": (_seconds, "a number of seconds"),
    "relist_seconds": (_seconds, "a number of seconds"),
    "listen": (_address, "an address"),
    "metrics_from": (_peers, "a JSON list of NetworkPolicy peers"),
    "own_namespace": (str, "a namespace"),
    "workers": (_count, "a number of workers"),
}
