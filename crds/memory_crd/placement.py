"""Parts of a MemoryTenant that Kubernetes already has words for: amounts, placement, network peers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from memory_crd import quantities
from memory_crd.fields import JsonObject, Rule, Setting
from memory_crd.models import Entries, Items, Nested, Open, write
from memory_crd.scalars import Choice, Integer, Quantity, Text

_LABEL_KEY = Text(317, r"^[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?$", "a label key", least=1)
_LABEL_VALUE = Text(63, r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$", "a label value")
_OBJECT_NAME = Text(253, r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "the name of an object", least=1)


# --- amounts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU, memory and scratch space of a container."""

    cpu: Annotated[str | None, Setting("cpu", Quantity(), "CPU, such as 25m or 1.")] = None
    memory: Annotated[str | None, Setting("memory", Quantity(), "Memory, such as 256Mi.")] = None
    ephemeral_storage: Annotated[
        str | None, Setting("ephemeral-storage", Quantity(), "Scratch space on the node, such as 1Gi.")
    ] = None


def _requests_fit(resources: Mapping[str, Any], name: str) -> bool:
    requests, limits = (resources.get(part, {}) for part in ("requests", "limits"))
    return name not in requests or name not in limits or enough(limits[name], requests[name])


def enough(limit: str | int, request: str | int) -> bool:
    """True when a limit is enough for a request."""
    return quantities.parse(limit) >= quantities.parse(request)


def _fits(name: str) -> Rule:
    request, limit = f"self.requests.{name}", f"self.limits.{name}"
    return Rule(
        cel=f"!has(self.requests) || !has({request}) || !has(self.limits) || !has({limit}) || "
        f"quantity(string({limit})).compareTo(quantity(string({request}))) >= 0",
        message=f"requests.{name} must not exceed limits.{name}",
        holds=lambda resources: _requests_fit(resources, name),
    )


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container asks for, and what it may use at most."""

    RULES: ClassVar[tuple[Rule, ...]] = (_fits("cpu"), _fits("memory"))

    requests: Annotated[
        Amounts, Setting("requests", Nested(Amounts), "What the scheduler sets aside.", publish=False)
    ] = field(default_factory=Amounts)
    limits: Annotated[
        Amounts, Setting("limits", Nested(Amounts), "What the container may use at most.", publish=False)
    ] = field(default_factory=Amounts)

    def manifest(self) -> JsonObject:
        """The `resources` of a container."""
        return {part: amounts for part, amounts in write(self).items() if amounts}


# --- scheduling -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that pods of the tenant put up with."""

    key: Annotated[str | None, Setting("key", _LABEL_KEY, "Key of the taint; absent with Exists means any.")] = None
    operator: Annotated[
        Literal["Exists", "Equal"] | None,
        Setting("operator", Choice(("Exists", "Equal")), "Whether the value counts; Equal by default."),
    ] = None
    value: Annotated[str | None, Setting("value", _LABEL_VALUE, "Value of the taint, for Equal.")] = None
    effect: Annotated[
        str | None,
        Setting(
            "effect", Choice(("NoSchedule", "PreferNoSchedule", "NoExecute")), "Effect to match; absent means all."
        ),
    ] = None
    toleration_seconds: Annotated[
        int | None,
        Setting(
            "tolerationSeconds", Integer(0, 31_536_000), "How long a NoExecute taint is put up with; absent: ever."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Affinity:
    """Attraction and repulsion, in Kubernetes' own words."""

    node: Annotated[
        Mapping[str, Any] | None, Setting("nodeAffinity", Open(8), "Which nodes, as in a pod's affinity.")
    ] = None
    pod: Annotated[
        Mapping[str, Any] | None, Setting("podAffinity", Open(8), "Which pods to be near, as in a pod's affinity.")
    ] = None
    pod_anti: Annotated[
        Mapping[str, Any] | None,
        Setting("podAntiAffinity", Open(8), "Which pods to keep away from, as in a pod's affinity."),
    ] = None


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Where the tenant's pods run."""

    node_selector: Annotated[
        Mapping[str, str] | None,
        Setting("nodeSelector", Entries(_LABEL_VALUE, 32), "Labels that a node must have."),
    ] = None
    tolerations: Annotated[
        tuple[Toleration, ...] | None,
        Setting("tolerations", Items(Nested(Toleration), 16), "Taints that the pods put up with."),
    ] = None
    affinity: Annotated[
        Affinity | None, Setting("affinity", Nested(Affinity), "Attraction to and repulsion from nodes and pods.")
    ] = None
    priority_class_name: Annotated[
        str | None, Setting("priorityClassName", _OBJECT_NAME, "PriorityClass of the pods.")
    ] = None

    def manifest(self) -> JsonObject:
        """The fields of a pod's spec: nodeSelector, tolerations, affinity, priorityClassName, those that are set."""
        return write(self)


# --- network ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a label selector."""

    key: Annotated[str, Setting("key", _LABEL_KEY, "Key of the label.")]
    operator: Annotated[
        str, Setting("operator", Choice(("In", "NotIn", "Exists", "DoesNotExist")), "How values are compared.")
    ]
    values: Annotated[
        tuple[str, ...] | None, Setting("values", Items(_LABEL_VALUE, 32), "Values, for In and NotIn.")
    ] = None


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Which objects, by their labels; empty means all."""

    match_labels: Annotated[
        Mapping[str, str] | None, Setting("matchLabels", Entries(_LABEL_VALUE, 32), "Labels that must be equal.")
    ] = None
    match_expressions: Annotated[
        tuple[Requirement, ...] | None,
        Setting("matchExpressions", Items(Nested(Requirement), 16), "Requirements that must all hold."),
    ] = None


_CIDR = Text(64, r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", "a CIDR such as 10.0.0.0/8", least=1)


@dataclass(frozen=True, slots=True)
class IpBlock:
    """A range of addresses."""

    cidr: Annotated[str, Setting("cidr", _CIDR, "The range, such as 10.0.0.0/8.")]
    excluding: Annotated[
        tuple[str, ...] | None, Setting("except", Items(_CIDR, 16), "Ranges inside it that are left out.")
    ] = None


def _is_one_peer(peer: Mapping[str, Any]) -> bool:
    selects = "namespaceSelector" in peer or "podSelector" in peer
    return selects != ("ipBlock" in peer)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may call the memory service, as in a NetworkPolicy."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.namespaceSelector) || has(self.podSelector)) != has(self.ipBlock)",
            message="a peer is either selectors (namespaceSelector, podSelector) or an ipBlock",
            holds=_is_one_peer,
        ),
    )

    namespace_selector: Annotated[
        LabelSelector | None,
        Setting("namespaceSelector", Nested(LabelSelector), "Namespaces whose pods may call; {} means all."),
    ] = None
    pod_selector: Annotated[
        LabelSelector | None,
        Setting("podSelector", Nested(LabelSelector), "Pods that may call, in those namespaces or, without, in this."),
    ] = None
    ip_block: Annotated[
        IpBlock | None, Setting("ipBlock", Nested(IpBlock), "Addresses outside the cluster that may call.")
    ] = None

    def manifest(self) -> JsonObject:
        """The peer as a NetworkPolicy writes it."""
        return write(self)


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A Secret with the credentials of an image registry."""

    name: Annotated[str, Setting("name", _OBJECT_NAME, "Name of a Secret of type kubernetes.io/dockerconfigjson.")]
