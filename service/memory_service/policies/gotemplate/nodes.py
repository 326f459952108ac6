"""What a template is made of, once parsed. `at` is the character where a part begins."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or nil (None)."""

    value: object


@dataclass(frozen=True, slots=True)
class Field:
    """`.a.b`, from the dot; `.` alone has no names."""

    path: Path


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x.a`; `$` alone is the context."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Chain:
    """`(pipeline).a.b`."""

    pipeline: Pipeline
    path: Path


@dataclass(frozen=True, slots=True)
class Call:
    """A function by name."""

    name: str


Operand = Literal | Field | Variable | Chain | Call


@dataclass(frozen=True, slots=True)
class Command:
    """An operand, or a function with its arguments."""

    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each the last argument of the next; its value may be kept under names."""

    commands: tuple[Command, ...]
    names: tuple[str, ...] = ()
    declares: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """What is written as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ pipeline }}`: written, unless it keeps its value under a name."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """`{{ if }}`."""

    pipeline: Pipeline
    then: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class With:
    """`{{ with }}`: the dot is the value inside."""

    pipeline: Pipeline
    then: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Range:
    """`{{ range }}`: once an element, the dot being the element."""

    pipeline: Pipeline
    then: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Leave:
    """`{{ break }}` or `{{ continue }}`."""

    word: str


Node = Text | Output | If | With | Range | Leave
Body = tuple[Node, ...]
