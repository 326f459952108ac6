"""Kinds of single values: text, choices, numbers, durations, amounts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from memory_crd import durations, quantities
from memory_crd.fields import Faults, JsonObject, Rule, checked, either, matches, show, validations


@dataclass(frozen=True, slots=True)
class Text:
    """A string of bounded length; `pattern` must match all of it, `form` says in words what it means."""

    most: int
    pattern: str | None = None
    form: str = ""
    least: int = 0
    rules: tuple[Rule, ...] = ()

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if not isinstance(value, str):
            # The value is not shown: it may be a credential written as a number.
            return faults.add(path, "must be a string")
        if not self.least <= len(value) <= self.most:
            return faults.add(path, f"must have {self.least} to {self.most} characters, not {len(value)}")
        if self.pattern and not matches(self.pattern, value):
            return faults.add(path, f"{show(value)} must be {self.form or self.pattern}")
        return checked(self.rules, value, value, path, faults)

    def schema(self) -> JsonObject:
        schema: JsonObject = {"type": "string"}
        if self.least:
            schema["minLength"] = self.least
        schema["maxLength"] = self.most
        if self.pattern:
            schema["pattern"] = self.pattern
        return schema | validations(self.rules)

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; the API server's message lists them."""

    values: tuple[str, ...]

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, str) and value in self.values:
            return value
        return faults.add(path, f"{show(value)} is not supported: use {either(self.values)}")

    def schema(self) -> JsonObject:
        return {"type": "string", "enum": list(self.values)}

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    def read(self, value: object, path: str, faults: Faults) -> Any:
        return value if isinstance(value, bool) else faults.add(path, f"must be true or false, not {show(value)}")

    def schema(self) -> JsonObject:
        return {"type": "boolean"}

    def write(self, value: bool) -> bool:
        return value


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in a range; 384.0 is whole, as in JSON."""

    least: int
    most: int

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value % 1:
            return faults.add(path, f"must be a whole number from {self.least} to {self.most}, not {show(value)}")
        if not self.least <= value <= self.most:
            return faults.add(path, f"must be from {self.least} to {self.most}, not {show(value)}")
        return int(value)

    def schema(self) -> JsonObject:
        return {"type": "integer", "format": "int64", "minimum": self.least, "maximum": self.most}

    def write(self, value: int) -> int:
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range; `above` leaves the least one out."""

    least: int
    most: int
    above: bool = False

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self._holds(value):
            range_ = f"above {self.least}, up to" if self.above else f"from {self.least} to"
            return faults.add(path, f"must be a number {range_} {self.most}, not {show(value)}")
        return float(value)

    def _holds(self, value: float) -> bool:
        return self.least <= value <= self.most and not (self.above and value == self.least)

    def schema(self) -> JsonObject:
        exclusive = {"exclusiveMinimum": True} if self.above else {}
        return {"type": "number", "minimum": self.least, **exclusive, "maximum": self.most}

    def write(self, value: float) -> float:
        return value


@dataclass(frozen=True, slots=True)
class Duration:
    """`30m`, `24h`, `30d` or seconds; milliseconds in the model, where None is "no expiry", as 0 in JSON."""

    def read(self, value: object, path: str, faults: Faults) -> Any:
        try:
            return durations.parse(value) or None
        except durations.InvalidDuration as error:
            return faults.add(path, f"{error}, not {show(value)}")

    def schema(self) -> JsonObject:
        return {
            "x-kubernetes-int-or-string": True,
            "multipleOf": 1,  # the API server's int-or-string takes 0.5
            "minimum": 0,
            "maximum": durations.MAX_SECONDS,
            "maxLength": durations.MAX_LENGTH,
            "pattern": durations.PATTERN,
        }

    def write(self, value: int | None) -> str | int:
        return durations.render(value or 0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of CPU, memory or storage in Kubernetes' notation, kept as its text; `whole` allows numbers too."""

    whole: bool = True

    def read(self, value: object, path: str, faults: Faults) -> Any:
        if self.whole and isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
            value = str(int(value))
        if not isinstance(value, str) or not matches(quantities.PATTERN, value):
            return faults.add(path, f"must be an amount such as 500m, 2, 512Mi or 1Gi, not {show(value)}")
        return value

    def schema(self) -> JsonObject:
        kind: JsonObject = {
            "x-kubernetes-int-or-string": True,
            "multipleOf": 1,
            "minimum": 0,
            "maximum": quantities.MAX_WHOLE,
        }
        kind = kind if self.whole else {"type": "string"}
        return kind | {"maxLength": quantities.MAX_LENGTH, "pattern": quantities.PATTERN}

    def write(self, value: str) -> str:
        return value
