"""Counters of this process in the Prometheus text format, under Qdrant's names where Qdrant has one."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from memory_vectors import VERSION

Series = dict[str, float]


@dataclass
class Requests:
    """Answered requests by method, route and status: their number and their seconds."""

    count: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[tuple[str, str, int], float] = field(default_factory=lambda: defaultdict(float))

    def add(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        self.count[method, endpoint, status] += 1
        self.seconds[method, endpoint, status] += seconds


@dataclass(frozen=True)
class CollectionState:
    name: str
    points: int
    dead: int
    open: bool


def render(requests: Requests, collections: list[CollectionState], flushes: int, compactions: int) -> str:
    """Everything as text."""
    by_request = {_labels(method=m, endpoint=e, status=str(s)): n for (m, e, s), n in requests.count.items()}
    seconds = {_labels(method=m, endpoint=e, status=str(s)): t for (m, e, s), t in requests.seconds.items()}
    families = [
        ("app_info", "gauge", "What this process is", {_labels(name="memory-vectors", version=VERSION): 1.0}),
        ("collections_total", "gauge", "Number of collections", {"": float(len(collections))}),
        ("collection_points", "gauge", "Living points", {_id(c): float(c.points) for c in collections}),
        (
            "collection_dead_points",
            "gauge",
            "Deleted points that take room until the next compaction",
            {_id(c): float(c.dead) for c in collections},
        ),
        (
            "collection_open",
            "gauge",
            "1, or 0 when the engine could not open the collection",
            {_id(c): float(c.open) for c in collections},
        ),
        ("flushes_total", "counter", "Flushes of a collection", {"": float(flushes)}),
        ("compactions_total", "counter", "Compactions of a collection", {"": float(compactions)}),
        ("rest_responses_total", "counter", "Answered requests", {k: float(v) for k, v in by_request.items()}),
        ("rest_responses_seconds_total", "counter", "Seconds spent on answered requests", seconds),
        ("process_resident_memory_bytes", "gauge", "Resident memory", {"": _resident_bytes()}),
    ]
    return "".join(_family(*family) for family in families)


def _family(name: str, kind: str, help_text: str, series: Series) -> str:
    lines = [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels} {value:.10g}" for labels, value in sorted(series.items())]
    return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _id(collection: CollectionState) -> str:
    return _labels(id=collection.name)


def _resident_bytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) * 1024
    return 0.0
