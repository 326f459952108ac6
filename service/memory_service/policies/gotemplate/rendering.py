"""Rendering: a tree over data, a step at a time, within a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from memory_service.policies.gotemplate import values
from memory_service.policies.gotemplate.budget import NESTING, Budget
from memory_service.policies.gotemplate.faults import TemplateError, TooCostly
from memory_service.policies.gotemplate.functions import FUNCTIONS
from memory_service.policies.gotemplate.nodes import (
    Body,
    Call,
    Chain,
    Command,
    Field,
    If,
    Leave,
    Node,
    Operand,
    Output,
    Path,
    Pipeline,
    Range,
    Text,
    Variable,
    With,
)
from memory_service.policies.gotemplate.nodes import Literal as LiteralNode
from memory_service.policies.gotemplate.parser import parse
from memory_service.policies.gotemplate.values import Value

Signal = Literal["break", "continue"] | None


class Absent(NamedTuple):
    """Stands for "nothing was piped in", which nil is not."""


ABSENT: Final = Absent()
_TREES: Final[dict[str, tuple[int, Body]]] = {}
"""Parsed templates and what parsing them cost: keyed memories send the same few again and again."""
_TREES_KEPT: Final = 256
_MOST_KEPT: Final = 4_096


def is_template(text: str) -> bool:
    """Whether a text has anything to render."""
    return "{{" in text


def render(source: str, context: Mapping[str, object], now: datetime, budget: Budget) -> str:
    """The template's text over a context of plain data. Raises TemplateError."""
    if not is_template(source):
        budget.write(len(source))
        return source
    run = _Run(context, now, budget)
    run.body(_parsed(source, budget), context)
    return "".join(run.out)


@dataclass(frozen=True, slots=True)
class Rendered:
    """Data with every string rendered; or, where some could not be, each one's JSON Pointer and error."""

    value: object
    faults: tuple[tuple[str, TemplateError], ...] = ()


def render_tree(value: object, context: Mapping[str, object], now: datetime, budget: Budget) -> Rendered:
    """Every string inside plain data rendered; keys stay as they are.

    A string that is nothing but one path stands for what is there, of whatever kind. A text that merely looks like JSON
    stays a text. Raises TooCostly.
    """
    faults: list[tuple[str, TemplateError]] = []

    def walk(item: object, path: str, depth: int) -> object:
        if isinstance(item, str):
            try:
                return _value_of(item, context, now, budget)
            except TooCostly:
                raise
            except TemplateError as fault:
                faults.append((path, fault))
        elif depth >= NESTING:
            faults.append((path, TemplateError(f"nests more than {NESTING} levels deep")))
        elif isinstance(item, Mapping):
            return {key: walk(each, f"{path}/{escaped(key)}", depth + 1) for key, each in item.items()}
        elif isinstance(item, list):
            return [walk(each, f"{path}/{place}", depth + 1) for place, each in enumerate(item)]
        return item

    return Rendered(walk(value, "", 0), tuple(faults))


def written(value: object) -> str:
    """A plain value as templates write it."""
    return values.text(value, Budget())


