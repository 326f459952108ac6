"""What is wrong with a document, all of it at once.

InvalidManifest          a document that no resource can be made of; `faults` lists every problem with its path
|-- InvalidMemory        a Memory manifest or a memory.json
`-- InvalidTenant        a MemoryTenant manifest, or the chart's defaults for one
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document: where (a JSON Pointer such as `/spec/vector/use`), and the remedy."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.message}"


class InvalidManifest(ValueError):
    """The document is refused; `faults` has every reason, in document order."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what = what
        self.faults = tuple(faults)
        super().__init__(f"{what}: " + "; ".join(str(fault) for fault in self.faults))


class InvalidMemory(InvalidManifest):
    """A Memory manifest or a memory.json that no Memory can be made of."""


class InvalidTenant(InvalidManifest):
    """A MemoryTenant manifest, or defaults for one, that no Tenant can be made of."""
