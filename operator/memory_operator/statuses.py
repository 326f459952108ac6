"""PURE: the `status` of a Memory and of a MemoryTenant, from what was judged. Equal findings give equal documents."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from memory_crd import names
from memory_crd.memory import Spec, resolve_embedder
from memory_crd.status import Condition, Reason, Status, Type, from_manifest, set_condition
from memory_crd.tenant import Tenant

from memory_operator import workloads
from memory_operator.kinds import DEPLOYMENT, STATEFUL_SET, Manifest
from memory_operator.observed import Observed
from memory_operator.readiness import Case, served_generation
from memory_operator.settings import Settings
from memory_operator.stores import REDIS, STORES

EPHEMERAL: Final = "ephemeral"


def memory_status(case: Case, conditions: Iterable[Condition], tenant: Tenant | None, now: str) -> dict[str, Any]:
    """Return the whole status of a Memory; `now` dates the conditions whose status changed."""
    manifest, spec = case.member.manifest, case.spec
    status: dict[str, Any] = {
        "observedGeneration": case.member.generation,
        "conditions": _dated(manifest, conditions, now),
    }
    served = served_generation(case)
    if served is not None:
        status["servedGeneration"] = served
    if case.member.entry is not None and spec is not None:
        namespace = case.observed.namespace
        status["endpoint"] = names.memory_url(namespace, spec.id)
        status["binding"] = {"name": names.CONNECTION}
        status["collection"] = names.collection_alias(namespace, spec.id)
        status["resolved"] = _resolved(spec, tenant)
    return status


def _resolved(spec: Spec, tenant: Tenant | None) -> dict[str, str]:
    resolved = {"id": spec.id, "storage": spec.storage.use, "vector": spec.vector.use}
    embedder = resolve_embedder(spec)
    if embedder:
        resolved["embedder"] = f"{embedder.use}/{embedder.model}"
    if spec.storage.use != REDIS.use:
        resolved["durability"] = EPHEMERAL
    elif tenant:
        resolved["durability"] = tenant.spec.redis.durability
    return resolved


def tenant_status(
    manifest: Manifest,
    tenant: Tenant,
    observed: Observed,
    judged: Iterable[tuple[Condition, ...]],
    settings: Settings,
    now: str,
) -> dict[str, Any]:
    """Return the whole status of a MemoryTenant."""
    generation = int(manifest["metadata"].get("generation") or 1)
    spec = tenant.spec
    counts = Counter(one.type for conditions in judged for one in conditions if one.status == Status.TRUE)
    return {
        "observedGeneration": generation,
        "conditions": _dated(manifest, _tenant_conditions(observed, generation), now),
        "resolved": {
            "images": {
                "redis": spec.redis.image or settings.redis_image,
                "qdrant": spec.qdrant.image or settings.qdrant_image,
                "service": spec.service.image or settings.image,
            },
            "sizes": {"redis": spec.redis.storage.size, "qdrant": spec.qdrant.storage.size},
        },
        "memories": {str(kind): counts[kind] for kind in sorted(counts)},
    }


def invalid_tenant_status(manifest: Manifest, message: str, now: str) -> dict[str, Any]:
    """Return the status of a MemoryTenant that cannot be read: everything stays as it is until it can."""
    generation = int(manifest["metadata"].get("generation") or 1)
    conditions = (
        Condition(Type.READY, Status.FALSE, Reason.INVALID, message, generation),
        Condition(Type.RECONCILING, Status.FALSE, Reason.INVALID, "", generation),
        Condition(Type.STALLED, Status.TRUE, Reason.INVALID, message, generation),
    )
    return {"observedGeneration": generation, "conditions": _dated(manifest, conditions, now)}


def _tenant_conditions(observed: Observed, generation: int) -> tuple[Condition, ...]:
    refusal = next((f"{one.kind} {one.name} was refused: {one.message}" for one in observed.refusals), "")
    waiting = _not_up(observed)
    if refusal:
        verdict = (Status.FALSE, Reason.APPLY_FAILED, refusal)
    elif waiting:
        verdict = (Status.FALSE, Reason.PROVISIONING, f"waiting for {', '.join(waiting)}")
    else:
        verdict = (Status.TRUE, Reason.OK, "everything that the namespace's Memories need is up")
    status, reason, message = verdict
    busy = status is Status.FALSE and not refusal
    return (
        Condition(Type.READY, status, reason, message, generation),
        _flag(Type.RECONCILING, busy, reason, message, generation),
        _flag(Type.STALLED, bool(refusal), reason, message, generation),
    )


def _flag(kind: Type, raised: bool, reason: Reason, message: str, generation: int) -> Condition:
    if raised:
        return Condition(kind, Status.TRUE, reason, message, generation)
    return Condition(kind, Status.FALSE, Reason.OK, "", generation)


def _not_up(observed: Observed) -> list[str]:
    """The workloads that exist and are not what they should be."""
    inventory = observed.inventory
    stores = [(store.name, inventory.child(STATEFUL_SET.name, store.name)) for store in STORES]
    down = [name for name, live in stores if live is not None and not workloads.store_is_up(live)]
    service = inventory.child(DEPLOYMENT.name, names.SERVICE)
    return down + ([names.SERVICE] if service is not None and not workloads.is_rolled_out(service) else [])


def _dated(manifest: Manifest, conditions: Iterable[Condition], now: str) -> list[dict[str, Any]]:
    """Conditions with the transition times of the live ones where the status is the same; others go."""
    known: Mapping[str, Any] = manifest.get("status") or {}
    dated = tuple(from_manifest(one) for one in known.get("conditions") or ())
    wanted = tuple(conditions)
    for condition in wanted:
        dated = set_condition(dated, condition, now=now)
    by_type = {condition.type: condition for condition in dated}
    return [by_type[condition.type].manifest() for condition in wanted]
