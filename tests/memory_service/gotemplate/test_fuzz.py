"""Whatever is written between the braces, a template renders or says why not; and what it renders, Go renders too."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_service.policies.gotemplate import Budget, TemplateError, render, render_tree
from memory_service.policies.gotemplate.functions import FUNCTIONS

from tests.memory_service.gotemplate.rendering import GO, NOW, go

numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
MARKS = """{{ }} {{- -}} ( ) | . $ $x := = , "a" 'b' `c` " ' ` 1 -2 1.5 1e9 0x .a .b-c .a.b /* */ \\ é"""
WORDS = "if else end range with break continue define nil true text"
pieces = st.sampled_from([*MARKS.split(), *WORDS.split(), " ", "\n", "\x00", *FUNCTIONS])


def attempt(source: str, context: dict[str, object]) -> str | None:
    started = time.process_time()
    try:
        return render(source, context, NOW, Budget())
    except TemplateError as error:
        assert str(error)
        return None
    finally:
        assert time.process_time() - started < 2.0


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=30), st.dictionaries(st.sampled_from("abcx"), plain, max_size=3))
def test_any_mixture_renders_or_is_refused(parts: list[str], context: dict[str, object]) -> None:
    attempt(" ".join(parts), context)
    attempt("".join(parts), context)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(plain, max_size=4))
def test_a_function_takes_any_arguments_or_refuses_them(name: str, arguments: list[object]) -> None:
    context: dict[str, object] = {f"a{number}": value for number, value in enumerate(arguments)}

    attempt(f"{{{{ {name} {' '.join(f'.{key}' for key in context)} }}}}", context)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_renders_or_is_refused(text: str) -> None:
    attempt(text, {})
    attempt("{{" + text + "}}", {})


@settings(max_examples=100, deadline=None)
@given(plain)
def test_any_payload_renders_or_is_refused(value: object) -> None:
    try:
        render_tree(value, {"a": value}, NOW, Budget())
    except TemplateError as error:
        assert str(error)


values = st.sampled_from([".s", ".l", ".m", ".t", ".f", ".e", '"x"', "`y z`", "true", '""', "(len .l)", "(index .l 0)"])
unary = st.sampled_from(["not", "len", "upper", "toJson", "quote", "first", "kindOf"])
binary = st.sampled_from(["and", "or", "eq", "default", "print", "cat", "contains", "has"])
expressions = st.recursive(
    values,
    lambda inner: st.builds("({} {})".format, unary, inner) | st.builds("({} {} {})".format, binary, inner, inner),
    max_leaves=6,
)
forms = st.sampled_from(
    [
        "{{ %s }}",
        "{{ if %s }}T{{ else }}F{{ end }}",
        "{{ with %s }}{{ . }}{{ end }}",
        "{{ %s | print }}",
        "a {{- %s -}} b",
    ]
)
CONTEXT: dict[str, object] = {"s": "se", "l": ["q", "r"], "m": {"k": "v"}, "t": True, "f": False, "e": ""}


@pytest.mark.skipif(not GO.exists(), reason="gotp is not installed: make install")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(forms, expressions), max_size=4))
def test_what_renders_here_is_what_go_renders(parts: list[tuple[str, str]]) -> None:
    source = "".join(form % expression for form, expression in parts)
    made = attempt(source, CONTEXT)

    if made is not None:
        assert made == go(source, CONTEXT)
