"""Whatever passes the checks can be read back from the engine's log: the same points after a kill as before it."""

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_vectors import api
from memory_vectors.catalog import Catalog
from memory_vectors.errors import VectorsError
from memory_vectors.names import folder
from memory_vectors.schema import Dense, Schema, Sparse

SCHEMA = Schema({"dense": Dense(2, "Cosine")}, {"text": Sparse("idf")})
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
payloads = st.dictionaries(st.text(max_size=6), values, max_size=4)
ids = st.integers(1, 12) | st.integers(0, 2**65) | st.uuids().map(str)
dense = st.lists(numbers, min_size=1, max_size=3)
sparse = st.fixed_dictionaries({"indices": st.lists(st.integers(-1, 2**33), max_size=3), "values": dense})
vectors = st.dictionaries(st.sampled_from(["dense", "text", "other"]), dense | sparse, max_size=2)
points = st.fixed_dictionaries({"id": ids, "vector": vectors, "payload": payloads})
conditions = st.one_of(
    st.fixed_dictionaries({"has_id": st.lists(ids, max_size=3)}),
    st.builds(lambda key, value: {"key": key, "match": {"value": value}}, st.text(max_size=6), values),
    st.builds(
        lambda key, any_: {"key": key, "match": {"any": any_}}, st.text(max_size=6), st.lists(values, max_size=3)
    ),
    st.builds(lambda key, bound: {"key": key, "range": {"gte": bound}}, st.text(max_size=6), numbers | st.datetimes()),
    st.builds(lambda key: {"is_empty": {"key": key}}, st.text(max_size=6)),
)
filters = st.dictionaries(st.sampled_from(["must", "should", "must_not"]), st.lists(conditions, max_size=2), max_size=2)
updates = st.one_of(
    st.tuples(st.just(api.upsert), st.fixed_dictionaries({"points": st.lists(points, max_size=3)})),
    st.tuples(st.just(api.delete_points), st.fixed_dictionaries({"filter": filters})),
    st.tuples(st.just(api.delete_points), st.fixed_dictionaries({"points": st.lists(ids, max_size=3)})),
    st.tuples(
        st.just(api.set_payload),
        st.fixed_dictionaries({"filter": filters, "payload": payloads}, optional={"key": st.text(max_size=4)}),
    ),
)


def apply(catalog: Catalog, handler: api.Handler, body: object) -> None:
    text = json.dumps(body, default=lambda value: f"{value.isoformat()}Z").encode()
    try:
        handler(api.Call(catalog, {"name": "notes"}, {}, text))
    except VectorsError as refusal:
        assert refusal.status in (400, 404, 422), refusal


def contents(catalog: Catalog) -> object:
    body = json.dumps({"limit": 1000, "with_vector": True}).encode()
    return api.scroll(api.Call(catalog, {"name": "notes"}, {}, body))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(updates, min_size=1, max_size=8))
def test_a_killed_store_opens_with_the_same_points(steps):
    with tempfile.TemporaryDirectory() as scratch:
        catalog = Catalog(Path(scratch, "live"))
        catalog.create("notes", SCHEMA)
        for handler, body in steps:
            apply(catalog, handler, body)
        before = contents(catalog)
        # A copy of the open folder is what a kill leaves.
        shutil.copytree(Path(scratch, "live"), Path(scratch, "killed"))
        catalog.close()

        killed = Catalog(Path(scratch, "killed"))
        assert killed.get("notes").fault is None
        assert contents(killed) == before
        killed.close()
        assert Path(scratch, "killed", "collections", folder("notes")).is_dir()
