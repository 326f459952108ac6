"""What is there at the end, by every road, against what the ledgers say must be there."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from memory_crd import names
from memory_service.adapters.vectors import points
from memory_service.adapters.vectors.rest import VectorStore

from tests.chaos.deeds import SHARED
from tests.chaos.ledger import Json, Ledger, Line, differences, lost_or_moved
from tests.chaos.parts import MEMORY
from tests.contracts.store.servers import TENANT

Place = tuple[str, str]
"""A thread and a message id."""


@dataclass
class Verdict:
    """Every fault found, in a sentence each; nothing else is a pass."""

    history: list[str] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)
    messages: int = 0
    points: int = 0
    outbox: int = 0
    orphans: int = 0
    missing: int = 0

    @property
    def faults(self) -> list[str]:
        return self.history + self.vectors


@dataclass
class Inspector:
    """Reads everything back through one service and from the vector store itself."""

    session: aiohttp.ClientSession
    service: str
    vectors: VectorStore
    ledgers: Sequence[Ledger]

    async def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Json:
        """A JSON answer. Raises aiohttp.ClientResponseError for anything but success."""
        url = f"{self.service}/v1/memories/{MEMORY}{path}"
        async with self.session.request(method, url, json=body, params=params) as answer:
            answer.raise_for_status()
            return dict(await answer.json())

    async def look(self) -> Verdict:
        """Compare everything once."""
        verdict = Verdict()
        living = await self._histories(verdict)
        stats = await self.ask("GET", "/stats")
        verdict.messages, verdict.outbox = len(living), stats["outbox"]["depth"]
        if stats["messages"] != len(living):
            verdict.history.append(f"the counter says {stats['messages']} messages, there are {len(living)}")
        if stats["outbox"]["dead"]:
            verdict.vectors.append(f"{stats['outbox']['dead']} dead letters: {await self.ask('GET', '/outbox/dead')}")
        await self._points(verdict, living)
        return verdict

    async def recalled(self, dice: random.Random, most: int) -> list[str]:
        """Ask for some messages in their own words: each must come back, and be as near as a text is to itself."""
        known = [
            (name, line) for ledger in self.ledgers for name, thread in ledger.threads.items()
            if not thread.owner for line in thread.lines
        ]  # fmt: skip
        faults = []
        for name, (_, content) in dice.sample(known, min(most, len(known))):
            body = {"query": content, "scope": "thread", "thread": name, "consistency": "strong", "timeout": "20s"}
            hits = (await self.ask("POST", "/recall", body))["hits"]
            if not any(hit["message"]["content"] == content and (hit["similarity"] or 0) > 0.98 for hit in hits):
                faults.append(f"{name}: {content!r} is not recalled by its own words")
        return faults

    async def _histories(self, verdict: Verdict) -> set[Place]:
        """Compare every thread that is listed, and every one that should be; all messages that live."""
        found = {thread["thread"]: thread async for thread in self._pages("/threads", "items")}
        history = {name: [line async for line in self._lines(name)] for name in found}
        for ledger in self.ledgers:
            for name, thread in ledger.threads.items():
                if name not in history:
                    verdict.history.append(f"{name}: the whole thread of {len(thread.lines)} messages is lost")
                verdict.history += differences(name, thread.lines, history.get(name, []))
            for name, lines in ledger.shared.items():
                verdict.history += lost_or_moved(name, lines, history.get(name, []))
        verdict.history += self._unknown(history)
        for name, facts in found.items():
            if facts["messages"] != len(history[name]):
                verdict.history.append(f"{name}: {facts['messages']} counted, {len(history[name])} there")
        return {(name, identity) for name, lines in history.items() for identity, _ in lines}

    def _unknown(self, history: dict[str, list[Line]]) -> list[str]:
        """Threads and messages that nobody was told of."""
        known = {name for ledger in self.ledgers for name in ledger.threads}
        shared = {f"shared-{number}" for number in range(SHARED)}
        faults = [
            f"{name}: nobody's thread, of {len(lines)} messages"
            for name, lines in history.items()
            if name not in known and name not in shared and (lines or not name.endswith("-fading"))
        ]
        for name in shared:
            said = {line[0] for ledger in self.ledgers for line in ledger.shared.get(name, ())}
            if extra := [line for line in history.get(name, ()) if line[0] not in said]:
                faults.append(f"{name}: {len(extra)} messages doubled or nobody's: {extra[:3]}")
        return faults

    async def _points(self, verdict: Verdict, living: set[Place]) -> None:
        """Compare living messages with points, both ways."""
        placed: list[Place] = []
        bare = 0
        async for point in self._scroll():
            candidate = points.candidate(point["payload"])
            placed.append((candidate.thread, f"{candidate.incarnation}-{candidate.seq}"))
            bare += points.DENSE not in point["vector"]
        verdict.points = len(placed)
        verdict.vectors += apart(living, placed)
        if bare:
            verdict.vectors.append(f"{bare} points have no dense vector")

    async def _scroll(self) -> AsyncIterator[Json]:
        path, cursor = f"/collections/{names.collection_alias(TENANT, MEMORY)}/points/scroll", None
        while True:
            body = {"limit": 500, "offset": cursor, "with_payload": True, "with_vector": [points.DENSE]}
            answer = await self.vectors.call("POST", path, body)
            for point in answer["points"]:
                yield point
            if (cursor := answer.get("next_page_offset")) is None:
                return

    async def _lines(self, name: str) -> AsyncIterator[Line]:
        async for message in self._pages(f"/threads/{name}/messages", "messages"):
            yield message["id"], message["content"]

    async def _pages(self, path: str, items: str) -> AsyncIterator[Json]:
        cursor: dict[str, str] = {}
        while True:
            page = await self.ask("GET", path, limit=500, **cursor)
            for item in page[items]:
                yield item
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}


def apart(living: set[Place], placed: Sequence[Place]) -> list[str]:
    """How living messages and points differ. Pure."""
    orphans, missing = set(placed) - living, living - set(placed)
    found = [f"{len(orphans)} orphan points: {sorted(orphans)[:3]}"] if orphans else []
    found += [f"{len(missing)} messages without a point: {sorted(missing)[:3]}"] if missing else []
    twice = len(placed) - len(set(placed))
    return found + ([f"{twice} points are there twice"] if twice else [])
