"""From tokens to a tree, by recursive descent. Functions and variables are checked here, before anything renders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from memory_service.policies.gotemplate.budget import NESTING, Budget
from memory_service.policies.gotemplate.faults import TemplateError, shown
from memory_service.policies.gotemplate.lexer import Token, number_value, string_value, tokens
from memory_service.policies.gotemplate.nodes import (
    Body,
    Call,
    Chain,
    Command,
    Field,
    If,
    Leave,
    Literal,
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

BLOCKS: Final[Mapping[str, type[If | With | Range]]] = {"if": If, "with": With, "range": Range}
LEFT_OUT: Final = ("define", "template", "block", "call")
_CONSTANTS: Final = {"true": True, "false": False, "nil": None}
_OPENS: Final = ("string", "number", "field", "variable", "name", "(", ".")


def parse(source: str, functions: Iterable[str], budget: Budget) -> Body:
    """The template's tree. Raises TemplateError."""
    parser = _Parser(source, frozenset(functions), budget)
    body, end = parser.body(())
    assert end is None
    return body


class _Parser:
    def __init__(self, source: str, functions: frozenset[str], budget: Budget) -> None:
        self._tokens = tokens(source, budget)
        self._functions = functions
        self._ahead: Token | None = None
        self._variables = [""]
        self._depth = 0
        self._ranges = 0

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _peek(self) -> Token | None:
        if self._ahead is None:
            self._ahead = next(self._tokens, None)
        return self._ahead

    def _next(self, what: str = "more") -> Token:
        token = self._peek()
        if token is None:
            raise TemplateError(f"ends where {what} is expected")
        self._ahead = None
        return token

    def _take(self, kind: str) -> Token | None:
        token = self._peek()
        return self._next() if token is not None and token.kind == kind else None

    def _expect(self, kind: str, what: str) -> Token:
        token = self._next(what)
        if token.kind != kind:
            raise TemplateError(f"has {shown(token.text)} at character {token.at} where {what} is expected")
        return token

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > NESTING:
            raise TemplateError(f"nests more than {NESTING} levels deep at character {token.at}")

    # --- structure ----------------------------------------------------------------------------------------------------

    def body(self, ends: tuple[str, ...]) -> tuple[Body, Token | None]:
        """Nodes up to one of the words `ends`, which is returned with its token taken; without words, up to the end."""
        nodes: list[Node] = []
        while (token := self._peek()) is not None:
            if token.kind == "text":
                nodes.append(Text(self._next().text))
                continue
            if token.kind == "name" and token.text in ("end", "else"):
                if token.text not in ends:
                    raise TemplateError(
                        f"has {{{{ {token.text} }}}} at character {token.at}, which belongs to no block"
                    )
                return tuple(nodes), self._next()
            nodes.append(self._action(token))
        if ends:
            raise TemplateError("ends inside a block: {{ end }} is missing")
        return tuple(nodes), None

    def _action(self, token: Token) -> Node:
        if token.kind == "name":
            if token.text in BLOCKS:
                self._next()
                return self._block(token)
            if token.text in ("break", "continue"):
                return self._leave(self._next())
            if token.text in LEFT_OUT:
                raise TemplateError(f"uses {token.text} at character {token.at}, which is not supported here")
        pipeline = self._pipeline()
        self._expect("end", "}}")
        return Output(pipeline)

    def _leave(self, token: Token) -> Leave:
        self._expect("end", "}}")
        if not self._ranges:
            raise TemplateError(f"has {{{{ {token.text} }}}} at character {token.at}, outside of any range")
        return Leave(token.text)

    def _block(self, opener: Token) -> Node:
        """`if`, `with` or `range`, whose word is taken already, to its `end`."""
        self._deeper(opener)
        known = len(self._variables)
        in_range = opener.text == "range"
        pipeline = self._pipeline(most_names=2 if in_range else 1)
        self._expect("end", "}}")
        self._ranges += in_range
        then, closer = self.body(("end", "else"))
        self._ranges -= in_range
        otherwise: Body = ()
        if closer is not None and closer.text == "else":
            otherwise = self._otherwise(opener)
        else:
            self._expect("end", "}}")
        del self._variables[known:]
        self._depth -= 1
        return BLOCKS[opener.text](pipeline, then, otherwise)

    def _otherwise(self, opener: Token) -> Body:
        """What follows `else`: a body to `end`, or another `if` or `with`, which shares our `end`."""
        again = self._take("name")
        if again is None:
            self._expect("end", "}}")
            body, closer = self.body(("end",))
            assert closer is not None
            self._expect("end", "}}")
            return body
        if again.text != opener.text or opener.text == "range":
            raise TemplateError(f"has {shown(again.text)} after else at character {again.at}")
        return (self._block(again),)

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def _pipeline(self, most_names: int = 1) -> Pipeline:
        names, declares, command = self._names(most_names)
        commands = [command or self._command()]
        while self._take("|"):
            commands.append(self._command())
        for later in commands[1:]:
            if not isinstance(later.operands[0], Call):
                raise TemplateError("pipes a value into something that is no function")
        if declares:
            self._variables += names
        return Pipeline(tuple(commands), names, declares)

    def _names(self, most: int) -> tuple[tuple[str, ...], bool, Command | None]:
        """`$x :=`, `$x =` or `$i, $x :=`, where they stand; else the first command, if a variable began it."""
        first = self._take("variable")
        if first is None:
            return (), False, None
        names = [first.text[1:]]
        if most == 2 and self._take(","):
            names.append(self._expect("variable", "a variable").text[1:])
        if self._take("declare"):
            if "" in names:
                raise TemplateError(f"has a variable without a name at character {first.at}")
            return tuple(names), True, None
        if self._take("="):
            for name in names:
                self._known(name, first)
            return tuple(names), False, None
        if len(names) == 2:
            raise TemplateError(f"has a list of variables at character {first.at} that is not assigned: use :=")
        return (), False, self._command(first)

    def _known(self, name: str, token: Token) -> None:
        if name not in self._variables:
            raise TemplateError(f"uses ${name} at character {token.at}, which has no value yet: use $name := value")

    def _command(self, first: Token | None = None) -> Command:
        operands: list[Operand] = []
        if first is not None:
            operands.append(self._operand(first))
        while (token := self._peek()) is not None and token.kind in _OPENS:
            if operands and token.glued:
                raise TemplateError(f"needs a space before {shown(token.text)} at character {token.at}")
            operands.append(self._operand(self._next()))
        if not operands:
            token = self._next("a value")
            raise TemplateError(f"has {shown(token.text)} at character {token.at} where a value is expected")
        if len(operands) > 1 and not isinstance(operands[0], Call):
            raise TemplateError("gives arguments to something that is no function")
        return Command(tuple(operands))

    def _operand(self, token: Token) -> Operand:
        match token.kind:
            case "string":
                return Literal(string_value(token))
            case "number":
                return Literal(number_value(token))
            case "name":
                return self._word(token)
            case "variable":
                self._known(token.text[1:], token)
                return Variable(token.text[1:], self._path())
            case "field":
                return Field((token.text[1:], *self._path()))
            case ".":
                return Field(())
        self._deeper(token)
        pipeline = self._pipeline(most_names=0)
        self._expect(")", "a closing parenthesis")
        self._depth -= 1
        return Chain(pipeline, self._path())

    def _word(self, token: Token) -> Operand:
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text])
        if token.text not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise TemplateError(f"calls {shown(token.text)}, which is no function here; there are: {known}")
        return Call(token.text)

    def _path(self) -> Path:
        """The names that are glued to what came before."""
        names = []
        while (token := self._peek()) is not None and token.kind == "field" and token.glued:
            names.append(self._next().text[1:])
        return tuple(names)
