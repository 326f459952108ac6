"""Metric families: what a scrape shows before, while and after a memory is declared."""

from __future__ import annotations

from memory_service.metrics import WORKER, Families, Metrics
from prometheus_client import CollectorRegistry

NOBODY = (0, 0, 0)


def test_counters_of_a_memory_start_at_zero_so_that_an_increase_shows_the_first_event() -> None:
    registry = CollectorRegistry()
    Metrics(registry).totals("support", 0, 0, NOBODY, 0)
    Families(WORKER, registry).begin("support")

    for name in ("memory_ttl_refreshes_total", "memory_expired_total", "memory_indexed_total"):
        assert registry.get_sample_value(name, {"memory": "support"}) == 0, name


def test_no_series_of_a_memory_stays_when_it_is_no_longer_declared() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for memory in ("gone", "kept"):
        metrics.totals(memory, 1, 2, NOBODY, 0)
        metrics.operated(memory, "append", "ok", 0.001)

    metrics.forget("gone")

    shown = metrics.render("")[0].decode()
    assert 'memory="gone"' not in shown
    assert 'memory="kept"' in shown
