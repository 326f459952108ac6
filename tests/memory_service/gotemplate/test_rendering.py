"""What templates mean here beyond Go's own rules, and what they may never do."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from memory_service.policies.gotemplate import Budget, TemplateError, render_tree
from memory_service.policies.gotemplate.functions import FUNCTIONS
from memory_service.policies.gotemplate.functions.layouts import formatted

from tests.memory_service.gotemplate.rendering import GO, NOW, go, refusal, render

SECTION_FIVE = ("toJson", "now", "date", "default", "len", "index", "htmlEscape", "htmlAttrEscape", "jsEscape")
LAYOUTS = (
    "2006-01-02 15:04:05", "2006-01-02-15", "January Jan Januar Monday Mon Mondays MST", "_2 __2 002 2 02 _2006",
    "3:04:05 PM 03 pm 15", "06 1 01 4 5", "-0700 -07:00 -07 -070000 -07:00:00 Z0700 Z07:00 Z07 Z070000 Z07:00:00",
    "05.000 05.000000 05.999 05,000 .0001 5.9 .00", "2006-01-02T15:04:05Z07:00", "Mon Jan 2 15:04:05 MST 2006",
    "02/01/06 20060102150405", "no elements here? a b c", "12 17 22 33 44 55 66 77 007", "",
)  # fmt: skip


def tree(value: object, **context: object) -> object:
    rendered = render_tree(value, context, NOW, Budget())
    assert rendered.faults == ()
    return rendered.value


@pytest.mark.parametrize("name", SECTION_FIVE)
def test_every_function_that_the_sources_name_is_there(name: str) -> None:
    assert name in FUNCTIONS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_shows_a_time_as_go_shows_it(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    moment = datetime(2024, 3, 5, 7, 8, 9, tzinfo=UTC)

    if not GO.exists():
        pytest.skip("gotp is not installed: make install")
    assert formatted(moment, layout) == go(f"{{{{ date `{layout}` {int(moment.timestamp())} }}}}", {})


def test_fractions_of_a_second_follow_the_layout() -> None:
    assert formatted(NOW, "05.000 05.999999 05,00") == "05.678 05.678 05,67"


def test_single_quotes_are_strings() -> None:
    assert render("{{ now | date '2006-01-02' }} {{ 'it\\'s' }} {{ 'a' | upper }}") == "2024-03-20 it's A"


def test_a_bare_now_is_rfc_3339_from_the_clock_given() -> None:
    assert render("{{ now }}") == "2024-03-20T10:30:05.678Z"
    assert render("{{ toJson now }}") == '"2024-03-20T10:30:05.678Z"'
    assert render("{{ now | dateModify '-1h30m' | date '15:04' }}") == "09:00"


def test_names_may_hold_hyphens() -> None:
    tasks = {"fetch-user": {"output": {"id": 7}}}

    assert render("{{ .tasks.fetch-user.output.id }}", tasks=tasks) == "7"
    assert render("{{ $.tasks.fetch-user.output.id -}} .", tasks=tasks) == "7."


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("{{ .workflow.input.user_id }}", ".workflow.input.user_id"),
        ("{{ .workflow.nope.user_id }}", ".workflow.nope"),
        ("{{ .workflow.null.user_id }}", ".workflow.null.user_id"),
        ("{{ .workflow.text.user_id }}", ".workflow.text.user_id"),
        ("{{ $x := .workflow }}{{ $x.gone }}", "$x.gone"),
        ("{{ with .workflow }}{{ .gone }}{{ end }}", ".gone"),
    ],
)
def test_a_missing_path_is_named(source: str, path: str) -> None:
    assert repr(path) in refusal(source, workflow={"input": {}, "null": None, "text": "x"})


def test_an_unknown_function_is_answered_with_those_there_are() -> None:
    text = refusal("{{ env 'HOME' }}")

    assert "'env'" in text
    assert "toJson" in text and "upper" in text


@pytest.mark.parametrize(
    "name",
    (
        "env",
        "expandenv",
        "getHostByName",
        "genPrivateKey",
        "randAlpha",
        "uuidv4",
        "derivePassword",
        "htpasswd",
        "osBase",
    ),
)
def test_nothing_reads_the_process_the_network_or_chance(name: str) -> None:
    assert name not in FUNCTIONS


@pytest.mark.parametrize("name", ("__class__", "upper", "__dict__", "keys", "year", "real"))
def test_python_attributes_are_out_of_reach(name: str) -> None:
    for value in ({"a": 1}, "text", 1, [1], None, True):
        assert "has no value" in refusal(f"{{{{ .x.{name} }}}}", x=value)
    assert "has no value" in refusal(f"{{{{ (now).{name} }}}}")


def test_numbers_keep_their_precision() -> None:
    assert render("{{ .id }} {{ toJson .id }} {{ .price }}", id=12345678901234567, price=1234567.5) == (
        "12345678901234567 12345678901234567 1234567.5"
    )
    assert render("{{ eq .n 3.0 }}", n=3) == "true"


def test_output_that_came_from_data_is_not_rendered_again() -> None:
    assert render("{{ .x }}", x="{{ now }}") == "{{ now }}"
    assert tree(["{{ .x }}"], x="{{ now }}") == ["{{ now }}"]


def test_a_payload_is_rendered_through_maps_and_lists() -> None:
    payload = {"role": "user", "content": "Hi {{ .name }}", "metadata": {"tags": ["{{ .name | lower }}", 3, None]}}

    assert tree(payload, name="Ada") == {
        "role": "user",
        "content": "Hi Ada",
        "metadata": {"tags": ["ada", 3, None]},
    }


def test_a_string_that_is_one_path_stands_for_what_is_there() -> None:
    assert tree("{{ .list }}", list=[{"a": 1}]) == [{"a": 1}]
    assert tree({"n": " {{ .n }} ", "b": "{{ .b }}", "s": "{{ .n }}!"}, n=5, b=True) == {"n": 5, "b": True, "s": "5!"}


def test_a_text_that_looks_like_json_stays_a_text() -> None:
    assert tree("{{ .x }} ", x='{"role": "system"}') == '{"role": "system"}'
    assert tree("{{ toJson .x }}", x={"a": 1}) == '{"a":1}'


def test_keys_of_maps_are_not_templates() -> None:
    assert tree({"{{ .x }}": 1}, x="y") == {"{{ .x }}": 1}


BIG = {"list": list(range(5000)), "text": "x" * 500_000, "map": {str(number): number for number in range(5000)}}
BOMBS = (
    "{{ range 1000000000 }}{{ end }}",
    "{{ range .list }}{{ range $.list }}{{ range $.list }}a{{ end }}{{ end }}{{ end }}",
    "{{ range .list }}{{ range $.map }}{{ break }}{{ end }}{{ end }}",
    "{{ range .list }}{{ toJson $ }}{{ end }}",
    "{{ range .list }}{{ $x := upper $.text }}{{ end }}",
    "{{ range .list }}{{ $x := without $.list 1 2 3 4 5 6 7 8 9 }}{{ end }}",
    "{{ repeat 1000000000 `aaaa` }}",
    "{{ $x := `a` }}" + "{{ $x = print $x $x }}" * 60 + "{{ $x }}",
    "{{ $x := list 1 }}" + "{{ $x = list $x $x }}" * 30 + "{{ $x }}",
    "{{ $x := list 1 }}" + "{{ $x = list $x $x }}" * 30 + "{{ toJson $x }}",
    "{{ $x := list 1 }}" + "{{ $x = concat $x $x }}" * 60,
    "{{ $x := int `9` }}" + "{{ $x = mul $x $x $x $x }}" * 60,
    "{{ printf `%99999999d` 1 }}",
    "{{ replace `` .text .text }}",
    "{{ join .text .list }}",
    "{{ indent 1000000000 `a` }}",
    "{{" + "(" * 100_000,
    "{{ if 1 }}" * 100_000,
    "{{ if 0 }}" + "{{ else if 0 }}" * 100_000 + "{{ end }}",
    "{{ 1 }}" * 100_000,
    "{{ print " + "1 " * 300_000 + "}}",
    "{{ 1" + " | print" * 100_000 + "}}",
    "{{ $." + ".".join("abc" * 10_000) + " }}",
    "{{/*" * 100_000,
    "{{'" + "\\" * 500_000,
    "{{ 1" + "0" * 500_000 + " }}",
)


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:60])
def test_no_template_costs_more_than_its_budget(bomb: str) -> None:
    started = time.process_time()

    with pytest.raises(TemplateError):
        render(bomb, **BIG)
    assert time.process_time() - started < 1.0


def test_every_faulty_string_of_a_payload_is_found() -> None:
    rendered = render_tree([{"a/b": "{{ .x }}", "c": ["{{ nope }}", "{{ .y }}"]}], {"y": 1}, NOW, Budget())

    assert [path for path, _ in rendered.faults] == ["/0/a~1b", "/0/c/0"]


def test_one_budget_covers_a_whole_request() -> None:
    budget = Budget(steps=500)

    with pytest.raises(TemplateError, match="too many steps"):
        render_tree(["{{ .x }}"] * 300, {"x": "a"}, NOW, budget)


def test_output_is_bounded_over_all_strings() -> None:
    with pytest.raises(TemplateError, match="more than 1048576 characters"):
        tree(["{{ .x }}!"] * 5, x="a" * 300_000)
