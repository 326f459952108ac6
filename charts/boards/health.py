"""*Memory health and TTL*: is every memory well, does everything that should expire, and is recall up to date?

Every replica of the service exports the gauges of all its memories, so gauges are reduced over replicas first: by `min`
for health (the worst answer counts), by `max` for everything else. Labels: `namespace` is the tenant.
"""

from __future__ import annotations

from typing import Final

from charts.boards.board import RATE, Board, Kind, Panel, Query, Row, Unit, Variable

TENANT: Final = 'job=~"$job",namespace=~"$namespace"'
MEMORY: Final = f'{TENANT},memory=~"$memory"'
OPERATOR: Final = 'job=~"$job"'
ONE: Final = "{{namespace}}/{{memory}}"
ONE_OF_EACH_JOB: Final = "memory_health|memory_indexed_total|memory_operator_tenants"


def gauge(name: str, *labels: str, reduce: str = "max") -> str:
    """A gauge of each memory, once, whatever the number of replicas."""
    return f"{reduce} by ({', '.join(('namespace', 'memory', *labels))}) ({name}{{{MEMORY}}})"


def rate(name: str, *labels: str, selector: str = MEMORY) -> str:
    """What a counter grows by per second, summed by the labels."""
    return f"sum by ({', '.join(labels)}) (rate({name}{{{selector}}}[{RATE}]))"


def lasting_rate(name: str) -> str:
    """What a counter that the store keeps grows by per second: every worker shows the same one."""
    return f"max by (namespace, memory) (rate({name}{{{MEMORY}}}[{RATE}]))"


def quantile(q: float, histogram: str, *labels: str, selector: str = TENANT) -> str:
    """A quantile of a histogram, by the labels."""
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', 'le', *labels, selector=selector)})"


def per_memory(name: str) -> tuple[Query, ...]:
    """One line a memory."""
    return (Query(gauge(name), ONE),)


def figure(title: str, description: str, expr: str, alarm: tuple[float, float], unit: Unit = Unit.COUNT) -> Panel:
    """One number of the top line."""
    return Panel(title, description, unit, (Query(expr, title),), kind=Kind.FIGURE, width=4, height=4, alarm=alarm)


HEALTH = Row(
    "Health",
    (
        figure(
            "Failed memories",
            "Memories of which at least one part (storage, vector, embedder, index) answers `failed` in any replica.",
            f"count({gauge('memory_health', reduce='min')} == 0) or vector(0)",
            (1, 1),
        ),
        figure(
            "Degraded memories",
            "Memories that answer, but with a part of their work missing: recall by keyword only, an index behind.",
            f"count({gauge('memory_health', reduce='min')} == 0.5) or vector(0)",
            (1, 1000),
        ),
        figure(
            "Memories not Ready",
            "Memory resources whose condition Ready is not True, as the operator sees them.",
            f'sum(memory_operator_memories{{{OPERATOR},condition="Ready",status!="True"}}) or vector(0)',
            (1, 5),
        ),
        figure(
            "Threads that never expire",
            "Threads that will never expire. Alarming only where options.ttl.required is true.",
            f"sum({gauge('memory_threads_without_ttl')})",
            (1, 100_000),
        ),
        figure(
            "Oldest unindexed write",
            "Age of the oldest write that recall cannot find yet, over all memories.",
            f"max(memory_outbox_lag_seconds{{{MEMORY}}})",
            (10, 60),
            Unit.SECONDS,
        ),
        figure(
            "Vectors without message",
            "Orphans that the auditor's last pass found and removed. Recall never returns them.",
            f"sum({gauge('memory_orphan_vectors')})",
            (1, 1000),
        ),
        Panel(
            "Health of every part",
            "The worst answer of any replica: ok (1), degraded (0.5), failed (0).",
            Unit.NUMBER,
            (Query(gauge("memory_health", "component", reduce="min"), ONE + " {{component}}"),),
            kind=Kind.STATES,
            width=24,
            height=8,
        ),
    ),
)

