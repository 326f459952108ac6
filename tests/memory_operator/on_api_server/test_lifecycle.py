"""What the operator does on a real API server: provision, keep still, repair, and leave nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from memory_crd import names
from memory_operator.api import JSON_PATCH
from memory_operator.errors import NotFound
from memory_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    MEMORY,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)

from tests.memory_operator.on_api_server.conftest import Process, World, secret_values, until

pytestmark = pytest.mark.cluster


def memory(name: str = "support", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Memory",
        "metadata": {"name": name},
        "spec": {"storage": {"use": "redis"}, "vector": {"use": "qdrant", "dimensions": 384}, **spec},
    }


def tenant(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": names.API_VERSION, "kind": "MemoryTenant", "metadata": {"name": "default"}, "spec": spec}


async def gone(world: World, kind: Kind, name: str) -> bool:
    try:
        await world.api.get(kind, world.namespace, name)
    except NotFound:
        return True
    return False


async def reasons(world: World, namespace: str | None = None) -> set[str]:
    events = (await world.api.list(EVENT, namespace or world.namespace)).items
    return {event["reason"] for event in events if event["source"].get("component") == names.FIELD_MANAGER}


async def test_an_applied_memory_becomes_ready_and_says_how_to_reach_it(world: World) -> None:
    await world.apply(memory())
    await world.ready()

    status = (await world.memory())["status"]
    assert status["endpoint"] == f"http://memory.{world.namespace}.svc:8080/v1/memories/support"
    assert status["binding"] == {"name": "memory-connection"}
    assert status["servedGeneration"] == status["observedGeneration"] == 1
    assert status["resolved"] == {
        "id": "support", "storage": "redis", "vector": "qdrant", "durability": "everysecond",
        "embedder": "local/all-MiniLM-L6-v2",
    }  # fmt: skip
    connection = secret_values(await world.child(SECRET, names.CONNECTION))
    credentials = secret_values(await world.child(SECRET, names.CREDENTIALS))
    assert connection["uri"] == f"http://memory.{world.namespace}.svc:8080"
    assert connection["api-key"] == credentials[names.KEY_SERVICE_API_KEY]


async def test_a_steady_state_writes_nothing_and_a_restart_neither(world: World, operator_process: Process) -> None:
    await world.apply(memory("a"), memory("b"), tenant(service={"replicas": 2}))
    await world.ready("a")
    await world.ready("b")
    await asyncio.sleep(1)
    before = world.writes()

    await asyncio.sleep(3)
    assert world.writes() == before

    assert await asyncio.to_thread(operator_process.stop) == 0
    operator_process.start()
    await world.apply(memory("c"))  # something to wait for, so that the restart is known to be over
    await world.ready("c")
    fresh = world.writes()[len(before) :]
    assert not [write for write in fresh if "memories/a" in write or "memories/b" in write or "secrets" in write]
    assert {write.split("/")[0] for write in fresh} <= {
        "patch configmaps",
        "patch memories",
        "patch pods",
        "patch memorytenants",
    }


@pytest.mark.parametrize("swapped", [False, True])
async def test_memory_and_tenant_may_be_applied_in_either_order(world: World, swapped: bool) -> None:
    wish = tenant(service={"replicas": 2})

    await world.apply(*((wish, memory()) if swapped else (memory(), wish)))
    await world.ready()

    async def both_ready() -> bool:
        return (await world.child(DEPLOYMENT, "memory"))["status"].get("readyReplicas") == 2

    await until("two pods", both_ready)
    found = await world.api.get(TENANT, world.namespace, "default")
    assert found["spec"] == {"service": {"replicas": 2}}
    assert not [write for write in world.writes() if "memorytenants/default" in write and not write.startswith("patch")]

    async def told() -> bool:
        return (await world.condition("Ready", "default", TENANT))[0] == "True"

    await until("the MemoryTenant is Ready", told)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DEPLOYMENT, "memory"),
        (CONFIG_MAP, "memory-redis-config"),
        (NETWORK_POLICY, "memory-redis"),
        (SECRET, "memory-connection"),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else value,
)
async def test_a_deleted_child_comes_back(world: World, kind: Kind, name: str) -> None:
    await world.apply(memory())
    await world.ready()
    before = (await world.child(kind, name))["metadata"]["uid"]

    await world.delete(kind, name)

    async def back() -> bool:
        return bool((await world.child(kind, name))["metadata"]["uid"] != before)

    await until(f"{name} is back", back)
    await world.ready()


async def test_drift_is_repaired_even_where_others_made_the_object_invalid_for_a_merge(world: World) -> None:
    await world.apply(memory())
    await world.ready()
    service, policy = await world.child(SERVICE, "memory"), await world.child(NETWORK_POLICY, "memory-redis")

    await world.api.patch(service, SERVICE, {"spec": {"ports": [{"port": 1, "protocol": "TCP"}]}})
    await world.api.patch(policy, NETWORK_POLICY, {"spec": {"ingress": [{}]}})
    await world.api.patch(await world.child(STATEFUL_SET, "memory-redis"), STATEFUL_SET, {"spec": {"replicas": 0}})

    async def repaired() -> bool:
        ports = [port["port"] for port in (await world.child(SERVICE, "memory"))["spec"]["ports"]]
        ingress = (await world.child(NETWORK_POLICY, "memory-redis"))["spec"]["ingress"]
        replicas = (await world.child(STATEFUL_SET, "memory-redis"))["spec"]["replicas"]
        return (ports, len(ingress[0]), replicas) == ([8080, 9464], 2, 1)

    await until("all three are as they should be", repaired)


async def test_credentials_are_made_once(world: World) -> None:
    await world.apply(memory())
    await world.ready()
    before = await world.child(SECRET, names.CREDENTIALS)

    await world.apply(memory("second"))
    await world.ready("second")
    assert (await world.child(SECRET, names.CREDENTIALS))["data"] == before["data"]

    await world.api.patch(before, SECRET, {"data": {"users.acl": "", "extra": "eHh4"}})

    async def repaired() -> bool:
        return bool((await world.child(SECRET, names.CREDENTIALS))["data"]["users.acl"] == before["data"]["users.acl"])

    await until("the ACL file is back", repaired)
    assert secret_values(await world.child(SECRET, names.CREDENTIALS)).items() >= secret_values(before).items()


async def test_pods_are_prompted_when_definitions_change(world: World) -> None:
    await world.apply(memory())
    await world.ready()

    await world.apply(memory(options={"lastMessages": 3}))
    await world.ready()

    assert (await world.memory())["status"]["servedGeneration"] == 2


async def test_a_bad_edit_is_told_and_the_rest_goes_on(world: World) -> None:
    await world.apply(memory(), memory("other"))
    await world.ready()

    await world.apply(memory(storage={"use": "redis", "config": {"url": "redis://elsewhere"}}))

    async def stalled() -> bool:
        status, reason, message = await world.condition("Stalled")
        return (status, reason) == ("True", "UnsupportedConfig") and "/spec/storage/config/url" in message

    await until("support is Stalled", stalled)
    assert (await world.memory())["status"]["servedGeneration"] == 1
    await world.apply(memory("third"))
    await world.ready("third")
    await world.ready("other")


async def test_a_part_that_fails_is_told_and_heals(world: World) -> None:
    world.service.checks = {"embedder": {"status": "failed", "reason": "SecretMissing", "message": "openai/token"}}
    await world.apply(memory())

    async def told() -> bool:
        return (await world.condition("Ready"))[:2] == ("False", "SecretMissing")

    await until("the missing Secret is told", told)
    world.service.checks = {}
    await world.ready()


async def test_the_last_memory_takes_the_stack_with_it_and_leaves_the_volumes(world: World) -> None:
    await world.apply(memory("a"), memory("b"))
    await world.ready("a")
    await world.delete(MEMORY, "a")

    async def retained() -> bool:
        texts = [
            text
            for key, child in (await world.children()).items()
            if "definitions" in key
            for text in child["data"].values()
        ]
        return any('"state":"retained"' in text for text in texts)

    await until("a is retained", retained)
    assert await world.child(STATEFUL_SET, "memory-redis")

    await world.delete(MEMORY, "b")

    async def nothing() -> bool:
        left = await world.children()
        assert not left, sorted(left)
        return True

    await until("the stack is gone", nothing)
    claims = (await world.api.list(VOLUME_CLAIM, world.namespace)).items
    assert {claim["metadata"]["name"] for claim in claims} == {"data-memory-redis-0", "data-memory-qdrant-0"}


async def test_the_volumes_go_too_when_the_tenant_says_so_at_the_last_moment(world: World) -> None:
    await world.apply(memory(), tenant(deletionPolicy="Retain"))
    await world.ready()
    await world.apply(tenant(deletionPolicy="Delete"))
    await world.delete(MEMORY, "support")

    async def nothing() -> bool:
        left = [*(await world.children()), *(await world.api.list(VOLUME_CLAIM, world.namespace)).items]
        # Nobody runs here that could take the claims' finalizer off: that they are asked to go is all that can be seen.
        return not [one for one in left if isinstance(one, str) or "deletionTimestamp" not in one["metadata"]]

    await until("the stack and its volumes are gone", nothing)

    async def idle() -> bool:
        return (await world.condition("Ready", "default", TENANT))[0] == "True"

    await until("the MemoryTenant is at rest", idle)


async def test_a_memory_that_returns_within_the_proof_keeps_its_stack(world: World) -> None:
    await world.apply(memory())
    await world.ready()
    before = (await world.child(STATEFUL_SET, "memory-redis"))["metadata"]["uid"]

    await world.delete(MEMORY, "support")
    await asyncio.sleep(0.3)
    await world.apply(memory())
    await world.ready()
    await asyncio.sleep(2)

    assert (await world.child(STATEFUL_SET, "memory-redis"))["metadata"]["uid"] == before


async def test_a_retained_id_is_adopted_by_its_next_memory(world: World) -> None:
    await world.apply(memory(), memory("other"))
    await world.ready()
    await world.delete(MEMORY, "support")

    async def is_retained() -> bool:
        return any('"state":"retained"' in str(child.get("data")) for child in (await world.children()).values())

    await until("support is retained", is_retained)
    await world.apply(memory())
    await world.ready()

    async def told() -> bool:
        return "DataAdopted" in await reasons(world)

    await until("the adoption is told", told)


async def said(world: World, reason: str) -> bool:
    return reason in await reasons(world)


# --- erasure ----------------------------------------------------------------------------------------------------------


async def test_a_memory_with_policy_delete_goes_when_its_erasure_is_proven(world: World) -> None:
    await world.apply(memory(deletionPolicy="Delete"), memory("other"))
    await world.ready()
    assert (await world.memory())["metadata"]["finalizers"] == [names.FINALIZER]
    assert "finalizers" not in (await world.memory("other"))["metadata"]

    world.service.erases = False
    await world.delete(MEMORY, "support")

    async def erasing() -> bool:
        return (await world.condition("Ready"))[:2] == ("False", "Erasing")

    await until("it is erasing", erasing)
    world.service.erases = True

    async def is_gone() -> bool:
        return await gone(world, MEMORY, "support")

    await until("it is gone", is_gone)
    await until("an event tells it", lambda: said(world, "Erased"))

    async def dropped() -> bool:
        return not any(
            "uid" in str(c.get("data")) and '"erase"' in str(c.get("data")) for c in (await world.children()).values()
        )

    await until("its entry is dropped", dropped)


async def test_a_blocked_erasure_names_the_remedy_which_works(world: World) -> None:
    await world.apply(memory(deletionPolicy="Delete"), memory("other"))
    await world.ready()
    world.service.erases = False
    world.service.checks = {"storage": {"status": "failed", "reason": "Unreachable", "message": "no answer"}}
    await world.delete(MEMORY, "support")

    async def blocked() -> bool:
        _, reason, message = await world.condition("Ready")
        return reason == "ErasureBlocked" and "abandon-data=true" in message

    await until("it says what blocks it", blocked)
    await world.api.patch(
        await world.memory(), MEMORY, {"metadata": {"annotations": {names.ANNOTATION_ABANDON_DATA: "true"}}}
    )

    async def is_gone() -> bool:
        return await gone(world, MEMORY, "support")

    await until("it is gone", is_gone)
    await until("an event tells it", lambda: said(world, "NotErased"))


async def test_a_finalizer_of_somebody_else_is_left_alone(world: World) -> None:
    await world.apply(memory(deletionPolicy="Delete"))
    await world.ready()
    body = [{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/mine"}]
    await world.api.patch(await world.memory(), MEMORY, body, content_type=JSON_PATCH)

    await world.apply(memory(deletionPolicy="Retain"))

    async def only_theirs() -> bool:
        return bool((await world.memory())["metadata"]["finalizers"] == ["example.com/mine"])

    await until("ours is gone", only_theirs)
    body = [{"op": "remove", "path": "/metadata/finalizers"}]
    await world.api.patch(await world.memory(), MEMORY, body, content_type=JSON_PATCH)


async def test_a_namespace_with_guarded_memories_does_not_hang(world: World) -> None:
    world.service.erases = False
    await world.apply(memory(deletionPolicy="Delete"), memory("other", deletionPolicy="Delete"))
    await world.ready()
    namespace = await world.api.get(NAMESPACE, None, world.namespace)

    await world.api.delete({"metadata": {**namespace["metadata"], "namespace": None}}, NAMESPACE)

    async def ended() -> bool:
        try:
            await world.api.get(NAMESPACE, None, world.namespace)
        except NotFound:
            return True
        return False

    await until("the namespace is gone", ended, within=40)


async def test_a_second_memory_with_the_same_id_is_told_who_holds_it(world: World) -> None:
    await world.apply(memory("holder", id="shared"))
    await world.ready("holder")
    await world.apply(memory("late", id="shared"))

    async def told() -> bool:
        status, reason, message = await world.condition("Stalled", "late")
        return (status, reason) == ("True", "IdTaken") and "'holder'" in message

    await until("late is told", told)
    await world.ready("holder")


async def test_a_volume_grows_without_its_pod_being_touched(world: World) -> None:
    await world.apply(memory(), tenant(redis={"storage": {"size": "1Gi"}}))
    await world.ready()
    pod = (await world.child(POD, "memory-redis-0"))["metadata"]["uid"]

    await world.apply(tenant(redis={"storage": {"size": "2Gi"}}))

    async def told() -> bool:
        # No class here can expand: the claim is refused, and that is told while everything goes on.
        return (await world.condition("Warning"))[:2] == ("True", "ApplyFailed")

    await until("the refusal is told", told)
    await world.ready()
    assert (await world.child(POD, "memory-redis-0"))["metadata"]["uid"] == pod
