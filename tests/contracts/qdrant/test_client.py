"""The official client works: what the service's administration and migrations use."""

import pytest
from qdrant_client import models

# The stores of the tests are on loopback.
pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


async def make(client, name):
    await client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=3, distance=models.Distance.COSINE)},
        sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )


async def test_collections_aliases_and_indexes_are_administered(client, name):
    assert not await client.collection_exists(name)
    await make(client, name)
    assert await client.collection_exists(name)
    assert name in [collection.name for collection in (await client.get_collections()).collections]
    await client.create_payload_index(name, "thread", models.PayloadSchemaType.KEYWORD)
    await client.create_payload_index(name, "n", models.IntegerIndexParams(type="integer", lookup=True, range=True))
    info = await client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.config.params.vectors["dense"].size == 3
    assert set(info.payload_schema) == {"thread", "n"}

    alias = models.CreateAlias(collection_name=name, alias_name=f"{name}-alias")
    await client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    assert [pair.alias_name for pair in (await client.get_collection_aliases(name)).aliases] == [f"{name}-alias"]
    assert f"{name}-alias" in [pair.alias_name for pair in (await client.get_aliases()).aliases]
    assert await client.delete_collection(name)
    assert not await client.collection_exists(f"{name}-alias")


async def test_points_are_written_searched_and_deleted(client, name):
    await make(client, name)
    points = [
        models.PointStruct(
            id=number,
            vector={"dense": [1.0, number, 0.0], "text": models.SparseVector(indices=[number], values=[1.0])},
            payload={"thread": "a" if number < 3 else "b", "n": number},
        )
        for number in range(1, 6)
    ]
    assert (await client.upsert(name, points, wait=True)).status == models.UpdateStatus.COMPLETED

    in_b = models.Filter(must=[models.FieldCondition(key="thread", match=models.MatchValue(value="b"))])
    found = await client.query_points(name, [1.0, 4.0, 0.0], using="dense", query_filter=in_b, with_payload=True)
    assert found.points[0].id == 4
    assert found.points[0].payload == {"thread": "b", "n": 4}

    request = models.QueryRequest(query=models.SparseVector(indices=[2], values=[1.0]), using="text", limit=1)
    (sparse,) = await client.query_batch_points(name, [request])
    assert [point.id for point in sparse.points] == [2]

    await client.set_payload(name, {"seen": True}, points=[1], wait=True)
    assert (await client.retrieve(name, [1]))[0].payload["seen"] is True
    await client.delete(name, models.FilterSelector(filter=in_b), wait=True)
    assert (await client.count(name, exact=True)).count == 2
    records, following = await client.scroll(name, limit=1, with_vectors=True)
    assert (records[0].id, following) == (1, 2)
    assert records[0].vector["text"].indices == [1]
