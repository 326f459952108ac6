"""`{var}` templates of conversation actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.errors import Refused
from memory_service.operations.templates import render

VARIABLES = {"a": "A", "n": 7, "ok": True, "deep": {"x": {"y-z": "here"}}, "list": [{"b": 1}], "trick": "{a}"}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{a}", "A"),
        ("x{a}y{a}z", "xAyAz"),
        ("{n} {ok}", "7 true"),
        ("{deep.x.y-z}", "here"),
        ("{list.0.b}", "1"),
        ("{deep}", '{"x":{"y-z":"here"}}'),
        ("{trick}", "{a}"),
        ("{}", "{}"),
        ("{ a }", "{ a }"),
        ('{"a": 1}', '{"a": 1}'),
        ("{{a}}", "{A}"),
        ("if (x) { return; }", "if (x) { return; }"),
        ("{1}", "{1}"),
        ("{a.}", "{a.}"),
    ],
)
def test_names_are_replaced_once_and_other_braces_stay(text: str, rendered: str) -> None:
    assert render(text, VARIABLES, "/content") == (rendered, [])


@pytest.mark.parametrize("name", ["b", "a.b", "deep.q", "list.9", "list.x", "n.real", "a.__class__"])
def test_a_name_without_value_is_a_fault_that_names_it(name: str) -> None:
    _, faults = render(f"x {{{name}}} {{{name}}}", VARIABLES, "/content")
    assert [(fault.path, fault.code) for fault in faults] == [("/content", "invalid_template")]
    assert f"{{{name}}}" in faults[0].message


def test_the_result_is_bounded() -> None:
    with pytest.raises(Refused) as refusal:
        render("{a}" * 2000, {"a": "x" * 1000}, "/content")
    assert refusal.value.code == "request_too_large"


@given(st.text(alphabet="{}a.x1 ", max_size=40))
def test_rendering_never_raises_on_any_text(text: str) -> None:
    render(text, VARIABLES, "")
