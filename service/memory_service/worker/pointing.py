"""From the texts of living messages to points, and what to do with a text that no embedder takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from memory_service.adapters.embedders import words
from memory_service.errors import EmbedderUnavailable, TextRefused
from memory_service.model.outbox import DeadLetter, LiveText
from memory_service.model.search import Point
from memory_service.operations import moments, stored
from memory_service.operations.filters import indexable
from memory_service.operations.privacy import Desk
from memory_service.operations.stored import StoredMessage
from memory_service.policies.redaction import redactor
from memory_service.worker.subject import Subject, TextEmbedder

PROBE: Final = "hello"
"""A text that any embedder takes: refused too, it shows that the embedder is at fault and not the text."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Points:
    """Points of some messages, and letters about those whose text was refused (they are found by words only)."""

    points: list[Point] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


async def make(subject: Subject, texts: Sequence[LiveText]) -> Points:
    """Points with dense vectors, where the memory has an embedder.

    Raises EmbedderUnavailable; one bad text does not: it becomes a letter and a point without dense vector.
    """
    readable = [(text, message) for text in texts if (message := _read(subject, text)) is not None]
    texts, decoded = [text for text, _ in readable], [message for _, message in readable]
    made = Points()
    rows: list[Sequence[float] | None] = [None] * len(texts)
    if subject.embedder is not None and texts:
        refused: dict[int, str] = {}
        await _embed(subject.embedder, [text.content for text in decoded], range(len(texts)), rows, refused)
        for at, error in refused.items():
            log.warning("memory %s: message %s cannot be embedded: %s", subject.id, decoded[at].id, error)
            made.dead.append(_letter(texts[at], decoded[at], error))
    made.points = [_point(subject, *each) for each in zip(texts, decoded, rows, strict=True)]
    return made


def by_words(subject: Subject, texts: Sequence[LiveText]) -> list[Point]:
    """Points that can be found by words only."""
    return [_point(subject, text, message, None) for text in texts if (message := _read(subject, text)) is not None]


def _read(subject: Subject, text: LiveText) -> StoredMessage | None:
    """A message as it may leave the log: redacted again, since it may be older than the patterns of today.

    Where that takes too long, nothing of it leaves. None for damaged bytes, which must not keep the others waiting.
    """
    message = stored.decoded(text.message)
    privacy = subject.spec.options.privacy
    if message is None or privacy is None:
        return message
    return Desk(redactor(privacy)).shown(message)


async def _embed(
    embedder: TextEmbedder,
    contents: Sequence[str],
    places: Sequence[int],
    rows: list[Sequence[float] | None],
    refused: dict[int, str],
) -> None:
    """Fill `rows` at `places`, halving where something is refused until the one text is found."""
    try:
        vectors = await embedder.embed([contents[at] for at in places])
    except TextRefused as error:
        if len(places) == 1:
            await _blame(embedder, error)
            refused[places[0]] = str(error)
            return
        middle = len(places) // 2
        await _embed(embedder, contents, places[:middle], rows, refused)
        await _embed(embedder, contents, places[middle:], rows, refused)
        return
    for at, vector in zip(places, vectors, strict=True):
        rows[at] = vector.tolist()


async def _blame(embedder: TextEmbedder, error: TextRefused) -> None:
    """Return when the text is to blame. Raises EmbedderUnavailable when the embedder refuses everything."""
    try:
        await embedder.embed([PROBE])
    except TextRefused:
        raise EmbedderUnavailable(f"every text is refused: {error}", reason="ModelFailed") from error


def _point(subject: Subject, text: LiveText, message: StoredMessage, dense: Sequence[float] | None) -> Point:
    return Point(
        candidate=text.candidate,
        owner=text.owner,
        role=message.role,
        timestamp=moments.parse(message.timestamp),
        metadata=indexable(message.metadata, subject.filterable),
        dense=dense,
        sparse=words.document(message.content),
    )


def _letter(text: LiveText, message: StoredMessage, error: str) -> DeadLetter:
    now = time.time_ns() // 1_000_000
    return DeadLetter(message.id, text.candidate.thread, message.id, error[:500], 1, now)
