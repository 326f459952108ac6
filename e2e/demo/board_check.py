"""Run every query of the Grafana boards against a real Prometheus, and tell which return nothing.

python -m e2e.demo.board_check http://127.0.0.1:9090
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from charts.boards.queries import substituted
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import REPOSITORY
from e2e.demo.prometheus import RATE_INTERVAL, Prometheus

BOARDS = REPOSITORY / "charts" / "memory-platform" / "dashboards"
WINDOW_SECONDS = 300


def panels() -> Iterator[tuple[str, str]]:
    """Every (panel title, expression) of every board, filled in as Grafana does with everything chosen."""
    for path in sorted(BOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], substituted(target["expr"], rate_interval=RATE_INTERVAL)


def count() -> int:
    """How many queries there are."""
    return sum(1 for _ in panels())


def silent(prometheus: Prometheus) -> list[str]:
    """Queries, behind the title of their panel, without a single value in the last minutes."""
    return [f"{title}: {expression}" for title, expression in panels() if not _speaks(prometheus, expression)]


def _speaks(prometheus: Prometheus, expression: str) -> bool:
    series = prometheus.range(expression, WINDOW_SECONDS)
    return any(value == value for _, points in series for _, value in points)


def main(arguments: list[str]) -> int:
    """Print the verdict on each query; 0 when all return data."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    prometheus = Prometheus(arguments[0].rstrip("/"))
    missing = 0
    for title, expression in panels():
        speaks = _speaks(prometheus, expression)
        missing += not speaks
        print(f"{'data' if speaks else 'NONE'}  {title}: {expression}")
    return 1 if missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(str(error))
