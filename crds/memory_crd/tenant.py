"""The MemoryTenant resource: what a tenant's memories run on.

Pure. A MemoryTenant says only what differs from the chart's defaults, and there may be none at all, so it is kept as
the document that it is; `resolve` lays it over the defaults and gives a Tenant in which nothing is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from memory_crd import names
from memory_crd.errors import InvalidTenant
from memory_crd.fields import Faults, JsonObject, Kind, Rule, Setting
from memory_crd.models import Items, Nested, read, settings, write
from memory_crd.placement import Amounts, Peer, PullSecret, Resources, Scheduling, enough
from memory_crd.scalars import Choice, Integer, Quantity, Text

__all__ = [
    "Amounts", "MemoryTenant", "Network", "Peer", "PullSecret", "Qdrant", "Redis", "Resources", "Scheduling", "Service",
    "Tenant", "TenantSpec", "Volume", "Worker", "resolve",
]  # fmt: skip

_IMAGE = Text(512, r"^[^ \t]+$", "an image reference without spaces", least=1)
_CLASS = Text(253, r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "the name of a StorageClass", least=1)


def _inherited(name: str, kind: Kind, doc: str) -> Setting:
    """A setting without a default in the schema: what is absent is the chart's, and may change with the chart."""
    return Setting(name, kind, doc, publish=False)


_REDIS_RESOURCES: Final = Resources(Amounts("25m", "64Mi"), Amounts("1", "256Mi"))
_QDRANT_RESOURCES: Final = Resources(Amounts("25m", "128Mi"), Amounts("1", "512Mi"))
_SERVICE_RESOURCES: Final = Resources(Amounts("25m", "128Mi"), Amounts("1", "256Mi"))
_WORKER_RESOURCES: Final = Resources(Amounts("25m", "256Mi"), Amounts("1", "512Mi"))


@dataclass(frozen=True, slots=True)
class Volume:
    """The disk of a store."""

    size: Annotated[
        str, _inherited("size", Quantity(whole=False), "Size of the volume, such as 1Gi; it can only grow.")
    ] = "1Gi"
    class_name: Annotated[
        str | None, _inherited("className", _CLASS, "StorageClass; the cluster's default one if absent. Immutable.")
    ] = None


@dataclass(frozen=True, slots=True)
class Redis:
    """The tenant's Redis, which history lives in. `image` None means the operator's setting."""

    image: Annotated[str | None, _inherited("image", _IMAGE, "Image of Redis or Valkey, 7.0 or newer.")] = None
    durability: Annotated[
        Literal["everysecond", "always"],
        _inherited(
            "durability",
            Choice(("everysecond", "always")),
            "How often the log is forced to disk: a lost node costs up to two seconds of writes, or nothing.",
        ),
    ] = "everysecond"
    max_memory_percent: Annotated[
        int,
        _inherited("maxMemoryPercent", Integer(25, 90), "Share of the memory limit for data; the rest is for saving."),
    ] = 75
    storage: Annotated[Volume, _inherited("storage", Nested(Volume), "Volume of the log.")] = Volume("1Gi")
    resources: Annotated[Resources, _inherited("resources", Nested(Resources), "CPU and memory of the container.")] = (
        _REDIS_RESOURCES
    )


@dataclass(frozen=True, slots=True)
class Qdrant:
    """The tenant's vector store. `image` None means the operator's setting."""

    image: Annotated[
        str | None, _inherited("image", _IMAGE, "Image of Qdrant, or of the platform's memory-vectors in its place.")
    ] = None
    storage: Annotated[Volume, _inherited("storage", Nested(Volume), "Volume of the collections.")] = Volume("2Gi")
    resources: Annotated[Resources, _inherited("resources", Nested(Resources), "CPU and memory of the container.")] = (
        _QDRANT_RESOURCES
    )


@dataclass(frozen=True, slots=True)
class Service:
    """The memory service. `image` None means the operator's setting; it serves the worker too."""

    image: Annotated[str | None, _inherited("image", _IMAGE, "Image of the platform, for service and worker.")] = None
    replicas: Annotated[int, _inherited("replicas", Integer(1, 20), "How many pods serve the tenant.")] = 1
    resources: Annotated[
        Resources, _inherited("resources", Nested(Resources), "CPU and memory of the HTTP container.")
    ] = _SERVICE_RESOURCES


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker beside the service, which embeds."""

    resources: Annotated[
        Resources, _inherited("resources", Nested(Resources), "CPU and memory of the worker's container.")
    ] = _WORKER_RESOURCES


@dataclass(frozen=True, slots=True)
class Network:
    """Who may talk to the tenant's pods."""

    policies: Annotated[
        Literal["Enabled", "Disabled"],
        _inherited(
            "policies", Choice(("Enabled", "Disabled")), "Whether NetworkPolicies are created; Enabled by default."
        ),
    ] = "Enabled"
    allow_from: Annotated[
        tuple[Peer, ...],
        _inherited("allowFrom", Items(Nested(Peer), 16), "Who else than pods of this namespace may call the service."),
    ] = ()


def _size_grows(store: str) -> Rule:
    def has(owner: str) -> str:
        return f"has({owner}.{store}) && has({owner}.{store}.storage) && has({owner}.{store}.storage.size)"

    return Rule(
        cel=f"!({has('oldSelf')}) || ({has('self')} && "
        f"quantity(self.{store}.storage.size).compareTo(quantity(oldSelf.{store}.storage.size)) >= 0)",
        message=f"{store}.storage.size can only grow, and not be taken away once it is set",
    )


