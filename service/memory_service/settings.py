"""What a process is told at start: every option with its flag, its environment twin, its default and a sentence.

Pure: arguments and environment are passed in. A flag wins over its twin, the twin over the default.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `default` None means that its absence has a meaning of its own, which `help` says."""

    name: str
    env: str
    default: str | None
    help: str
    flag_only: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


_SHARED: Final = (
    Option(
        "memory", "MEMORY_MEMORY", None, "File or folder with Memory manifests, memory.json, or definition entries."
    ),
    Option("redis", "MEMORY_REDIS", None, "URL of the durable Redis, such as redis://host:6379 or unix:///path."),
    Option("redis_ephemeral", "MEMORY_REDIS_EPHEMERAL", None, "URL of the Redis for `in-memory` storage."),
    Option("qdrant", "MEMORY_QDRANT", None, "URL of the durable Qdrant, such as http://host:6333."),
    Option("qdrant_ephemeral", "MEMORY_QDRANT_EPHEMERAL", None, "URL of the Qdrant for `in-memory` vectors."),
    Option("credentials", "MEMORY_CREDENTIALS", None, "Folder with redis-password, qdrant-api-key and api-key-sha256."),
    Option("secrets", "MEMORY_SECRETS", None, "Folder with user Secrets: env/<NAME> and <secret>/<key>."),
    Option("socket", "MEMORY_SOCKET", None, "Unix socket on which the worker answers."),
    Option("tenant", "MEMORY_TENANT", "local", "The tenant, which is the namespace: part of every key and collection."),
    Option("pod", "MEMORY_POD", None, "Name of this process in `/loaded` and logs; the host's name if absent."),
)

SERVICE_OPTIONS: Final = (
    *_SHARED,
    Option("listen", "MEMORY_LISTEN", "127.0.0.1:8080", "Address of the API; port 0 takes a free one."),
    Option("management", "MEMORY_MANAGEMENT", "127.0.0.1:9464", "Address of livez, readyz, metrics and loaded."),
    Option("data", "MEMORY_DATA", ".memory-data", "Folder of the embedded stores, used where no URL is given."),
    Option("insecure", "MEMORY_INSECURE", None, "Serve other machines without credentials.", flag_only=True),
)
"""Options of memory-service."""

WORKER_OPTIONS: Final = (
    *_SHARED,
    Option("management", "MEMORY_MANAGEMENT", "127.0.0.1:9465", "Address of livez, readyz and metrics."),
    Option(
        "model", "MEMORY_MODEL", None, "Folder of the local embedding model; looked for beside the package if absent."
    ),
)
"""Options of memory-worker."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})


class InvalidSettings(ValueError):
    """The process cannot start as told; the text names the option and the remedy."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What memory-service was told."""

    memory: str
    listen: Address
    management: Address
    data: str
    redis: str | None = None
    redis_ephemeral: str | None = None
    qdrant: str | None = None
    qdrant_ephemeral: str | None = None
    credentials: str | None = None
    secrets: str | None = None
    socket: str | None = None
    tenant: str = "local"
    pod: str | None = None
    insecure: bool = False

    @property
    def embedded(self) -> bool:
        """Whether some part is to be started as a child: a store without URL, or a worker without socket."""
        return self.redis is None or self.qdrant is None or self.socket is None

    @classmethod
    def read(cls, argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
        """Settings from the command line and the environment. Raises InvalidSettings; SystemExit for --help."""
        values = parse(SERVICE_OPTIONS, argv, environ, prog="memory-service", description=_DESCRIPTION)
        settings = cls(
            memory=required(values, "memory"),
            listen=address(values, "listen"),
            management=address(values, "management"),
            data=required(values, "data"),
            redis=values["redis"],
            redis_ephemeral=values["redis_ephemeral"],
            qdrant=values["qdrant"],
            qdrant_ephemeral=values["qdrant_ephemeral"],
            credentials=values["credentials"],
            secrets=values["secrets"],
            socket=values["socket"],
            tenant=required(values, "tenant"),
            pod=values["pod"],
            insecure=(values["insecure"] or "").lower() in _TRUE,
        )
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse what would be a mistake. Raises InvalidSettings."""
        if self.credentials is None and not self.listen.is_loopback and not self.insecure:
            raise InvalidSettings(
                f"--listen {self.listen} is reachable from other machines, and without --credentials anybody could "
                "read and write: give a credentials folder, listen on 127.0.0.1, or say --insecure"
            )


def parse(
    options: Sequence[Option], argv: Sequence[str], environ: Mapping[str, str], *, prog: str, description: str
) -> dict[str, str | None]:
    """The value of each option, by name. An empty environment variable counts as absent."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    for option in options:
        default = environ.get(option.env) or option.default
        shown = option.help.replace("%", "%%") + f" [{option.env}" + (f", {option.default}]" if option.default else "]")
        if option.flag_only:
            parser.add_argument(
                option.flag, dest=option.name, action="store_const", const="true", default=default, help=shown
            )
        else:
            parser.add_argument(option.flag, dest=option.name, default=default, help=shown, metavar=_metavar(option))
    return dict(vars(parser.parse_args(argv)))


def required(values: Mapping[str, str | None], name: str) -> str:
    """A value that must be there. Raises InvalidSettings."""
    value = values[name]
    if not value:
        raise InvalidSettings(f"--{name.replace('_', '-')} is required (or MEMORY_{name.upper()})")
    return value


def address(values: Mapping[str, str | None], name: str) -> Address:
    """A HOST:PORT value. Raises InvalidSettings."""
    text = required(values, name)
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise InvalidSettings(f"--{name} must be HOST:PORT, such as 127.0.0.1:8080, not {text!r}")
    return Address(host.strip("[]"), int(port))


def _metavar(option: Option) -> str:
    return {"listen": "HOST:PORT", "management": "HOST:PORT", "memory": "PATH", "data": "DIR", "credentials": "DIR",
            "secrets": "DIR", "socket": "PATH", "model": "DIR"}.get(option.name, "VALUE")  # fmt: skip


_DESCRIPTION: Final = (
    "Memory for agents over HTTP. Without --redis, --qdrant and --socket the embedded parts start as children: "
    "a Valkey, memory-vectors and memory-worker, with their data in --data."
)
