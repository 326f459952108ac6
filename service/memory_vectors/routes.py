"""The calls that are served: method, path, handler, and what the query string may say."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from memory_vectors import api
from memory_vectors.errors import NotFound

_READ = frozenset({"consistency", "timeout"})
_WRITE = frozenset({"wait", "ordering", "timeout"})
_ADMIN = frozenset({"timeout"})


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    handler: api.Handler
    query: frozenset[str]


ROUTES = (
    Route("GET", "/collections", api.list_collections, _ADMIN),
    Route("POST", "/collections/aliases", api.change_aliases, _ADMIN),
    Route("GET", "/aliases", api.list_aliases, _ADMIN),
    Route("GET", "/collections/{name}", api.collection_info, _ADMIN),
    Route("PUT", "/collections/{name}", api.create_collection, _ADMIN),
    Route("DELETE", "/collections/{name}", api.delete_collection, _ADMIN),
    Route("GET", "/collections/{name}/exists", api.collection_exists, _ADMIN),
    Route("GET", "/collections/{name}/aliases", api.collection_aliases, _ADMIN),
    Route("PUT", "/collections/{name}/index", api.create_index, _WRITE),
    Route("DELETE", "/collections/{name}/index/{field}", api.delete_index, _WRITE),
    Route("PUT", "/collections/{name}/points", api.upsert, _WRITE),
    Route("POST", "/collections/{name}/points", api.retrieve, _READ),
    Route("GET", "/collections/{name}/points/{id}", api.get_point, _READ),
    Route("POST", "/collections/{name}/points/delete", api.delete_points, _WRITE),
    Route("POST", "/collections/{name}/points/payload", api.set_payload, _WRITE),
    Route("POST", "/collections/{name}/points/scroll", api.scroll, _READ),
    Route("POST", "/collections/{name}/points/count", api.count, _READ),
    Route("POST", "/collections/{name}/points/query", api.query, _READ),
    Route("POST", "/collections/{name}/points/query/batch", api.query_batch, _READ),
)

_BY_SHAPE: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
for _route in ROUTES:
    _parts = tuple(_route.template.split("/")[1:])
    _BY_SHAPE.setdefault((_route.method, len(_parts)), []).append((_parts, _route))


def match(method: str, raw_path: str) -> tuple[Route, Mapping[str, str]]:
    """The route of a request and the parts of its path, percent-decoded. Raises NotFound."""
    parts = raw_path.rstrip("/").split("/")[1:]
    for template, route in _BY_SHAPE.get((method, len(parts)), ()):
        if all(expected[0] == "{" or expected == part for expected, part in zip(template, parts, strict=True)):
            named = zip(template, parts, strict=True)
            return route, {name[1:-1]: unquote(part) for name, part in named if name[0] == "{"}
    raise NotFound(f"memory-vectors does not serve {method} {raw_path[:200]}")
