"""What a key is like: health that can be false, and statistics that were counted, not guessed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from memory_service.errors import StorageUnavailable, Unavailable, VectorUnavailable
from memory_service.model.facts import Facts, Slice
from memory_service.operations import flushing, moments
from memory_service.operations.keyed.task import HealthConfig, StatsConfig
from memory_service.operations.stats import Group, Sum, of_thread
from memory_service.operations.stored import StoredMessage, decoded
from memory_service.policies.flushing import Bounds

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

PROBE_SECONDS: Final = 2.0
NEAR_LIMIT: Final = 85.0
"""Percent of a hard limit from which a key is no longer well."""
LATE_MS: Final = 10_000
"""How far the index may be behind before its vectors count as out of step."""
SHOWN: Final = 100
"""Messages shown with the statistics when no limit is given."""
_PAGE: Final = 1_000
_TRIES: Final = 3

Output = dict[str, Any]


@dataclass(slots=True)
class Count:
    """Messages counted one by one."""

    messages: int = 0
    tokens: int = 0
    corrupted: int = 0

    def add(self, raw: bytes) -> None:
        """Count one stored message."""
        message = decoded(raw)
        if message is None:
            self.corrupted += 1
            return
        self.messages += 1
        self.tokens += message.tokens


async def counted(memory: OpenMemory, key: str) -> tuple[Facts, Count, bool]:
    """The key's facts, what its messages add up to, and whether both are of one version."""
    for _ in range(_TRIES):
        facts = await memory.store.facts(key)
        count, place, steady = Count(), None, True
        while True:
            page = await memory.store.read(key, Slice(limit=_PAGE, after=place))
            steady = steady and page.version == facts.version and not page.gone
            count.corrupted += page.corrupted
            for raw in page.messages:
                count.add(raw)
            if page.next_seq is None or not steady:
                break
            place = f"{page.incarnation}-{page.next_seq}"
        if steady:
            return facts, count, True
    return facts, count, False


def whole(message: StoredMessage) -> Output:
    """A message as the native routes show it."""
    shown: Output = {"id": message.id, "tokens": message.tokens, "role": message.role, "content": message.content}
    shown["timestamp"] = message.timestamp
    if message.metadata:
        shown["metadata"] = message.metadata
    return shown


# --- stats ------------------------------------------------------------------------------------------------------------


async def stats(memory: OpenMemory, key: str, config: StatsConfig) -> tuple[Output, list[bytes] | None]:
    """The key in numbers; and its newest messages, newest first, where content was asked for."""
    given = config.group_by
    group_by: tuple[Group, ...] = () if given is msgspec.UNSET else (given,) if isinstance(given, str) else tuple(given)
    facts, count = await _summed(memory, key)
    output: Output = {
        "key": key,
        "exists": facts.exists,
        "message_count": facts.messages,
        "token_count": facts.tokens,
        "avg_tokens_per_message": round(facts.tokens / facts.messages, 2) if facts.messages else 0,
        "bytes": facts.bytes,
        "oldest_timestamp": count.oldest,
        "newest_timestamp": count.newest,
        "expires_at": moments.render_or_none(facts.expires_at),
        "ttl_seconds": None if facts.remaining_ms is None else facts.remaining_ms // 1000,
        "vector_count": await _vectors(memory, facts),
        "actual_strategy": _strategy(memory, facts),
        "last_flush": facts.last_flush,
        "corrupted": count.damaged,
        "version": facts.version,
    }
    if group_by:
        output["groups"] = count.by(group_by)
    if not config.include_content:
        return output, None
    page = await memory.store.read(
        key, Slice(last=SHOWN if config.limit is msgspec.UNSET else config.limit, newest_first=True)
    )
    return output, page.messages


async def _summed(memory: OpenMemory, key: str) -> tuple[Facts, Sum]:
    """The key's facts and what its messages add up to, of one version unless it keeps changing."""
    for _ in range(_TRIES):
        facts = await memory.store.facts(key)
        total, steady = await of_thread(memory, key, facts.version)
        if steady:
            break
    return facts, total


async def _vectors(memory: OpenMemory, facts: Facts) -> int | None:
    """Points of the key, None while the vector store is away or nothing is embedded."""
    if not facts.exists or not memory.definition.spec.options.semantic_recall.enabled:
        return 0
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await memory.index.count_thread(facts.incarnation)
    except (VectorUnavailable, TimeoutError):
        return None


def _strategy(memory: OpenMemory, facts: Facts) -> str:
    """The last flush's strategy if there was one, else what bounds the key: the policy's, `window`, or `none`."""
    if facts.last_flush is not None:
        return str(facts.last_flush.get("strategy"))
    if (policy := memory.definition.spec.options.flushing) is not None:
        return policy.type
    return "none" if flushing.bounds(memory, facts) == Bounds() else "window"


