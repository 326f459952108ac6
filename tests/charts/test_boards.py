"""The Grafana boards keep the rules of grafana/dashboard-linter, and every query parses.

That each query also returns data is checked against a real Prometheus: `python -m e2e.demo.board_check`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
from grafana_foundation_sdk.models import dashboard as models

from charts.boards import __main__ as boards
from charts.boards import queries
from docs import families
from tests.charts.rendering import Manifest

DOCUMENTS = [json.loads(text) for text in boards.files().values()]
PANELS = [panel for document in DOCUMENTS for panel in document["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


def selectors(expression: object) -> Iterator[promql_parser.VectorSelector]:
    """Every selector in a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for part in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        if (inner := getattr(expression, part, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(expression, "args", ()):
        yield from selectors(argument)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["title"])
def test_a_board_survives_the_sdks_own_types(document: Manifest) -> None:
    board = models.Dashboard.from_json(document)

    assert board.uid == document["uid"]
    assert board.editable is False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["title"])
def test_variables_choose_the_source_and_filter_by_everything_or_several(document: Manifest) -> None:
    source, *filters = document["templating"]["list"]

    assert (source["type"], source["name"]) == ("datasource", "datasource")
    assert [variable["name"] for variable in filters] == ["job", "namespace", "memory"]
    for variable in filters:
        assert variable["multi"] and variable["includeAll"] and variable["allValue"] == ".+"
        assert variable["refresh"] == 2, "reloaded when the time range changes"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit(panel: Manifest) -> None:
    assert panel["title"] and panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in {"short", "none", "ops", "s", "percentunit"}
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["title"])
def test_panels_have_a_place_and_a_name_of_their_own(document: Manifest) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells

    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    rows = [panel["title"] for panel in document["panels"] if panel["type"] == "row"]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("expression", [expression for _, expression in QUERIES], ids=[title for title, _ in QUERIES])
def test_a_query_parses_and_filters_by_job(expression: str) -> None:
    parsed = promql_parser.parse(queries.substituted(expression))

    found = list(selectors(parsed))
    assert found
    for selector in found:
        assert "job" in {matcher.name for matcher in selector.matchers.matchers}


@pytest.mark.parametrize("expression", [expression for _, expression in QUERIES], ids=[title for title, _ in QUERIES])
def test_counters_are_only_shown_as_rates(expression: str) -> None:
    for name in re.findall(r"\bmemory_\w+_(?:total|bucket)\b", expression):
        assert re.search(rf"\b(rate|increase)\({name}\b", expression), name


def test_names_of_queries_are_names_that_somebody_exports() -> None:
    exported = families.series()

    used = {name for _, expression in QUERIES for name in re.findall(r"\bmemory_\w+\b(?=\{)", expression)}

    assert used <= exported, used - exported
    assert len(used) > 20
