"""Recall: the messages that answer a question, by meaning and by words.

Vectors only propose. Whatever they say, one script in Redis decides at that instant what lives and may be seen, and
returns the stored bytes (data-engine.md, invariant 1). Parts that are away cost quality, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from memory_service.errors import EmbedderUnavailable, Fault, Refused, Unavailable, VectorUnavailable
from memory_service.model.search import Audience, Candidate, Checked, FieldFilter, Proposals, QueryVectors, Search
from memory_service.operations import accesses, privacy
from memory_service.operations.catching_up import caught_up
from memory_service.operations.scan import scan
from memory_service.operations.stored import decoded
from memory_service.policies.fusion import Mode, Ranked, Signal, fuse

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

Scope = Literal["thread", "owner", "memory"]

ANY_OWNER: Final = "*"
"""The owner that an administrator may name to search every thread."""
PROPOSED: Final = 40
"""Least candidates asked of each kind of vector."""
CHECKED_FACTOR: Final = 2
"""Candidates checked for each hit wanted, so that a few dead ones cost no second round."""
REFILLS: Final = 3
DEFAULT_TIMEOUT_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """A validated question. None means the memory's own option.

    `owner` "*" searches every thread; whether the caller may is decided before. `position` is what a
    Memory-Consistency header named: (epoch, pos). `exclude` holds message ids. `before`/`after` count neighbours.
    """

    query: str
    max_results: int | None = None
    scope: Scope | None = None
    thread: str | None = None
    owner: str | None = None
    filters: tuple[FieldFilter, ...] = ()
    threshold: float | None = None
    before: int | None = None
    after: int | None = None
    mode: Mode | None = None
    strong: bool = False
    position: tuple[str, int] | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One recalled message: its stored JSON and its neighbours', oldest first, scores 0..1, and why it was found."""

    message: bytes
    thread: str
    score: float
    similarity: float | None
    dense: Signal | None
    keyword: Signal | None
    before: list[bytes]
    after: list[bytes]


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    """Hits, best first. `searched` is how many messages were proposed or scanned.

    `lag_positions`/`lag_seconds` say how far the index is behind the log. `degraded` with `reason` (a constant of
    memory_crd.status) and `detail` when a part was away. `mode` is what was really done ("scan" without an index).
    """

    hits: list[Hit]
    searched: int
    mode: str
    lag_positions: int
    lag_seconds: float
    consistent: bool = True
    degraded: bool = False
    reason: str | None = None
    detail: str = ""


async def recall(memory: OpenMemory, request: RecallRequest) -> RecallAnswer:
    """Search the memory.

    The question is redacted like what is stored, so that it meets the same words and no embedder sees more of it.
    Raises Refused `recall_disabled` or `invalid_query`; Timeout when `strong` was asked and the index did not catch up;
    VectorUnavailable or EmbedderUnavailable where not even a bounded scan can help; StorageUnavailable.
    """
    if not memory.definition.spec.options.semantic_recall.enabled:
        raise Refused("recall_disabled", "semantic recall is off (options.semanticRecall.enabled)")
    request = _resolved(memory, request)
    audience = await audience_of(memory, request)
    consistent = await caught_up(
        memory, strong=request.strong, position=request.position, timeout_ms=request.timeout_ms
    )
    try:
        found = await _indexed(memory, request, audience)
    except VectorUnavailable as error:
        found = await _scanned(memory, request, audience, error)
    read = ((hit.thread, each) for hit in found.hits for each in (*hit.before, hit.message, *hit.after))
    await accesses.note(memory, read)
    totals = await memory.store.totals()
    return replace(
        found,
        consistent=consistent,
        lag_positions=totals.outbox_depth,
        lag_seconds=totals.oldest_pending_ms / 1000,
    )


def _resolved(memory: OpenMemory, request: RecallRequest) -> RecallRequest:
    options = memory.definition.spec.options.semantic_recall
    scope = request.scope or options.scope
    if not request.query.strip():
        raise _invalid("/query", "must not be empty")
    if scope == "thread" and request.thread is None:
        raise _invalid("/thread", "is required with scope thread")
    return replace(
        request,
        query=privacy.desk(memory).text(request.query, "/query", "invalid_query"),
        scope=scope,
        max_results=options.max_results if request.max_results is None else request.max_results,
        threshold=options.threshold if request.threshold is None else request.threshold,
        before=options.message_range if request.before is None else request.before,
        after=options.message_range if request.after is None else request.after,
        mode=request.mode or options.mode,
    )


def _invalid(path: str, message: str) -> Refused:
    return Refused("invalid_query", f"{path} {message}", [Fault(path, "invalid_query", message)])


async def audience_of(memory: OpenMemory, request: RecallRequest) -> Audience:
    """Whose threads may answer (api.md 5.1). A thread that was named is searched whoever it belongs to, unless
    `owner` says otherwise; scope owner takes the thread's owner where none is named."""
    if request.scope == "thread":
        named = request.owner not in (None, ANY_OWNER)
        return Audience(request.thread, request.owner if named else None, ownerless=True, any_owner=not named)
    if request.owner == ANY_OWNER:
        return Audience(any_owner=True)
    if request.scope == "memory":
        return Audience(owner=request.owner, ownerless=True)
    owner = request.owner
    if owner is None and request.thread is not None:
        owner = (await memory.store.facts(request.thread)).owner
    return Audience(owner=owner, ownerless=owner is None)