def escaped(key: str) -> str:
    """A key as a JSON Pointer writes it (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _value_of(source: str, context: Mapping[str, object], now: datetime, budget: Budget) -> object:
    if is_template(source):
        match _parsed(source.strip(), budget):
            case (Output(Pipeline((Command((Field(path),)),), ())),) if path:
                return _Run(context, now, budget).path(context, path)
    return render(source, context, now, budget)


def _parsed(source: str, budget: Budget) -> Body:
    """The tree of a template. A known one costs as much as a new one, so answers do not depend on who came before."""
    if (known := _TREES.get(source)) is not None:
        budget.step(known[0])
        return known[1]
    before = budget.steps
    body = parse(source, FUNCTIONS, budget)
    if len(source) <= _MOST_KEPT:
        if len(_TREES) >= _TREES_KEPT:
            _TREES.clear()
        _TREES[source] = before - budget.steps, body
    return body


class _Run:
    """One rendering. Variables are a stack of (name, value); a block drops what it declared."""

    __slots__ = ("_budget", "_depth", "_now", "_root", "_variables", "out")

    def __init__(self, context: Mapping[str, object], now: datetime, budget: Budget) -> None:
        self._root = context
        self._now = now
        self._budget = budget
        self._depth = 0
        self._variables: list[tuple[str, Value]] = [("", context)]
        self.out: list[str] = []

    # --- nodes --------------------------------------------------------------------------------------------------------

    def body(self, nodes: Body, dot: Value) -> Signal:
        """Write nodes; the word that cuts a range short, if one was met. Variables declared here end here."""
        known = len(self._variables)
        signal: Signal = None
        for node in nodes:
            self._budget.step()
            signal = self._node(node, dot)
            if signal is not None:
                break
        del self._variables[known:]
        return signal

    def _node(self, node: Node, dot: Value) -> Signal:
        match node:
            case Text(text):
                self._write(text)
            case Output(pipeline):
                value = self._pipeline(pipeline, dot)
                if not pipeline.names:
                    self._write(values.text(value, self._budget))
            case Range():
                return self._range(node, dot)
            case If() | With():
                return self._choice(node, dot)
            case Leave(word):
                return "break" if word == "break" else "continue"
        return None

    def _write(self, text: str) -> None:
        self._budget.write(len(text))
        self.out.append(text)

    def _choice(self, node: If | With, dot: Value) -> Signal:
        known = len(self._variables)
        value = self._pipeline(node.pipeline, dot)
        if values.truth(value):
            signal = self.body(node.then, value if isinstance(node, With) else dot)
        else:
            signal = self.body(node.otherwise, dot)
        del self._variables[known:]
        return signal

    def _range(self, node: Range, dot: Value) -> Signal:
        known = len(self._variables)
        pipeline = node.pipeline
        value = self._pipeline(Pipeline(pipeline.commands), dot)
        ran = False
        for key, item in self._elements(value):
            self._budget.step()
            ran = True
            self._set_elements(pipeline, key, item)
            signal = self.body(node.then, item)
            if pipeline.declares:
                del self._variables[known:]
            if signal == "break":
                break
        return None if ran else self.body(node.otherwise, dot)

    def _elements(self, value: Value) -> Iterator[tuple[Value, Value]]:
        """(key, element) of what can be ranged over: a list, a map by sorted keys, the numbers below a number."""
        if isinstance(value, list):
            return enumerate(value)
        if isinstance(value, Mapping):
            self._budget.step(len(value) // 4)
            return ((key, value[key]) for key in sorted(value))
        if isinstance(value, int) and not isinstance(value, bool):
            return ((number, number) for number in range(value))
        if value is None:
            return iter(())
        raise TemplateError(f"cannot range over {values.kind(value)}")

    def _set_elements(self, pipeline: Pipeline, key: Value, item: Value) -> None:
        given = (item,) if len(pipeline.names) == 1 else (key, item)
        for name, value in zip(pipeline.names, given, strict=False):
            self._keep(name, value, declares=pipeline.declares)

    def _keep(self, name: str, value: Value, *, declares: bool) -> None:
        if declares:
            self._variables.append((name, value))
            return
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return

    # --- values -------------------------------------------------------------------------------------------------------

    def _pipeline(self, pipeline: Pipeline, dot: Value) -> Value:
        value: Value = ABSENT
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        for name in pipeline.names:
            self._keep(name, value, declares=pipeline.declares)
        return value

    def _command(self, command: Command, dot: Value, piped: Value) -> Value:
        first = command.operands[0]
        if isinstance(first, Call):
            return self._call(first.name, command.operands[1:], dot, piped)
        return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: Value) -> Value:
        self._budget.step()
        match operand:
            case LiteralNode(value):
                return value
            case Field(path):
                return self.path(dot, path)
            case Variable(name, path):
                found = next(value for known, value in reversed(self._variables) if known == name)
                return self.path(found, path, f"${name}")
            case Chain(pipeline, path):
                return self.path(self._pipeline(pipeline, dot), path, "(...)")
            case Call(name):
                return self._call(name, (), dot, ABSENT)

    def path(self, value: Value, path: Path, start: str = "") -> Value:
        """What a path leads to."""
        for place, name in enumerate(path, 1):
            value = values.member(value, name, start + "".join(f".{step}" for step in path[:place]))
        return value

    def _call(self, name: str, operands: tuple[Operand, ...], dot: Value, piped: Value) -> Value:
        function = FUNCTIONS[name]
        function.check_count(len(operands) + (piped is not ABSENT))
        if function.lazy is not None:
            return self._lazily(function.lazy, operands, dot, piped)
        arguments = [self._operand(operand, dot) for operand in operands]
        if piped is not ABSENT:
            arguments.append(piped)
        return function(arguments, self._now, self._budget)

    def _lazily(self, stops_at: bool, operands: tuple[Operand, ...], dot: Value, piped: Value) -> Value:
        """`and`, `or`: the first argument that decides, or the last; what follows it is not evaluated."""
        value: Value = None
        for operand in operands:
            value = self._operand(operand, dot)
            if values.truth(value) is stops_at:
                return value
        return value if piped is ABSENT else piped