# --- health -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Findings:
    """What is wrong with a key, and what to do about it."""

    failed: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    recommendations: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "failed" if self.failed else "degraded" if self.degraded else "ok"


async def health(memory: OpenMemory, key: str, config: HealthConfig) -> Output:
    """Whether the store answers, counters match, the key expires if it must, is below its limit, and is indexed."""
    found = Findings()
    try:
        async with asyncio.timeout(PROBE_SECONDS * _TRIES):
            facts, count, steady = await counted(memory, key)
    except (StorageUnavailable, TimeoutError) as error:
        found.failed.append(f"the store does not answer: {str(error) or 'timed out'}")
        return _verdict(key, found)
    _judge_counters(facts, count, steady, found)
    _judge_expiry(memory, facts, found)
    usage = _judge_usage(memory, facts, found)
    await _judge_vectors(memory, facts, found, asked=config.check_connectivity)
    output = _verdict(key, found) | {"exists": facts.exists, "last_flush": facts.last_flush}
    output["actual_strategy"] = _strategy(memory, facts)
    if config.include_stats:
        output |= {
            "message_count": facts.messages,
            "token_count": facts.tokens,
            "current_tokens": count.tokens,
            "usage_percent": usage,
            "ttl_seconds": None if facts.remaining_ms is None else facts.remaining_ms // 1000,
        }
    return output


def _verdict(key: str, found: Findings) -> Output:
    reasons = [*found.failed, *found.degraded]
    return {
        "key": key,
        "healthy": not reasons,
        "status": found.status,
        "reasons": reasons,
        "recommendations": found.recommendations,
    }


def _judge_counters(facts: Facts, count: Count, steady: bool, found: Findings) -> None:
    if count.corrupted:
        found.failed.append(f"{count.corrupted} messages are damaged and cannot be read")
        found.recommendations.append("write the key anew from your own records, or delete it")
    elif steady and (facts.messages, facts.tokens) != (count.messages, count.tokens):
        found.failed.append(
            f"counters say {facts.messages} messages and {facts.tokens} tokens, "
            f"there are {count.messages} and {count.tokens}"
        )
        found.recommendations.append("flush the key or write the key anew: either counts it again")


def _judge_expiry(memory: OpenMemory, facts: Facts, found: Findings) -> None:
    required = memory.definition.spec.options.ttl.required
    if required and facts.exists and not facts.pinned and facts.expires_at is None:
        found.degraded.append("it has no expiry, though the memory requires one (options.ttl.required)")
        found.recommendations.append("append to it or set its ttl: either gives it an expiry")


def _judge_usage(memory: OpenMemory, facts: Facts, found: Findings) -> float:
    """Percent of the window, or of the limit. A window is meant to be full; a limit refuses what comes next."""
    bounds = flushing.bounds(memory, facts)
    limit = bounds.messages or memory.definition.spec.options.limits.thread_messages
    usage = round(100 * (facts.messages - facts.system_messages) / limit, 1)
    if bounds.messages is None and usage >= NEAR_LIMIT:
        found.degraded.append(f"it holds {usage} % of the messages that a thread may (options.limits.threadMessages)")
        found.recommendations.append(
            "flush it, clear it, or declare what leaves by itself (options.window, options.flushing.maxMessages)"
        )
    return usage


async def _judge_vectors(memory: OpenMemory, facts: Facts, found: Findings, *, asked: bool) -> None:
    """Whether what was written is indexed, as far as that can be seen; with `asked`, silence is a finding too."""
    if not memory.definition.spec.options.semantic_recall.enabled:
        return
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            totals = await memory.store.totals()
            if totals.oldest_pending_ms > LATE_MS:
                found.degraded.append(
                    f"the index is {totals.oldest_pending_ms // 1000} s behind: recall misses the newest"
                )
                found.recommendations.append("see GET health of the memory for the part that keeps it waiting")
            if asked:
                await memory.index.ping()
            await _judge_points(memory, facts, found)
    except (Unavailable, TimeoutError) as error:
        if not asked:
            return  # that tells nothing of this key; GET health of the memory does
        found.degraded.append(f"a store does not answer: {str(error) or 'timed out'}")
        found.recommendations.append("history is served all the same; recall comes back with the store")


async def _judge_points(memory: OpenMemory, facts: Facts, found: Findings) -> None:
    """Whether every message has its vector, once the index knows the key's last change and while there is no other."""
    if not facts.exists or not await memory.store.indexed(facts.version):
        return
    points = await memory.index.count_thread(facts.incarnation)
    if points != facts.messages and (await memory.store.facts(facts.thread)).version == facts.version:
        found.degraded.append(f"{points} vectors stand for {facts.messages} messages")
        found.recommendations.append("the auditor repairs this by itself; look again in some minutes")
