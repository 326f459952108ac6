"""Every metric family that a process of the product exports, read from the code that exports it."""

from __future__ import annotations

from typing import Final, cast

from memory_operator.metrics import Figures, Metrics
from memory_service.metrics import SERVICE, WORKER, Family, Kind
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

SUFFIXES: Final = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}


def operator() -> tuple[Family, ...]:
    """The operator's families, from an instance of its metrics that nobody scrapes."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.expose(lambda: Figures({"Memory": 1.0}, {("Ready", "True"): 1}, 1))
    declared = {each._name: each._labelnames for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)}
    found = []
    for family in registry.collect():
        labels = declared.get(family.name, next((tuple(sample.labels) for sample in family.samples), ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append(Family(name, cast(Kind, family.type), tuple(labels), family.documentation))
    return tuple(found)


def families() -> dict[str, tuple[Family, ...]]:
    """The families of each process, in the order of their declaration."""
    return {"memory-service": SERVICE, "memory-worker": WORKER, "memory-operator": operator()}


def series() -> set[str]:
    """Every name that a query may use."""
    return {
        family.name + suffix for group in families().values() for family in group for suffix in SUFFIXES[family.kind]
    }
