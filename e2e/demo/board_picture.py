"""Draw a Grafana board with the data of a real Prometheus as one SVG, each panel at its place: a look without Grafana.

python -m e2e.demo.board_picture http://127.0.0.1:9090 board.svg
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from charts.boards.queries import substituted
from e2e.demo.board_check import BOARDS, WINDOW_SECONDS
from e2e.demo.prometheus import RATE_INTERVAL, Prometheus

COLUMN, LINE, GAP = 60, 34, 6
COLOURS: Final = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0")
STATES: Final = {1.0: "#56a64b", 0.5: "#f2cc0c", 0.0: "#e02f44"}

Points = Sequence[tuple[float, float]]
Series = Sequence[tuple[str, Points]]


def main(arguments: Sequence[str]) -> int:
    """Write the picture of the first board."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    board = json.loads(next(iter(sorted(BOARDS.glob("*.json")))).read_text())
    Path(arguments[1]).write_text(picture(board, Prometheus(arguments[0].rstrip("/"))))
    return 0


def picture(board: Mapping[str, Any], prometheus: Prometheus) -> str:
    """The whole board as SVG."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) * LINE
    body = "".join(part for panel in board["panels"] for part in _panel(panel, prometheus))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{24 * COLUMN}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#111217"/>{body}</svg>'
    )


def _panel(panel: Mapping[str, Any], prometheus: Prometheus) -> Iterator[str]:
    at = panel["gridPos"]
    x, y = at["x"] * COLUMN + GAP, at["y"] * LINE + GAP
    width, height = at["w"] * COLUMN - 2 * GAP, at["h"] * LINE - 2 * GAP
    yield f'<g transform="translate({x},{y})">'
    if panel["type"] == "row":
        yield f'<text y="18" fill="#ccccdc" font-size="15" font-weight="bold">{escape(panel["title"])}</text></g>'
        return
    yield f'<rect width="{width}" height="{height}" fill="#181b1f" stroke="#2c3235"/>'
    yield f'<text x="8" y="16" fill="#ccccdc" font-weight="bold">{escape(panel["title"])}</text>'
    series = [one for target in panel["targets"] for one in _ask(target, prometheus)]
    yield from DRAWN[panel["type"]](series, width, height, panel["fieldConfig"]["defaults"]["unit"])
    yield "</g>"


def _ask(target: Mapping[str, Any], prometheus: Prometheus) -> Iterator[tuple[str, Points]]:
    for labels, points in prometheus.range(substituted(target["expr"], rate_interval=RATE_INTERVAL), WINDOW_SECONDS):
        name = target["legendFormat"]
        for label, text in labels.items():
            name = name.replace("{{" + label + "}}", text)
        finite = [(when, value) for when, value in points if value == value]
        if finite:
            yield name, finite


def _figure(series: Series, width: int, height: int, unit: str) -> Iterator[str]:
    for _, points in series[:1]:
        text = f"{points[-1][1]:g}{' s' if unit == 's' else ''}"
        place = f'x="{width / 2}" y="{height / 2 + 22}" text-anchor="middle"'
        yield f'<text {place} fill="#73bf69" font-size="34">{text}</text>'


def _graph(series: Series, width: int, height: int, unit: str) -> Iterator[str]:
    left, top, right, bottom = 46, 26, width - 8, height - 34
    if not series:
        yield f'<text x="{width / 2}" y="{height / 2}" fill="#8e8e8e" text-anchor="middle">No data</text>'
        return
    times = [when for _, points in series for when, _ in points]
    first, last = min(times), max(max(times), min(times) + 1)
    most = max(value for _, points in series for _, value in points) or 1.0
    for share in (0.0, 0.5, 1.0):
        y = bottom - (bottom - top) * share
        yield f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="#2c3235"/>'
        yield f'<text x="{left - 4}" y="{y + 4}" fill="#8e8e8e" text-anchor="end">{most * share:.3g}</text>'
    for (_, points), colour in zip(series, COLOURS * len(series), strict=False):
        across, up = (right - left) / (last - first), (bottom - top) / most
        line = " ".join(f"{left + (when - first) * across:.1f},{bottom - value * up:.1f}" for when, value in points)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    x = 8.0
    for (name, _), colour in zip(series, COLOURS * len(series), strict=False):
        if x + 7 * len(name) > width - 10:
            break
        yield f'<rect x="{x}" y="{height - 18}" width="10" height="3" fill="{colour}"/>'
        yield f'<text x="{x + 13}" y="{height - 13}" fill="#ccccdc">{escape(name)}</text>'
        x += 26 + 6.2 * len(name)
    yield f'<text x="{width - 8}" y="16" fill="#8e8e8e" text-anchor="end">{escape(unit)}</text>'


def _states(series: Series, width: int, height: int, unit: str) -> Iterator[str]:
    left, top = 260, 28
    times = [when for _, points in series for when, _ in points] or [0.0]
    first, last = min(times), max(max(times), min(times) + 1)
    tall = max(4.0, min(24.0, (height - top - 8) / max(1, len(series))))
    for index, (name, points) in enumerate(series):
        y = top + index * tall
        yield f'<text x="{left - 8}" y="{y + tall / 2 + 4}" fill="#ccccdc" text-anchor="end">{escape(name)}</text>'
        step = (width - left - 8) / max(1, len(points))
        for when, value in points:
            x = left + (when - first) / (last - first) * (width - left - 8 - step)
            colour = STATES.get(value, "#8e8e8e")
            yield f'<rect x="{x:.1f}" y="{y + 2}" width="{step + 0.6:.1f}" height="{tall - 4}" fill="{colour}"/>'


DRAWN: Final = {"stat": _figure, "timeseries": _graph, "state-timeline": _states}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
