"""The figures that the demo shows from Prometheus, and what has to have happened before they are worth showing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from e2e.demo.prometheus import Prometheus

JOBS: Final = frozenset({"memory-operator", "memory-service", "memory-worker"})

SHOWN: Final = (
    ("health of {component}", "min by (memory, component) (memory_health)"),
    ("threads", "max by (memory) (memory_threads)"),
    ("messages", "max by (memory) (memory_messages)"),
    ("threads that expire within {within}", "max by (memory, within) (memory_threads_expiring)"),
    ("threads without TTL", "max by (memory) (memory_threads_without_ttl)"),
    ("threads expired", "max by (memory) (memory_expired_total)"),
    ("TTL refreshes", "sum by (memory) (memory_ttl_refreshes_total)"),
    ("messages evicted by {strategy}", "sum by (memory, strategy) (memory_evicted_messages_total)"),
    ("outbox depth", "max by (memory) (memory_outbox_depth)"),
    ("outbox lag in seconds", "max by (memory) (memory_outbox_lag_seconds)"),
    ("vectors without message", "max by (memory) (memory_orphan_vectors)"),
    ("Memories with {condition}={status}", "sum by (condition, status) (memory_operator_memories) > 0"),
    ("reconciles, {result}", "sum by (result) (memory_operator_reconciles_total)"),
)
"""(what it is, with labels in braces; the query)"""

HAPPENED: Final = (
    ("all four parts healthy", "count(min by (component) (memory_health) == 1) == 4"),
    ("the expired thread", "sum(memory_expired_total) >= 1"),
    ("the guest's hour", 'sum(memory_threads_expiring{within="1h"}) >= 1'),
    ("an empty outbox", "max(memory_outbox_depth) == 0"),
    ("the evicted messages", "sum(memory_evicted_messages_total) >= 2"),
)
"""(what is awaited; a query that returns something once it is there)"""


def missing(prometheus: Prometheus) -> set[str]:
    """What Prometheus has not seen yet of what the demo did."""
    lacking = {f"job {job}" for job in JOBS - prometheus.jobs_up()}
    return lacking | {what for what, query in HAPPENED if not prometheus.query(query)}


def rows(prometheus: Prometheus) -> Iterable[tuple[str, str, str]]:
    """(what, which memory, value) of everything shown, in the order of SHOWN."""
    for what, query in SHOWN:
        for labels, value in sorted(prometheus.query(query), key=lambda series: sorted(series[0].items())):
            yield what.format(**labels), labels.get("memory", ""), f"{value:g}"