def _class_stays(store: str) -> Rule:
    def name(owner: str) -> str:
        path = f"{owner}.{store}"
        has = f"has({path}) && has({path}.storage) && has({path}.storage.className)"
        return f"({has} ? {path}.storage.className : '')"

    return Rule(
        cel=f"{name('self')} == {name('oldSelf')}",
        message=f"{store}.storage.className is immutable: a volume keeps its StorageClass",
    )


@dataclass(frozen=True, slots=True)
class TenantSpec:
    """What a tenant runs on, nothing absent. The defaults here are the product's, below the chart's."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _size_grows("redis"), _size_grows("qdrant"), _class_stays("redis"), _class_stays("qdrant"),
    )  # fmt: skip

    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        _inherited(
            "deletionPolicy",
            Choice(("Retain", "Delete")),
            "What happens to the volumes when the namespace has no Memory left; Retain by default.",
        ),
    ] = "Retain"
    redis: Annotated[Redis, _inherited("redis", Nested(Redis), "The tenant's Redis.")] = field(default_factory=Redis)
    qdrant: Annotated[Qdrant, _inherited("qdrant", Nested(Qdrant), "The tenant's Qdrant.")] = field(
        default_factory=Qdrant
    )
    service: Annotated[Service, _inherited("service", Nested(Service), "The memory service.")] = field(
        default_factory=Service
    )
    worker: Annotated[Worker, _inherited("worker", Nested(Worker), "The worker beside the service.")] = field(
        default_factory=Worker
    )
    scheduling: Annotated[Scheduling, _inherited("scheduling", Nested(Scheduling), "Where the tenant's pods run.")] = (
        field(default_factory=Scheduling)
    )
    image_pull_secrets: Annotated[
        tuple[PullSecret, ...],
        _inherited("imagePullSecrets", Items(Nested(PullSecret), 8, key="name"), "Secrets for image registries."),
    ] = ()
    network: Annotated[Network, _inherited("network", Nested(Network), "Who may talk to the tenant's pods.")] = field(
        default_factory=Network
    )


@dataclass(frozen=True, slots=True)
class MemoryTenant:
    """A MemoryTenant resource: its identity, and its spec as it was written, which is valid."""

    namespace: str
    uid: str
    generation: int
    document: Mapping[str, Any] = field(hash=False)

    @classmethod
    def parse(cls, manifest: object) -> MemoryTenant:
        """A MemoryTenant from a manifest. Raises InvalidTenant with every fault, as JSON Pointers into it."""
        faults = Faults()
        body = manifest if isinstance(manifest, Mapping) else {}
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        document = body.get("spec", {})
        if metadata.get("name") != names.TENANT_OBJECT:
            faults.add("/metadata/name", f"must be {names.TENANT_OBJECT}: a namespace is one tenant")
        read(TenantSpec, document, "/spec", faults)
        if faults:
            raise InvalidTenant("MemoryTenant", faults)
        namespace = str(metadata.get("namespace") or names.LOCAL_TENANT)
        return cls(namespace, str(metadata.get("uid", "")), int(metadata.get("generation") or 1), document)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A namespace and everything that its memories run on. `uid` and `generation` are the MemoryTenant's, if any."""

    namespace: str
    spec: TenantSpec
    uid: str | None = None
    generation: int | None = None


def resolve(namespace: str, tenant: MemoryTenant | None = None, defaults: Mapping[str, Any] | None = None) -> Tenant:
    """The tenant of a namespace: its MemoryTenant over the chart's defaults over the product's.

    `defaults` has the shape of a MemoryTenant's spec; objects merge field by field, lists and free-form maps are
    replaced. A limit that is set below an inherited request lowers the request with it, and a request above an
    inherited limit raises the limit. Raises InvalidTenant when the defaults are not valid.
    """
    faults = Faults()
    read(TenantSpec, defaults or {}, "", faults)
    if faults:
        raise InvalidTenant("the chart's defaults for tenants", faults)
    document = write(TenantSpec())
    for layer in (defaults or {}, tenant.document if tenant else {}):
        document = _overlay(TenantSpec, document, layer)
    spec = read(TenantSpec, document, "", faults)
    if faults:
        raise InvalidTenant(f"tenant {namespace}", faults)
    return Tenant(namespace, spec, tenant.uid if tenant else None, tenant.generation if tenant else None)


def _overlay(model: type, below: Mapping[str, Any], above: Mapping[str, Any]) -> JsonObject:
    merged = dict(below) | dict(above)
    for setting, _, _ in settings(model):
        name, kind = setting.name, setting.kind
        if name in below and name in above and isinstance(kind, Nested):
            merged[name] = _overlay(kind.model, below[name], above[name])
    return _reconciled(merged, above) if model is Resources else merged


def _reconciled(merged: JsonObject, above: Mapping[str, Any]) -> JsonObject:
    """Resources in which no request exceeds its limit; what `above` says itself is not touched."""
    requests, limits = dict(merged.get("requests", {})), dict(merged.get("limits", {}))
    for name in requests.keys() & limits.keys():
        if enough(limits[name], requests[name]):
            continue
        if name in above.get("limits", {}):
            requests[name] = limits[name]
        else:
            limits[name] = requests[name]
    return {"requests": requests, "limits": limits}
