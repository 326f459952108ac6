"""Lists of threads: by id, by creation, by expiry; filtered, in pages that stay put while others write.

Ids come from an index that is ordered as asked, a step at a time; headers and settings are then read in one go. A
cursor names the last place looked at, so what is written in between neither repeats nor hides a thread that stayed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import msgspec

from memory_service.adapters.redis.connection import Argument, Connection
from memory_service.adapters.redis.reading import PAGE_BYTES, Due, alive, facts_of, milliseconds
from memory_service.errors import Fault, Refused
from memory_service.keys import Keys
from memory_service.model.facts import Facts, ThreadPage, ThreadQuery
from memory_service.policies.globs import literal_prefix, matches
from memory_service.policies.retention import Policy

STEP: Final = 200
OWNED: Final = 2_000
"""Threads of an owner that one command asks for."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a listing stopped: its order and owner, the place in that order, and the thread there."""

    order: str
    owner: str
    place: str
    thread: str


Row = tuple[str, str]
"""A place in the order asked for, and the thread there."""


class Lister:
    """Lists one memory's threads. `facts` answers for a thread that needs purging first."""

    def __init__(
        self, connection: Connection, keys: Keys, policy: Policy, facts: Callable[[str], Awaitable[Facts]]
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy
        self._facts = facts

    async def page(self, query: ThreadQuery) -> ThreadPage:
        """A page of threads. Raises Refused `invalid_cursor`."""
        start = _decode(query)
        found: list[tuple[Row, Facts]] = []
        last, looked, size = start, 0, 0
        async for rows in self._steps(query, start):
            rows = rows[: query.max_scan - looked]
            looked += len(rows)
            for row, facts in await self._matching(query, rows):
                if len(found) == query.limit or size > PAGE_BYTES:
                    return ThreadPage([each for _, each in found], _encode(query, found[-1][0]))
                found.append((row, facts))
                size += 300 + len(facts.title or "") + (len(str(facts.metadata)) if facts.metadata else 0)
            last = rows[-1]
            if looked >= query.max_scan:
                return ThreadPage([each for _, each in found], _encode(query, last), truncated=True)
        return ThreadPage([each for _, each in found], None)

    async def _matching(self, query: ThreadQuery, rows: Sequence[Row]) -> list[tuple[Row, Facts]]:
        """Those of some rows that live and match, in their order."""
        named = [row for row in rows if _named(query, row[1])]
        if not named:
            return []
        now, every = await self.load([thread for _, thread in named])
        return [
            (row, facts)
            for row, facts in zip(named, every, strict=True)
            if facts.exists and _described(query, facts, now)
        ]

    async def load(self, threads: Sequence[str]) -> tuple[int, list[Facts]]:
        """Redis's time, and facts of each thread."""
        keys = self._keys
        clock, headers, settings = await self._connection.pipeline(
            [
                ("TIME",),
                ("MGET", *map(keys.header, threads)),
                ("MGET", *(keys.key("settings", thread) for thread in threads)),
            ]
        )
        now = milliseconds(clock)
        every = []
        for thread, header, kept in zip(threads, headers, settings, strict=True):
            try:
                every.append(facts_of(thread, alive(header, now), kept, now, self._policy))
            except Due:
                every.append(await self._facts(thread))
        return now, every

    # --- the indexes --------------------------------------------------------------------------------------------------

    def _steps(self, query: ThreadQuery, start: Row | None) -> AsyncIterator[list[Row]]:
        if query.owner is not None:
            return self._owned(query, query.owner, start)
        return {"id": self._by_id, "created": self._by_creation, "expires_at": self._by_expiry}[query.order](
            query, start
        )

    async def _by_id(self, query: ThreadQuery, start: Row | None) -> AsyncIterator[list[Row]]:
        prefix = query.prefix or literal_prefix(query.match or "*")
        low = f"[{prefix}" if prefix else "-"
        high = f"({prefix}\x7f" if prefix else "+"  # every character of a thread id is below DEL
        if start is not None:
            low = f"({start[1]}"
        while True:
            ids = await self._connection.call("ZRANGEBYLEX", self._keys.key("ids"), low, high, "LIMIT", 0, STEP)
            rows = [("", thread.decode()) for thread in ids]
            if not rows:
                return
            yield rows
            low = f"({rows[-1][1]}"

    async def _by_creation(self, query: ThreadQuery, start: Row | None) -> AsyncIterator[list[Row]]:
        low = f"({start[0]}" if start else "-"
        while True:
            entries = await self._connection.call("XRANGE", self._keys.key("created"), low, "+", "COUNT", STEP)
            rows = [(entry[0].decode(), entry[1][1].decode()) for entry in entries]
            if not rows:
                return
            yield rows
            low = f"({rows[-1][0]}"

    async def _by_expiry(self, query: ThreadQuery, start: Row | None) -> AsyncIterator[list[Row]]:
        now = milliseconds(await self._connection.call("TIME"))
        within = query.expiring_within_ms
        highest = "+inf" if within is None else str(now + within)
        place, thread = start or ("", "")
        while True:
            args: list[Argument] = [place, thread, now, highest, STEP]
            _, *flat = await self._connection.run("expiring", [self._keys.memory], args, write=False)
            rows = [(_score(score), name.decode()) for name, score in zip(flat[::2], flat[1::2], strict=True)]
            if not rows:
                return
            yield rows
            place, thread = rows[-1]

    async def _owned(self, query: ThreadQuery, owner: str, start: Row | None) -> AsyncIterator[list[Row]]:
        """An owner's threads are few: all of them are put in order here."""
        created = await self._all_owned(owner)
        ordered: list[Row] = [("", thread) for thread in sorted(created)]
        if query.order == "created":
            ordered = [(f"{g:015d}", thread) for thread, g in sorted(created.items(), key=lambda item: item[::-1])]
        elif query.order == "expires_at" and created:
            names = list(created)
            parts = [names[at : at + OWNED] for at in range(0, len(names), OWNED)]
            key = self._keys.key("expiries")
            scores = [score for part in parts for score in await self._connection.call("ZMSCORE", key, *part)]
            ordered = sorted((_sortable(score), thread) for thread, score in zip(names, scores, strict=True))
        rows = [row for row in ordered if start is None or row > start]
        for at in range(0, len(rows), STEP):
            yield rows[at : at + STEP]

    async def _all_owned(self, owner: str) -> dict[str, int]:
        """Every thread of an owner and its incarnation, which rises with creation; OWNED of them a command."""
        key, low = self._keys.key("owned", owner), "-inf"
        created: dict[str, int] = {}
        while True:
            flat = await self._connection.call(
                "ZRANGE", key, low, "+inf", "BYSCORE", "LIMIT", 0, OWNED, "WITHSCORES"
            )  # fmt: skip
            created |= {name.decode(): int(float(score)) for name, score in _pairs(flat)}
            if len(flat) < OWNED:
                return created
            low = f"({int(float(flat[-1][1]))}"


def _pairs(rows: list[list[bytes]]) -> list[tuple[bytes, bytes]]:
    return [(row[0], row[1]) for row in rows]


def _score(raw: bytes | float | str) -> str:
    """A score as text that Redis takes back exactly."""
    value = float(raw)
    return "+inf" if value == float("inf") else str(int(value))


def _sortable(raw: bytes | float | None) -> str:
    """A score as text that sorts as it does."""
    value = float(raw) if raw is not None else float("inf")
    return "~" if value == float("inf") else f"{int(value):016d}"


def _named(query: ThreadQuery, thread: str) -> bool:
    """Whether a thread's id is one that is asked for."""
    if query.prefix is not None and not thread.startswith(query.prefix):
        return False
    return query.match is None or matches(query.match, thread)


def _described(query: ThreadQuery, facts: Facts, now: int) -> bool:
    """Whether a thread's facts are what is asked for."""
    if query.owner is not None and facts.owner != query.owner:
        return False
    if query.type is not None and facts.type != query.type:
        return False
    within = query.expiring_within_ms
    return within is None or (facts.expires_at is not None and facts.expires_at <= now + within)


def _encode(query: ThreadQuery, row: Row) -> str:
    packed = msgspec.msgpack.encode(Cursor(query.order, query.owner or "", *row))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decode(query: ThreadQuery) -> Row | None:
    if query.cursor is None:
        return None
    text = "is not a cursor of this list with these parameters; begin again without one"
    refusal = Refused("invalid_cursor", f"the cursor {text}", [Fault("query:cursor", "invalid_cursor", text)])
    try:
        raw = base64.b64decode(query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.msgpack.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise refusal from error
    if (cursor.order, cursor.owner) != (query.order, query.owner or ""):
        raise refusal
    if not _well_placed(query, cursor):
        raise refusal
    return cursor.place, cursor.thread


def _well_placed(query: ThreadQuery, cursor: Cursor) -> bool:
    """Whether a cursor's place is one of its order: it goes into commands, so a forged one must not break them."""
    place = cursor.place
    if query.owner is not None:
        return place == "~" or place == "" or (place.isascii() and place.isdigit())
    if query.order == "created":
        return place.isascii() and place.removesuffix("-0").isdigit()
    return place == "" or place == "+inf" or (place.isascii() and place.isdigit())
