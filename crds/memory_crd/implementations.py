"""Which implementations a `use` may name, in both spellings: `redis` and `compozy/storage:redis` are one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from memory_crd.fields import Faults, JsonObject, Rule, either
from memory_crd.scalars import Text

LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Implementation:
    """A `use` field of one slot (`storage`, `vector`, `embedder`); the model holds the bare name."""

    slot: str
    names: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """What memory.json puts in front of a name in this slot."""
        return f"compozy/{self.slot}:"

    @property
    def _supported(self) -> str:
        return f"use {either(self.names)} (or {self.prefix}{self.names[0]}, as memory.json writes it)"

    def read(self, value: object, path: str, faults: Faults) -> Any:
        text = Text(LENGTH).read(value, path, faults)
        if not isinstance(text, str):
            return text
        bare = text.removeprefix(self.prefix)
        if bare not in self.names:
            return faults.add(path, f'"{text}" is not a supported {self.slot} implementation: {self._supported}')
        return bare

    def schema(self) -> JsonObject:
        spellings = [*self.names, *(self.prefix + name for name in self.names)]
        # The full spellings are listed instead of stripping the prefix: CEL's replace would also strip it elsewhere.
        rule = Rule(
            cel=f"self in {spellings}",
            message=f"{self.slot}.use is not a supported implementation: {self._supported}",
            message_cel=f"'\"' + self + '\" is not a supported {self.slot} implementation: {self._supported}'",
        )
        return {"type": "string", "maxLength": LENGTH, "x-kubernetes-validations": [rule.schema()]}

    def write(self, value: str) -> str:
        return value
