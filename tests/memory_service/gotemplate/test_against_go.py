"""The same templates rendered by Go's text/template with Sprig, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory_service.policies.gotemplate import TemplateError

from tests.memory_service.gotemplate.rendering import GO, go, render

CONTEXT = {
    "workflow": {"input": {"user_id": "u-1", "name": "Ada <Lovelace> & co", "tags": ["b", "a", "b"], "none": None}},
    "prefs": {"theme": "dark", "size": 1.5, "deep": {"list": [True, None, "x"]}, "empty": ""},
    "list": ["one", "two", "three"],
    "zero": "",
    "quoted": 'say "hi"\n\tto \\ it\'s',
    "unicode": "héllo wörld ☃",
    "when": "2024-03-20T10:30:05Z",
    "yes": True,
    "no": False,
    "half": 0.5,
    "tiny": 0.00001,
    "nested": [["a", "b"], ["c"]],
}
CASES = [
    line for line in (Path(__file__).parent / "templates.txt").read_text().splitlines() if line[:1] not in ("#", "")
]

pytestmark = pytest.mark.skipif(not GO.exists(), reason="gotp is not installed: make install")


@pytest.fixture(scope="session")
def rendered() -> list[str]:
    """What Go makes of every case, in one process."""
    mark = "\n=====\n"
    together = go(mark.join(CASES), CONTEXT)
    assert together is not None, "Go refuses one of templates.txt"
    return together.split(mark)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_template_renders_as_go_renders_it(number: int, rendered: list[str]) -> None:
    case = CASES[number]

    assert render(case, **CONTEXT) == rendered[number]


REFUSED = (
    "{{ .missing }}", "{{ .workflow.nope.deeper }}", '{{ .missing | default "x" }}', "{{ nosuch 1 }}", "{{ if 1 }}x",
    "{{ end }}", "{{ .a", "{{ }}", "{{ 1 2 }}", '{{ "a" | "b" }}', "{{ $x }}", "{{ $x = 1 }}", "{{ break }}",
    "{{ else }}", "{{ if 1 }}{{ else }}{{ else }}{{ end }}", "{{ index .list 9 }}", "{{ index .list -1 }}",
    '{{ eq "a" 1 }}', '{{ lt "a" 1 }}', "{{ len 3 }}", "{{ upper 5 }}", '{{ "a\n" }}', '{{ "\\q" }}', "{{ ( 1 }}",
    "{{ 1 ) }}", "{{ slice .list 2 1 }}", '{{ fail "no" }}', "{{ range 1.5 }}{{ end }}", "{{ .list.name }}",
    "{{ .workflow.input.none.deeper }}", "{{ eq .list .list }}", "{{ not }}", "{{ 12x }}", "{{ $ | .list }}",
    "{{/* no end }}", "{{ trunc }}", "{{ if 1 }}{{ $y := 1 }}{{ end }}{{ $y }}",
)  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_go_refuses_is_refused_here(case: str) -> None:
    assert go(case, CONTEXT) is None, f"Go renders {case}"
    with pytest.raises(TemplateError):
        render(case, **CONTEXT)
