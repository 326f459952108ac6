"""What the process can be told, by environment (Qdrant's names) and by arguments."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_DEFAULT_PORT = 6333


@dataclass(frozen=True)
class Settings:
    host: str = "0.0.0.0"
    """QDRANT__SERVICE__HOST, or the part of --listen before the last colon."""
    port: int = _DEFAULT_PORT
    """QDRANT__SERVICE__HTTP_PORT, or the part of --listen after the last colon; 0 picks a free one."""
    storage: Path = Path("./storage")
    """QDRANT__STORAGE__STORAGE_PATH or --storage: the folder that holds everything; one process at a time."""
    api_key: str | None = field(default=None, repr=False)
    """QDRANT__SERVICE__API_KEY: asked of every call but `/` and the health checks; unset or empty means open."""

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> "Settings":
        """Arguments win over the environment. Prints a usage error and exits with 2 on a bad value."""
        parser = _parser()
        given = parser.parse_args(arguments)
        host = environ.get("QDRANT__SERVICE__HOST") or cls.host
        port = environ.get("QDRANT__SERVICE__HTTP_PORT") or str(_DEFAULT_PORT)
        if given.listen is not None:
            host, _, port = given.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            parser.error(f"cannot listen on {host}:{port}: give HOST:PORT with a port from 0 to 65535")
        storage = given.storage or environ.get("QDRANT__STORAGE__STORAGE_PATH") or cls.storage
        return cls(host.strip("[]"), int(port), Path(storage), environ.get("QDRANT__SERVICE__API_KEY") or None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="memory-vectors",
        description="Serve the part of Qdrant's REST API that the memory service uses, from a folder, "
        "on Qdrant's engine as a library.",
        epilog="QDRANT__SERVICE__API_KEY sets the key that callers send as api-key or Authorization: Bearer.",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where to listen; port 0 picks a free one, which is printed "
        "(QDRANT__SERVICE__HOST and QDRANT__SERVICE__HTTP_PORT, default 0.0.0.0:6333)",
    )
    parser.add_argument(
        "--storage", metavar="DIR", help="folder of the data (QDRANT__STORAGE__STORAGE_PATH, default ./storage)"
    )
    return parser