TIME_TO_LIVE = Row(
    "Time to live",
    (
        Panel(
            "Threads by time to expiry",
            "Threads that expire within an hour, a day, a week; each figure contains the shorter ones.",
            Unit.COUNT,
            (Query(f"sum by (within) ({gauge('memory_threads_expiring', 'within')})", "within {{within}}"),),
        ),
        Panel(
            "Threads without TTL",
            "Threads that will never expire, by memory: pinned ones, and those written while no TTL applied.",
            Unit.COUNT,
            per_memory("memory_threads_without_ttl"),
        ),
        Panel(
            "Expired threads",
            "Threads removed because their time had run out. They were invisible from that instant on.",
            Unit.PER_SECOND,
            (Query(lasting_rate("memory_expired_total"), ONE),),
        ),
        Panel(
            "Reaper lag",
            "How long the oldest of what the reaper's last step found expired had waited for its removal.",
            Unit.SECONDS,
            per_memory("memory_reaper_lag_seconds"),
        ),
        Panel(
            "TTL refreshes",
            "Expiries moved ahead by a write or a read.",
            Unit.PER_SECOND,
            (Query(rate("memory_ttl_refreshes_total", "namespace", "memory"), ONE),),
        ),
        Panel(
            "Evicted messages",
            "Messages that left for lack of room (a window, a flush), by strategy. Neither expiry nor deletion.",
            Unit.PER_SECOND,
            (Query(rate("memory_evicted_messages_total", "strategy"), "{{strategy}}"),),
        ),
    ),
)

USE = Row(
    "Use",
    (
        Panel(
            "Operations",
            "Operations per second, by operation.",
            Unit.PER_SECOND,
            (Query(rate("memory_operations_total", "operation"), "{{operation}}"),),
            kind=Kind.STACKED,
        ),
        Panel(
            "Outcomes",
            "Operations per second, by outcome: what callers did wrong apart from what we did.",
            Unit.PER_SECOND,
            (Query(rate("memory_operations_total", "outcome"), "{{outcome}}"),),
            kind=Kind.STACKED,
        ),
        Panel(
            "HTTP answers",
            "Answers per second, by status code.",
            Unit.PER_SECOND,
            (Query(rate("memory_http_requests_total", "status", selector=TENANT), "{{status}}"),),
            kind=Kind.STACKED,
        ),
        Panel(
            "Duration of operations, p95",
            "95 of 100 operations took at most this long inside the service.",
            Unit.SECONDS,
            (Query(quantile(0.95, "memory_operation_duration_seconds", "operation"), "{{operation}}"),),
        ),
        Panel(
            "Duration of recall, p95",
            "95 of 100 recalls took at most this long, by mode; embedding the query is part of it.",
            Unit.SECONDS,
            (Query(quantile(0.95, "memory_recall_duration_seconds", "mode"), "{{mode}}"),),
        ),
        Panel(
            "Duration of embedding, p95",
            "95 of 100 batches were embedded within this time, by embedder.",
            Unit.SECONDS,
            (Query(quantile(0.95, "memory_embedding_duration_seconds", "embedder"), "{{embedder}}"),),
        ),
    ),
)