# --- with the index ---------------------------------------------------------------------------------------------------


async def _indexed(memory: OpenMemory, request: RecallRequest, audience: Audience) -> RecallAnswer:
    vectors = await memory.embedder.query(request.query, meaning=request.mode != "keyword")
    mode, missing = _possible(request.mode or "hybrid", vectors)
    if mode is None:
        error = EmbedderUnavailable(missing, reason=vectors.reason or "Unreachable")
        return await _scanned(memory, request, audience, error)
    search = Search(
        audience=audience,
        dense=vectors.dense if mode != "keyword" else None,
        sparse=vectors.sparse if mode != "dense" else None,
        filters=request.filters,
        exclude=request.exclude,
        limit=max(PROPOSED, CHECKED_FACTOR * (request.max_results or 1)),
    )
    hits, searched = await _found(memory, request, search, mode)
    reason = (vectors.reason or "Unreachable") if missing else None
    return RecallAnswer(hits, searched, mode, 0, 0.0, degraded=bool(missing), reason=reason, detail=missing)


def _possible(mode: Mode, vectors: QueryVectors) -> tuple[Mode | None, str]:
    """The nearest mode that the vectors at hand allow, and what is missing for the one asked for ("" if nothing)."""
    if mode != "keyword" and vectors.dense is None:
        return ("keyword" if vectors.sparse is not None else None), vectors.message or "the embedder is away"
    if mode == "keyword" and vectors.sparse is None:
        return None, vectors.message or "the worker is away"
    return mode, ""


async def _found(memory: OpenMemory, request: RecallRequest, search: Search, mode: Mode) -> tuple[list[Hit], int]:
    """Propose, fuse, check; ask for more while too many of the proposed are dead and the index has more."""
    wanted = request.max_results or 1
    alive: list[tuple[Ranked, Checked]] = []
    seen: set[Candidate] = set()
    for _ in range(REFILLS + 1):
        proposals = await memory.index.search(search)
        fused = fuse(proposals, mode=mode, threshold=request.threshold)
        ranked = [each for each in fused if each.candidate not in seen]
        while ranked and len(alive) < wanted:
            chunk, ranked = ranked[: CHECKED_FACTOR * wanted], ranked[CHECKED_FACTOR * wanted :]
            seen.update(each.candidate for each in chunk)
            alive += await _checked(memory, request, search.audience, chunk)
        if len(alive) >= wanted or not _more(proposals, fused, search.limit):
            break
        search = replace(search, limit=search.limit * 2)
    return _hits(alive)[:wanted], len(seen)


def _more(proposals: Proposals, fused: Sequence[Ranked], limit: int) -> bool:
    """Whether a longer search could find more: the index was cut short, and nothing fell under the threshold yet."""
    cut_short = len(proposals.dense) >= limit or len(proposals.keyword) >= limit
    proposed = {candidate for candidate, _ in (*proposals.dense, *proposals.keyword)}
    return cut_short and len(fused) == len(proposed)


async def _checked(
    memory: OpenMemory, request: RecallRequest, audience: Audience, chunk: Sequence[Ranked]
) -> list[tuple[Ranked, Checked]]:
    checked = await memory.store.check(
        [each.candidate for each in chunk], audience, before=request.before or 0, after=request.after or 0
    )
    return [(each, live) for each, live in zip(chunk, checked, strict=True) if live is not None]


def _hits(alive: Sequence[tuple[Ranked, Checked]]) -> list[Hit]:
    """Order: score, then newest by its own timestamp, then id."""
    dated = [(ranked, live, text) for ranked, live in alive if (text := decoded(live.message)) is not None]
    dated.sort(key=lambda each: each[2].id)
    dated.sort(key=lambda each: each[2].timestamp, reverse=True)
    dated.sort(key=lambda each: -each[0].score)
    return [
        Hit(
            live.message,
            live.candidate.thread,
            round(ranked.score, 6),
            None if ranked.similarity is None else round(ranked.similarity, 6),
            ranked.dense,
            ranked.keyword,
            [each for each in live.before if decoded(each) is not None],
            [each for each in live.after if decoded(each) is not None],
        )
        for ranked, live, _ in dated
    ]


# --- without it -------------------------------------------------------------------------------------------------------


async def _scanned(memory: OpenMemory, request: RecallRequest, audience: Audience, error: Unavailable) -> RecallAnswer:
    """Words in the newest messages of one thread or owner. Raises `error` where neither is known to search in."""
    narrow = _narrow(request, audience)
    if narrow is None:
        raise error
    proposals, searched = await scan(memory, narrow, request.query, filters=request.filters, exclude=request.exclude)
    ranked = fuse(proposals, mode="keyword", threshold=request.threshold)[: request.max_results]
    alive = await _checked(memory, request, narrow, ranked) if ranked else []
    return RecallAnswer(_hits(alive), searched, "scan", 0, 0.0, degraded=True, reason=error.reason, detail=error.detail)


def _narrow(request: RecallRequest, audience: Audience) -> Audience | None:
    """What may be scanned for this audience: its thread, its owner's threads, or the thread asked from."""
    if request.scope == "memory":
        return None
    if audience.thread is not None or audience.owner is not None:
        return audience
    return Audience(thread=request.thread, ownerless=True) if request.thread is not None else None
