"""The operator's metrics, declared once; a registry is passed in, nothing is registered at import."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Families of the operator. Labels come from closed sets: kinds, verbs, HTTP codes, results."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.reconciles = Counter(
            "memory_operator_reconciles",
            "Passes over one tenant, by result (ok, retry, error).",
            ["result"],
            registry=registry,
        )
        self.reconcile_duration = Histogram(
            "memory_operator_reconcile_duration_seconds", "Duration of one pass.", buckets=SECONDS, registry=registry
        )
        self.queue_depth = Gauge("memory_operator_queue_depth", "Tenants that wait for a worker.", registry=registry)
        self.queue_wait = Histogram(
            "memory_operator_queue_wait_seconds", "Wait of a tenant for a worker.", buckets=SECONDS, registry=registry
        )
        self.drift_repairs = Counter(
            "memory_operator_drift_repairs",
            "Children applied again because somebody changed or deleted them, by kind.",
            ["kind"],
            registry=registry,
        )
        self.api_calls = Counter(
            "memory_operator_api_calls",
            "Requests to the API server by verb, kind and status code.",
            ["verb", "kind", "code"],
            registry=registry,
        )

    def expose(self, collect: Callable[[], "Figures"]) -> None:
        """Add the gauges that are computed when somebody scrapes, from the cache of objects."""
        self.registry.register(_CacheCollector(collect))


class Figures:
    """What the cache knows at the moment of a scrape."""

    def __init__(self, watch_age: Mapping[str, float], memories: Mapping[tuple[str, str], int], tenants: int) -> None:
        self.watch_age = watch_age
        self.memories = memories
        self.tenants = tenants


class _CacheCollector(Collector):
    def __init__(self, collect: Callable[[], Figures]) -> None:
        self._collect = collect

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        figures = self._collect()
        age = GaugeMetricFamily(
            "memory_operator_watch_age_seconds",
            "Seconds since the cache of a kind was last known to agree with the API server (an event, or a LIST).",
            labels=["kind"],
        )
        for kind, seconds in figures.watch_age.items():
            age.add_metric([kind], seconds)
        memories = GaugeMetricFamily(
            "memory_operator_memories", "Memories by condition and status.", labels=["condition", "status"]
        )
        for labels, count in figures.memories.items():
            memories.add_metric(list(labels), count)
        yield from (
            age,
            memories,
            GaugeMetricFamily("memory_operator_tenants", "Tenants with a Memory.", figures.tenants),
        )
