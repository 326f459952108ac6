"""The collections of one memory: versions behind an alias, each with a mark that says what it was built with.

`<tenant>.<memory>` is the alias that everybody searches. `<tenant>.<memory>.as.<digest>` is an alias of the same
collection that names its shape, and exists only for a collection that was set up to its end. Both are plain aliases, so
any Qdrant keeps them, and one call moves them at once.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec
from memory_crd import names

from memory_service.adapters.vectors import points
from memory_service.adapters.vectors.rest import NotThere, VectorStore

MARK: Final = ".as."


@dataclass(frozen=True, slots=True)
class Shape:
    """What points of a collection look like; another one needs another collection.

    `model` names what made the dense vectors ("" for none), `words` the sparse ones, `fields` are (key, type).
    """

    dimensions: int
    model: str
    words: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """`<vectors>-<rest>`: two hexadecimal numbers, of which the first differs when dense vectors would."""
        return f"{_digest([self.dimensions, self.model])}-{_digest([self.words, sorted(self.fields)])}"


@dataclass(frozen=True, slots=True)
class Built:
    """A collection that is set up, and the digest of its shape."""

    collection: str
    digest: str

    @property
    def version(self) -> int:
        return int(self.collection.rpartition(".v")[2])


@dataclass(frozen=True, slots=True)
class Survey:
    """What exists: the collection that is searched, those being filled, and leftovers that nothing points to."""

    serving: Built | None
    filling: tuple[Built, ...]
    leftovers: tuple[str, ...]

    @property
    def next_version(self) -> int:
        """A version that no collection has."""
        known = [built.collection for built in (self.serving, *self.filling) if built] + list(self.leftovers)
        return 1 + max((int(name.rpartition(".v")[2]) for name in known), default=0)


class Versions:
    """Administers the collections of one memory. Every method may be repeated after a crash."""

    def __init__(self, store: VectorStore, tenant: str, memory_id: str) -> None:
        self._store = store
        self._tenant = tenant
        self._memory_id = memory_id
        self.alias = names.collection_alias(tenant, memory_id)

    async def survey(self) -> Survey:
        """Look at all collections and aliases of this memory."""
        aliases = {each["alias_name"]: each["collection_name"] for each in await self._aliases()}
        existing = {each["name"] for each in (await self._store.call("GET", "/collections"))["collections"]}
        own = {name for name in existing if _is_version(name, self.alias)}
        built = [
            Built(collection, alias.removeprefix(self.alias + MARK))
            for alias, collection in sorted(aliases.items())
            if alias.startswith(self.alias + MARK) and collection in own
        ]
        target = aliases.get(self.alias)
        serving = next((each for each in built if each.collection == target), None)
        if serving is None and target in own:
            serving = Built(str(target), "")
        used = {each.collection for each in built} | ({target} if target else set())
        filling = tuple(each for each in built if each != serving)
        return Survey(serving, filling, tuple(sorted(own - used)))

    async def _aliases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._store.call("GET", "/aliases"))["aliases"]
        return found

    async def create(self, version: int, shape: Shape, *, serve: bool) -> Built:
        """Set up a new, empty collection and mark it; `serve` points the memory's alias at it in the same step."""
        name = names.collection(self._tenant, self._memory_id, version)
        await self._remove(name)
        body = {
            "vectors": {points.DENSE: {"size": shape.dimensions, "distance": "Cosine"}},
            "sparse_vectors": {points.WORDS: {"modifier": "idf"}},
            "shard_number": 1,  # IDF is counted in each shard
        }
        await self._store.call("PUT", _path(name), body)
        indexes = points.FIXED_INDEXES | {points.field(key): points.INDEX_TYPES[kind] for key, kind in shape.fields}
        for field, kind in indexes.items():
            index = {"field_name": field, "field_schema": kind}
            await self._store.call("PUT", f"{_path(name)}/index?wait=true", index)
        built = Built(name, shape.digest)
        await self._point([self.alias + MARK + shape.digest, *([self.alias] if serve else [])], name)
        return built

    async def serve(self, built: Built, instead: Built | None) -> None:
        """Let the alias name another collection from one moment to the next, then drop the old one."""
        await self._point([self.alias], built.collection)
        if instead is not None:
            await self._remove(instead.collection)

    async def remove(self, collection: str) -> None:
        """Drop one version; its aliases go with it. Absent is fine."""
        await self._remove(collection)

    async def drop(self) -> int:
        """Drop all versions and marks; returns the points of what is still there, 0 when all is gone."""
        survey = await self.survey()
        for built in (*survey.filling, *([survey.serving] if survey.serving else [])):
            await self._remove(built.collection)
        for name in survey.leftovers:
            await self._remove(name)
        return await self._remaining()

    async def _remaining(self) -> int:
        survey = await self.survey()
        left = [built.collection for built in (survey.serving, *survey.filling) if built] + list(survey.leftovers)
        remaining = 0
        for name in left:
            with contextlib.suppress(NotThere):
                answer = await self._store.call("POST", f"{_path(name)}/points/count", {"exact": True})
                remaining += max(1, int(answer["count"]))
        return remaining

    async def _point(self, aliases: list[str], collection: str) -> None:
        """Aliases that exist move; creating one that exists elsewhere replaces it, in one atomic list of actions."""
        existing = {each["alias_name"] for each in await self._aliases()}
        actions: list[points.Json] = [{"delete_alias": {"alias_name": alias}} for alias in aliases if alias in existing]
        actions += [{"create_alias": {"alias_name": alias, "collection_name": collection}} for alias in aliases]
        await self._store.call("POST", "/collections/aliases", {"actions": actions})

    async def _remove(self, name: str) -> None:
        with contextlib.suppress(NotThere):
            await self._store.call("DELETE", _path(name))


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:10]


def _path(name: str) -> str:
    return f"/collections/{quote(name, safe='')}"


def _is_version(name: str, alias: str) -> bool:
    version = name.removeprefix(alias + ".v")
    return version != name and version.isascii() and version.isdigit()
