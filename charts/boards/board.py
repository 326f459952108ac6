"""What a Grafana board is made of, as values, and how those become the SDK's types. Pure.

A board is a list of rows, a row a list of panels, a panel a few queries. The rules of grafana/dashboard-linter for
panels (a description, a unit, a data source variable, a legend) hold by construction: none of these has a default.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.units import NoUnit, OpsPerSecond, PercentUnit, Seconds, Short

DATASOURCE: Final = "datasource"
RATE: Final = "$__rate_interval"
WIDTH: Final = 24
GREEN, YELLOW, RED = "green", "yellow", "red"


class Unit(StrEnum):
    """The units of our panels, in Grafana's spelling."""

    COUNT = Short
    NUMBER = NoUnit
    PER_SECOND = OpsPerSecond
    SECONDS = Seconds
    SHARE = PercentUnit


class Kind(StrEnum):
    """How a panel shows its series."""

    GRAPH = "graph"
    STACKED = "stacked"
    FIGURE = "figure"
    STATES = "states"


@dataclass(frozen=True)
class Query:
    """One expression, and the name of each series it gives."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One drawing. `alarm` is (warning, critical): from there on a figure turns yellow, red."""

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Kind = Kind.GRAPH
    width: int = 8
    height: int = 7
    alarm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """Panels under one heading, laid out from left to right, wrapping at 24 columns."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A list to choose from above the board; several at a time, everything by default."""

    name: str
    label: str
    query: str


@dataclass(frozen=True)
class Board:
    """A whole board. `uid` is part of every link to it: never change it."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]


def render(board: Board) -> str:
    """The board as the JSON text that Grafana imports."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["memory-platform"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable(DATASOURCE).label("Data source").type("prometheus"))
    )
    for variable in board.variables:
        builder.with_variable(_variable(variable))
    line, ids = 0, itertools.count(1)
    for row in board.rows:
        builder.with_row(dashboard.Row(row.title).id(next(ids)).grid_pos(_place(0, line, WIDTH, 1)))
        line += 1
        for panel, (column, below) in zip(row.panels, layout(row.panels), strict=True):
            place = _place(column, line + below, panel.width, panel.height)
            builder.with_panel(_panel(panel, place).id(next(ids)))
        line += depth(row.panels)
    return json.dumps(builder.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def layout(panels: Sequence[Panel]) -> list[tuple[int, int]]:
    """Column and line of each panel below its row's heading; panels of one line share the height of its first."""
    places, column, line = [], 0, 0
    height = panels[0].height
    for panel in panels:
        if column + panel.width > WIDTH:
            column, line, height = 0, line + height, panel.height
        places.append((column, line))
        column += panel.width
    return places


def depth(panels: Sequence[Panel]) -> int:
    """Lines that the panels of a row take."""
    return max(line + panel.height for panel, (_, line) in zip(panels, layout(panels), strict=True))


def _place(column: int, line: int, width: int, height: int) -> models.GridPos:
    return models.GridPos(x=column, y=line, w=width, h=height)


def _source() -> models.DataSourceRef:
    return models.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE}}}")


def _variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_source())
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _panel(panel: Panel, place: models.GridPos) -> Any:
    drawn = (
        DRAWN[panel.kind](panel)
        .title(panel.title)
        .description(panel.description)
        .datasource(_source())
        .unit(panel.unit.value)
        .grid_pos(place)
    )
    for index, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + index))
        drawn.with_target(target.datasource(_source()).range())
    return drawn


def _graph(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .fill_opacity(8)
        .line_width(1)
        .min(0)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True).calcs([]))
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )


def _stacked(panel: Panel) -> timeseries.Panel:
    return _graph(panel).fill_opacity(40).stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))


def _figure(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .thresholds(_thresholds(panel.alarm))
    )


def _states(panel: Panel) -> statetimeline.Panel:
    words = {"1": ("ok", GREEN), "0.5": ("degraded", YELLOW), "0": ("failed", RED)}
    options = {value: models.ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()}
    return (
        statetimeline.Panel()
        .mappings([models.ValueMap(options=options)])
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(None))
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions().show_legend(False).display_mode(common_models.LegendDisplayMode.HIDDEN).calcs([])
        )
    )


def _thresholds(alarm: tuple[float, float] | None) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=GREEN)]
    if alarm:
        steps += [models.Threshold(value=alarm[0], color=YELLOW), models.Threshold(value=alarm[1], color=RED)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


DRAWN: Final[dict[Kind, Callable[[Panel], Any]]] = {
    Kind.GRAPH: _graph,
    Kind.STACKED: _stacked,
    Kind.FIGURE: _figure,
    Kind.STATES: _states,
}