CONTENTS = Row(
    "Contents and index",
    (
        Panel("Threads", "Threads that have not expired.", Unit.COUNT, per_memory("memory_threads")),
        Panel("Messages", "Messages that have not expired.", Unit.COUNT, per_memory("memory_messages")),
        Panel(
            "Indexed messages",
            "Messages per second whose vectors reached the vector store.",
            Unit.PER_SECOND,
            (Query(rate("memory_indexed_total", "namespace", "memory"), ONE),),
        ),
        Panel(
            "Outbox depth",
            "Mutations that recall does not know yet. It rises while the vector store or the embedder is away.",
            Unit.COUNT,
            per_memory("memory_outbox_depth"),
        ),
        Panel(
            "Outbox lag",
            "Age of the oldest mutation that recall does not know yet.",
            Unit.SECONDS,
            per_memory("memory_outbox_lag_seconds"),
        ),
        Panel(
            "Orphan vectors",
            "Vectors without a message, found and removed by the auditor's last pass.",
            Unit.COUNT,
            per_memory("memory_orphan_vectors"),
        ),
        Panel(
            "Missing vectors",
            "Messages without a vector, found by the auditor's last pass, which had them made.",
            Unit.COUNT,
            per_memory("memory_missing_vectors"),
        ),
        Panel(
            "Open circuits",
            "Parts that are not even asked, for they were silent too often: open (1), trying again (0.5), closed (0).",
            Unit.NUMBER,
            (Query(gauge("memory_circuit_state", "component"), ONE + " {{component}}"),),
        ),
    ),
)

OPERATOR_ROW = Row(
    "Operator",
    (
        Panel(
            "Memories by condition",
            "Memory resources by condition and its status.",
            Unit.COUNT,
            (
                Query(
                    f"sum by (condition, status) (memory_operator_memories{{{OPERATOR}}})", "{{condition}}={{status}}"
                ),
            ),
        ),
        Panel(
            "Reconciles",
            "Passes over one tenant per second, by result. A steady fleet has few, all ok.",
            Unit.PER_SECOND,
            (Query(rate("memory_operator_reconciles_total", "result", selector=OPERATOR), "{{result}}"),),
            kind=Kind.STACKED,
        ),
        Panel(
            "Reconcile and queue, p95",
            "95 of 100 passes took at most this long, and waited at most this long for a worker.",
            Unit.SECONDS,
            (
                Query(quantile(0.95, "memory_operator_reconcile_duration_seconds", selector=OPERATOR), "a pass"),
                Query(quantile(0.95, "memory_operator_queue_wait_seconds", selector=OPERATOR), "the queue"),
            ),
        ),
        Panel(
            "Tenants and queue",
            "Namespaces with a Memory, and how many of them wait for a worker.",
            Unit.COUNT,
            (
                Query(f"sum(memory_operator_tenants{{{OPERATOR}}})", "tenants"),
                Query(f"sum(memory_operator_queue_depth{{{OPERATOR}}})", "waiting"),
            ),
        ),
        Panel(
            "Age of watches",
            "Seconds since the operator's picture of a kind was last known to agree with the API server.",
            Unit.SECONDS,
            (Query(f"max by (kind) (memory_operator_watch_age_seconds{{{OPERATOR}}})", "{{kind}}"),),
        ),
        Panel(
            "Requests to the API server",
            "By verb and status code. In a steady state there are reads and no writes.",
            Unit.PER_SECOND,
            (Query(rate("memory_operator_api_calls_total", "verb", "code", selector=OPERATOR), "{{verb}} {{code}}"),),
        ),
        Panel(
            "Drift repairs",
            "Children that somebody changed or deleted and the operator applied again, in the last hour.",
            Unit.COUNT,
            (Query(f"sum by (kind) (increase(memory_operator_drift_repairs_total{{{OPERATOR}}}[1h]))", "{{kind}}"),),
            width=24,
            height=5,
        ),
    ),
)

BOARD = Board(
    uid="memory-health-ttl",
    title="Memory health and TTL",
    description="Health, expiry, use and indexing of every Memory, and the operator behind them.",
    variables=(
        Variable(
            "job", "Job", 'label_values({__name__=~"memory_health|memory_indexed_total|memory_operator_tenants"}, job)'
        ),
        Variable("namespace", "Tenant", 'label_values(memory_health{job=~"$job"}, namespace)'),
        Variable("memory", "Memory", f"label_values(memory_health{{{TENANT}}}, memory)"),
    ),
    rows=(HEALTH, TIME_TO_LIVE, USE, CONTENTS, OPERATOR_ROW),
)
