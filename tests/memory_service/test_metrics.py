"""Metric families: what a scrape shows before, while and after a memory is declared."""

from __future__ import annotations

from memory_service.metrics import WORKER, Families, Metrics
from memory_service.model.facts import Totals
from prometheus_client import CollectorRegistry

NOTHING = Totals("", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_counters_of_a_memory_start_at_zero_so_that_an_increase_shows_the_first_event() -> None:
    registry = CollectorRegistry()
    Metrics(registry).totals("support", NOTHING)
    Families(WORKER, registry).begin("support")

    for name in ("memory_ttl_refreshes_total", "memory_indexed_total"):
        assert registry.get_sample_value(name, {"memory": "support"}) == 0, name


def test_no_series_of_a_memory_stays_when_it_is_no_longer_declared() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for memory in ("gone", "kept"):
        metrics.totals(memory, NOTHING)
        metrics.operated(memory, "append", "ok", 0.001)

    metrics.forget("gone")

    shown = metrics.render("")[0].decode()
    assert 'memory="gone"' not in shown
    assert 'memory="kept"' in shown


def test_a_lasting_counter_shows_what_the_store_says_and_begins_with_it() -> None:
    registry = CollectorRegistry()
    metrics = Families(WORKER, registry)
    metrics.begin("support")
    assert registry.get_sample_value("memory_expired_total", {"memory": "support"}) is None

    for total in (40, 41, 41):
        metrics.reached("memory_expired_total", "support", total)
        assert registry.get_sample_value("memory_expired_total", {"memory": "support"}) == total


def test_a_lasting_counter_starts_anew_with_a_store_that_lost_its_data_and_goes_with_its_memory() -> None:
    registry = CollectorRegistry()
    metrics = Families(WORKER, registry)
    metrics.reached("memory_expired_total", "support", 40)
    metrics.reached("memory_expired_total", "support", 2)
    assert registry.get_sample_value("memory_expired_total", {"memory": "support"}) == 2

    metrics.forget("support")
    assert registry.get_sample_value("memory_expired_total", {"memory": "support"}) is None
    metrics.reached("memory_expired_total", "support", 3)
    assert registry.get_sample_value("memory_expired_total", {"memory": "support"}) == 3
