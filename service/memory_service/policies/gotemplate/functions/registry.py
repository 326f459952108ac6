"""How a function is declared and called: checked in number, charged before it works, bounded in what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter, signature
from typing import Any, Final, TypeVar

from memory_service.policies.gotemplate.budget import NESTING, OUTPUT, Budget
from memory_service.policies.gotemplate.faults import TemplateError, TooCostly
from memory_service.policies.gotemplate.values import Value, is_number, kind, text

Work = TypeVar("Work", bound=Callable[..., Value])
LEAST: Final = -(1 << 63)
MOST: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """What a few functions need beside their arguments."""

    now: datetime
    budget: Budget


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates. `deep` ones pay for all the data they are given, others for its outermost level.

    `lazy` marks `and` (False) and `or` (True): the truth that ends the evaluation of their arguments.
    """

    name: str
    work: Callable[..., Value]
    least: int
    most: int | None
    deep: bool = False
    runs: bool = False
    lazy: bool | None = None

    def check_count(self, count: int) -> None:
        """Raises TemplateError unless it takes that many arguments."""
        if count < self.least or (self.most is not None and count > self.most):
            wanted = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most or 'any number of'}"
            raise TemplateError(f"calls {self.name} with {count} arguments; it takes {wanted}")

    def __call__(self, arguments: Sequence[Value], now: datetime, budget: Budget) -> Value:
        budget.step(2)
        for argument in arguments:
            charge(argument, budget, deep=self.deep)
        try:
            given = (Run(now, budget), *arguments) if self.runs else arguments
            return _bounded(self.work(*given))
        except TooCostly:
            raise
        except TemplateError as fault:
            raise TemplateError(f"cannot do {self.name}: {fault}") from None


def _bounded(value: Value) -> Value:
    if isinstance(value, str | list) and len(value) > OUTPUT:
        raise TemplateError(f"the result is larger than {OUTPUT}")
    if isinstance(value, int) and not LEAST <= value <= MOST:
        raise TemplateError("the result is beyond 64 bits")
    return value


def charge(value: Value, budget: Budget, *, deep: bool, depth: int = 0) -> None:
    """Pay for reading a value. Raises TemplateError, also for data that nests too deep."""
    if isinstance(value, str):
        budget.text(len(value))
    elif isinstance(value, Mapping | list):
        budget.step(1 + len(value) // 16)
        if deep:
            if depth >= NESTING:
                raise TemplateError(f"is given data that nests more than {NESTING} levels deep")
            for item in value.values() if isinstance(value, Mapping) else value:
                budget.step()
                charge(item, budget, deep=True, depth=depth + 1)


class Family(dict[str, Function]):
    """The functions of a module, by name."""

    def add(
        self, *names: str, deep: bool = False, runs: bool = False, lazy: bool | None = None
    ) -> Callable[[Work], Work]:
        """Declare a function under names; how many arguments it takes is read from its signature."""

        def declare(work: Work) -> Work:
            parameters = list(signature(work).parameters.values())[1 if runs else 0 :]
            least = sum(each.default is Parameter.empty and each.kind is not each.VAR_POSITIONAL for each in parameters)
            endless = any(each.kind is each.VAR_POSITIONAL for each in parameters)
            for name in names:
                self[name] = Function(name, work, least, None if endless else len(parameters), deep, runs, lazy)
            return work

        return declare


# --- what arguments must be -------------------------------------------------------------------------------------------


def a_text(value: Value) -> str:
    """A string. Raises TemplateError, as the others do."""
    if not isinstance(value, str):
        raise TemplateError(f"needs a string, not {kind(value)}")
    return value


def an_int(value: Value) -> int:
    """A whole number; a float without a fraction is one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"needs a whole number, not {kind(value)}")
    return value


def a_number(value: Value) -> Any:
    """An int or a float."""
    if not is_number(value):
        raise TemplateError(f"needs a number, not {kind(value)}")
    return value


def a_list(value: Value) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise TemplateError(f"needs a list, not {kind(value)}")
    return value


def a_map(value: Value) -> Mapping[str, Any]:
    """A map."""
    if not isinstance(value, Mapping):
        raise TemplateError(f"needs a map, not {kind(value)}")
    return value


def words(value: Value, budget: Budget) -> str:
    """Any value as text."""
    return text(value, budget, inside=True)
