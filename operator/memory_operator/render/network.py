"""PURE: who may talk to whom in a tenant (crds.md, decision 14). Egress rules count as much as ingress rules.

| policy                     | ingress                                            | egress                         |
|----------------------------|----------------------------------------------------|--------------------------------|
| memory                     | 8080: this namespace, `network.allowFrom`          | DNS, the stores, the ports of  |
|                            | 9464, 9465: the operator's namespace, metrics.from | declared URLs                  |
| memory-redis, memory-qdrant| the store's port: the service's pods               | nothing                        |
"""

from typing import Any, Final
from urllib.parse import urlsplit

from memory_crd import names

from memory_operator.kinds import NETWORK_POLICY
from memory_operator.render.metadata import Context, child
from memory_operator.roster import Roster

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
_STORE_COMPONENTS: Final = {
    names.REDIS: (names.COMPONENT_REDIS, names.COMPONENT_REDIS_EPHEMERAL, names.PORT_REDIS),
    names.QDRANT: (names.COMPONENT_QDRANT, names.COMPONENT_QDRANT_EPHEMERAL, names.PORT_QDRANT),
}


def policies(context: Context, roster: Roster) -> list[dict[str, Any]]:
    """Return the NetworkPolicies; none when the tenant switched them off."""
    if context.spec.network.policies == "Disabled":
        return []
    return [_service_policy(context, roster), *(_store_policy(context, name) for name in _STORE_COMPONENTS)]


def _service_policy(context: Context, roster: Roster) -> dict[str, Any]:
    callers = [{"podSelector": {}}, *(peer.manifest() for peer in context.spec.network.allow_from)]
    own = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: context.settings.own_namespace}}}
    watchers = [own, *(dict(peer) for peer in context.settings.metrics_from)]
    stores = [
        {"to": [{"podSelector": _selects(context, durable, ephemeral)}], "ports": _ports(number)}
        for durable, ephemeral, number in _STORE_COMPONENTS.values()
    ]
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    outside = declared_ports(roster)
    spec = {
        "podSelector": {"matchLabels": names.selector(context.namespace, names.COMPONENT_SERVICE)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"from": callers, "ports": _ports(names.PORT_HTTP)},
            {"from": watchers, "ports": _ports(names.PORT_MANAGEMENT, names.PORT_WORKER_METRICS)},
        ],
        "egress": [dns, *stores, *([{"ports": _ports(*outside)}] if outside else [])],
    }
    return child(NETWORK_POLICY, names.SERVICE, context.namespace, names.COMPONENT_SERVICE, spec=spec)


def _store_policy(context: Context, name: str) -> dict[str, Any]:
    durable, ephemeral, number = _STORE_COMPONENTS[name]
    callers = {"podSelector": {"matchLabels": names.selector(context.namespace, names.COMPONENT_SERVICE)}}
    spec = {
        "podSelector": _selects(context, durable, ephemeral),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [callers], "ports": _ports(number)}],
        "egress": [],
    }
    return child(NETWORK_POLICY, name, context.namespace, durable, spec=spec)


def declared_ports(roster: Roster) -> list[int]:
    """Return the ports of the URLs that served definitions call."""
    return sorted({_port(endpoint.url) for endpoint in roster.endpoints})


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)


def _selects(context: Context, *components: str) -> dict[str, Any]:
    """Select a store and its ephemeral twin, which differ in the component only."""
    labels = names.selector(context.namespace, components[0])
    del labels[names.LABEL_COMPONENT]
    expression = {"key": names.LABEL_COMPONENT, "operator": "In", "values": list(components)}
    return {"matchLabels": labels, "matchExpressions": [expression]}


def _ports(*numbers: int) -> list[dict[str, Any]]:
    return [{"port": number, "protocol": "TCP"} for number in numbers]
