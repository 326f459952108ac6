"""What memory-worker was told at start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from memory_service.settings import WORKER_OPTIONS, Address, address, parse, required


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Options of memory-worker; WORKER_OPTIONS has a sentence for each."""

    memory: str
    management: Address
    tenant: str
    redis: str | None = None
    redis_ephemeral: str | None = None
    qdrant: str | None = None
    qdrant_ephemeral: str | None = None
    credentials: Path | None = None
    secrets: Path | None = None
    socket: str | None = None
    pod: str | None = None
    model: str | None = None

    @classmethod
    def read(cls, argv: Sequence[str], environ: Mapping[str, str]) -> WorkerSettings:
        """Settings from the command line and the environment. Raises InvalidSettings; SystemExit for --help."""
        values = parse(WORKER_OPTIONS, argv, environ, prog="memory-worker", description=_DESCRIPTION)
        return cls(
            memory=required(values, "memory"),
            management=address(values, "management"),
            tenant=required(values, "tenant"),
            redis=values["redis"],
            redis_ephemeral=values["redis_ephemeral"],
            qdrant=values["qdrant"],
            qdrant_ephemeral=values["qdrant_ephemeral"],
            credentials=Path(values["credentials"]) if values["credentials"] else None,
            secrets=Path(values["secrets"]) if values["secrets"] else None,
            socket=values["socket"],
            pod=values["pod"],
            model=values["model"],
        )


_DESCRIPTION: Final = (
    "Follows the outbox of every memory: embeds what was written, removes what expired, repairs what drifted, "
    "and makes vectors of questions for the memory-service beside it."
)
