"""Recall without an index: words in the newest messages of one thread or owner, read from the log itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from memory_service.model.search import Audience, FieldFilter, Proposals
from memory_service.operations import filters as message_filters
from memory_service.operations import moments
from memory_service.operations.stored import StoredMessage, decoded
from memory_service.policies import sparse

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

SCANNED: Final = 2_000
"""Newest messages that a recall looks through while the vector store is away."""


async def scan(
    memory: OpenMemory, audience: Audience, query: str, *, filters: Collection[FieldFilter], exclude: Collection[str]
) -> tuple[Proposals, int]:
    """Messages that share words with the query, and how many were looked at.

    `audience` names a thread or an owner. Raises StorageUnavailable.
    """
    newest = await memory.store.newest(audience, most=SCANNED)
    excluded = set(exclude)
    texts = [(live.candidate, text) for live in newest if (text := decoded(live.message)) is not None]
    kept = [
        (candidate, text)
        for candidate, text in texts
        if text.id not in excluded and (not filters or _passes(memory, filters, text))
    ]
    found = sparse.scan(query, [text.content for _, text in kept])
    return Proposals(keyword=tuple((kept[at][0], score) for at, score in found)), len(newest)


def _passes(memory: OpenMemory, filters: Collection[FieldFilter], text: StoredMessage) -> bool:
    declared = memory.definition.spec.options.semantic_recall.filterable
    return message_filters.matches(
        filters,
        role=text.role,
        timestamp=moments.parse(text.timestamp),
        metadata=message_filters.indexable(text.metadata, declared),
    )
