"""What the adapter's writes do on a real API server when something else happened meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from memory_crd import names
from memory_operator.api import ApiServer, connect
from memory_operator.cache import Cache
from memory_operator.cluster import Notice
from memory_operator.errors import Conflict, NamespaceEnds, NotFound, Refused
from memory_operator.kinds import CONFIG_MAP, EVENT, MEMORY, NAMESPACE, SERVICE, STATEFUL_SET
from memory_operator.kube import KubeCluster
from memory_operator.metrics import Metrics
from memory_operator.render.metadata import child
from prometheus_client import CollectorRegistry

from e2e.cluster.controlplane import Handle
from tests.memory_operator.builders import NOW
from tests.memory_operator.on_api_server.conftest import kubectl, until

pytestmark = pytest.mark.cluster

HERE = "adapter"
STATUS = {"observedGeneration": 1, "conditions": []}


@pytest.fixture
async def api(plane: Handle) -> AsyncIterator[ApiServer]:
    kubectl(plane, "apply", "-f", "-", text=f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {HERE}}}\n")
    connection = await connect(str(plane.kubeconfig), Metrics(CollectorRegistry()))
    yield connection
    await connection.close()


@pytest.fixture
def cluster(api: ApiServer) -> KubeCluster:
    return KubeCluster(api, Cache(), lambda: NOW)


async def made(api: ApiServer, name: str) -> Any:
    """A Memory; established definitions answer a moment late."""

    async def create() -> Any:
        spec = {"vector": {"use": "qdrant", "dimensions": 3}}
        metadata = {"name": name, "namespace": HERE}
        body = {"apiVersion": names.API_VERSION, "kind": "Memory", "metadata": metadata, "spec": spec}
        return await api.create(body, MEMORY)

    return await until(f"{name} is created", create)


def config(name: str = "config", **data: str) -> dict[str, Any]:
    return child(CONFIG_MAP, name, HERE, "service", data=data)


async def test_a_status_is_not_written_to_another_object_of_the_same_name(api: ApiServer, cluster: KubeCluster) -> None:
    old = await made(api, "again")
    await api.delete(old, MEMORY)
    await made(api, "again")

    await cluster.patch_status(old, STATUS)

    assert (await api.get(MEMORY, HERE, "again"))["status"] == {"observedGeneration": -1}


async def test_a_status_is_replaced_whole(api: ApiServer, cluster: KubeCluster) -> None:
    memory = await made(api, "whole")
    await cluster.patch_status(memory, {**STATUS, "endpoint": "x", "resolved": {"id": "a", "embedder": "b"}})
    memory = await api.get(MEMORY, HERE, "whole")
    await cluster.patch_status(memory, {**STATUS, "resolved": {"id": "a"}})

    assert (await api.get(MEMORY, HERE, "whole"))["status"] == {**STATUS, "resolved": {"id": "a"}}


async def test_a_status_that_breaks_the_schema_is_no_silent_failure(api: ApiServer, cluster: KubeCluster) -> None:
    with pytest.raises(Refused, match="status"):
        await cluster.patch_status(await made(api, "broken"), {"observedGeneration": "one"})


async def test_a_status_of_a_memory_that_is_gone_is_no_failure(api: ApiServer, cluster: KubeCluster) -> None:
    memory = await made(api, "gone")
    await api.delete(memory, MEMORY)

    await cluster.patch_status(memory, STATUS)
    await cluster.set_finalizer(memory, present=True)


async def test_a_finalizer_is_not_set_over_a_change_by_somebody_else(api: ApiServer, cluster: KubeCluster) -> None:
    memory = await made(api, "changed")
    await api.patch(memory, MEMORY, {"metadata": {"finalizers": ["example.com/mine"]}})

    with pytest.raises(Conflict):
        await cluster.set_finalizer(memory, present=True)
    assert (await api.get(MEMORY, HERE, "changed"))["metadata"]["finalizers"] == ["example.com/mine"]


async def test_a_finalizer_goes_on_and_off_in_one_pass(api: ApiServer, cluster: KubeCluster) -> None:
    memory = await made(api, "guarded")

    await cluster.set_finalizer(memory, present=True)
    assert (await api.get(MEMORY, HERE, "guarded"))["metadata"]["finalizers"] == [names.FINALIZER]
    await cluster.set_finalizer(memory, present=False)
    assert "finalizers" not in (await api.get(MEMORY, HERE, "guarded"))["metadata"]


async def test_apply_takes_back_what_is_ours_and_leaves_what_is_theirs(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.apply(config(a="1"))
    await api.patch(config(), CONFIG_MAP, {"data": {"a": "changed", "b": "theirs"}})

    await cluster.apply(config(a="1"))

    assert (await api.get(CONFIG_MAP, HERE, "config"))["data"] == {"a": "1", "b": "theirs"}


async def test_apply_removes_what_we_desire_no_more(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.apply(config("less", a="1", b="2"))
    await cluster.apply(config("less", a="1"))

    assert (await api.get(CONFIG_MAP, HERE, "less"))["data"] == {"a": "1"}


async def test_what_is_invalid_by_itself_is_refused_with_the_servers_words(cluster: KubeCluster) -> None:
    service = child(SERVICE, "bad", HERE, "service", spec={"ports": [{"port": 0, "protocol": "TCP"}]})

    with pytest.raises(Refused, match=r"spec\.ports"):
        await cluster.apply(service)


async def test_create_never_overwrites(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.create(config("first", a="1"))

    with pytest.raises(Conflict):
        await cluster.create(config("first", a="2"))


async def test_delete_spares_another_object_of_the_same_name(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.create(config("mine"))
    old = await api.get(CONFIG_MAP, HERE, "mine")

    await cluster.delete({**old, "metadata": {**old["metadata"], "uid": "another"}})
    assert await api.get(CONFIG_MAP, HERE, "mine")
    await cluster.delete(old)
    await cluster.delete(old)
    with pytest.raises(NotFound):
        await api.get(CONFIG_MAP, HERE, "mine")


async def test_an_event_is_written(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.record(Notice(await made(api, "told"), "DataAdopted", "a sentence"))

    events = (await api.list(EVENT, HERE)).items
    assert [(one["reason"], one["message"]) for one in events if one["involvedObject"]["name"] == "told"] == [
        ("DataAdopted", "a sentence")
    ]


async def test_a_namespace_that_ends_is_told_apart_from_other_refusals(
    plane: Handle, api: ApiServer, cluster: KubeCluster
) -> None:
    kubectl(plane, "create", "namespace", "ending")
    namespace = await api.get(NAMESPACE, None, "ending")
    assert not await cluster.namespace_ends("ending")

    await api.delete({"metadata": {**namespace["metadata"], "namespace": None}}, NAMESPACE)

    assert await cluster.namespace_ends("ending")
    with pytest.raises(NamespaceEnds):
        await cluster.create(child(CONFIG_MAP, "late", "ending", "service"))
    assert await cluster.namespace_ends("there-never-was-one")


async def test_a_lists_answer_is_limited_on_the_servers_side(api: ApiServer, cluster: KubeCluster) -> None:
    await cluster.create(config("ours"))
    theirs = config("theirs")
    del theirs["metadata"]["labels"]
    await api.create(theirs, CONFIG_MAP)

    found = await until("both resources are served", lambda: cluster.read(HERE))

    listed = {name for kind, name in found.children if kind == "ConfigMap"}
    assert "ours" in listed
    assert "theirs" not in listed
    assert not [name for kind, name in found.children if kind == STATEFUL_SET.name]
