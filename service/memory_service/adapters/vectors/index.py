"""One memory's collection, as VectorIndex and VectorWriter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from memory_crd import names

from memory_service.adapters.vectors import points
from memory_service.adapters.vectors.rest import VectorStore
from memory_service.adapters.vectors.versions import Versions
from memory_service.model.facts import Circuit
from memory_service.model.search import Candidate, Point, Proposals, Removals, Search

UPSERTED: Final = 256
"""Points of one call: a megabyte of JSON at 384 dimensions."""
FILTERED: Final = 200
"""Conditions, or values, of one deletion."""
AT_ONCE: Final = 4


class QdrantIndex:
    """The points of one memory, by default behind its alias, else of the collection named."""

    def __init__(self, store: VectorStore, tenant: str, memory_id: str, *, collection: str | None = None) -> None:
        self._store = store
        self._tenant = tenant
        self._memory_id = memory_id
        self.collection = collection or names.collection_alias(tenant, memory_id)
        self._path = f"/collections/{quote(self.collection, safe='')}"

    @property
    def circuit(self) -> Circuit:
        """The state of the way to the store."""
        return self._store.breaker.state

    async def search(self, what: Search) -> Proposals:
        """Up to `limit` by words; by meaning those and up to `limit` nearest ones, all with their cosine."""
        excluded = [self._id(*map(int, each.split("-"))) for each in what.exclude]
        conditions = [*points.audience_filter(what.audience), *(points.condition(each) for each in what.filters)]
        chosen = points.everything(conditions, excluded)
        searches = [
            *([_by_meaning(what, chosen)] if what.dense is not None else []),
            *([_by_words(what, chosen)] if what.sparse is not None and what.sparse.indices else []),
        ]
        if not searches:
            return Proposals()
        answers = await self._store.call("POST", f"{self._path}/points/query/batch", {"searches": searches})
        found = [tuple((points.candidate(hit["payload"]), hit["score"]) for hit in each["points"]) for each in answers]
        dense = found.pop(0) if what.dense is not None else ()
        return Proposals(dense, found.pop(0) if found else ())

    async def count(self) -> int:
        return await self._count(None)

    async def count_thread(self, incarnation: int) -> int:
        return await self._count(points.everything([points.match("g", [incarnation])]))

    async def count_of(self, *, owner: str | None = None, incarnations: Sequence[int] = ()) -> int:
        if owner is not None:
            return await self._count(points.everything([points.match("owner", [owner])]))
        total = 0
        for at in range(0, len(incarnations), FILTERED):
            total += await self._count(points.everything([points.match("g", incarnations[at : at + FILTERED])]))
        return total

    async def _count(self, chosen: points.Json | None) -> int:
        answer = await self._store.call("POST", f"{self._path}/points/count", {"filter": chosen, "exact": True})
        return int(answer["count"])

    async def ping(self) -> None:
        await self._store.call("GET", self._path)

    async def drop(self) -> int:
        """Erase every version of the collection; returns points that remain, counted anew."""
        return await Versions(self._store, self._tenant, self._memory_id).drop()

    async def upsert(self, new: Sequence[Point]) -> None:
        for at in range(0, len(new), UPSERTED):
            body = [self._written(point) for point in new[at : at + UPSERTED]]
            await self._store.call("PUT", f"{self._path}/points?wait=true", {"points": body})

    def _written(self, point: Point) -> points.Json:
        id_ = self._id(point.candidate.incarnation, point.candidate.seq)
        return {"id": id_, "vector": points.vectors(point), "payload": points.payload(point)}

    async def remove(self, what: Removals) -> None:
        """Deletions first, by incarnation, by position, by id; then owners, so that they reach what is left."""
        for at in range(0, len(what.gone), FILTERED):
            await self._delete({"filter": points.everything([points.match("g", what.gone[at : at + FILTERED])])})
        for at in range(0, len(what.cuts), FILTERED):
            passed = [{"must": _upto(incarnation, seq)} for incarnation, seq in what.cuts[at : at + FILTERED]]
            await self._delete({"filter": {"should": passed}})
        for at in range(0, len(what.candidates), UPSERTED):
            ids = [self._id(each.incarnation, each.seq) for each in what.candidates[at : at + UPSERTED]]
            await self._delete({"points": ids})
        turn = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._set_owner(incarnation, owner, turn) for incarnation, owner in what.owners))

    async def _delete(self, selection: points.Json) -> None:
        await self._store.call("POST", f"{self._path}/points/delete?wait=true", selection)

    async def _set_owner(self, incarnation: int, owner: str, turn: asyncio.Semaphore) -> None:
        body = {"payload": {"owner": owner}, "filter": points.everything([points.match("g", [incarnation])])}
        async with turn:
            await self._store.call("POST", f"{self._path}/points/payload?wait=true", body)

    async def scroll(self, *, cursor: str | None, most: int) -> tuple[list[Candidate], str | None]:
        body = {"limit": most, "offset": cursor, "with_payload": points.PROPOSAL_FIELDS, "with_vector": False}
        answer = await self._store.call("POST", f"{self._path}/points/scroll", body)
        return [points.candidate(each["payload"]) for each in answer["points"]], answer.get("next_page_offset")

    async def present(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """One call asks for up to UPSERTED of them."""
        found: list[Candidate] = []
        for at in range(0, len(candidates), UPSERTED):
            ids = [self._id(each.incarnation, each.seq) for each in candidates[at : at + UPSERTED]]
            body = {"ids": ids, "with_payload": points.PROPOSAL_FIELDS, "with_vector": False}
            answer = await self._store.call("POST", f"{self._path}/points", body)
            found += [points.candidate(each["payload"]) for each in answer]
        return found

    def _id(self, incarnation: int, seq: int) -> str:
        return points.point_id(self._tenant, self._memory_id, incarnation, seq)


def _upto(incarnation: int, seq: int) -> list[points.Json]:
    return [points.match("g", [incarnation]), {"key": "seq", "range": {"lte": seq}}]


def _by_meaning(what: Search, chosen: Any) -> points.Json:
    """The nearest by meaning; with words at hand also what they find, so that those have a cosine too."""
    search = {
        "query": what.dense,
        "using": points.DENSE,
        "filter": chosen,
        "limit": what.limit,
        "with_payload": points.PROPOSAL_FIELDS,
    }
    if what.sparse is None or not what.sparse.indices:
        return search
    near = {"query": what.dense, "using": points.DENSE, "filter": chosen, "limit": what.limit}
    worded = {"query": points.sparse(what.sparse), "using": points.WORDS, "filter": chosen, "limit": what.limit}
    return search | {"prefetch": [near, worded], "limit": 2 * what.limit}


def _by_words(what: Search, chosen: Any) -> points.Json:
    assert what.sparse is not None
    return {
        "query": points.sparse(what.sparse),
        "using": points.WORDS,
        "filter": chosen,
        "limit": what.limit,
        "with_payload": points.PROPOSAL_FIELDS,
    }
