"""A full specification of each kind, and a way to damage it at random."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

# The API server's multipleOf is generous: of 500000000.5 it says that it is whole. So fractions are small and coarse.
TENTHS = st.integers(-20, 700_000).map(lambda tenths: tenths / 10)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70_000), TENTHS,
    st.text(max_size=70), st.sampled_from(["", 0, -1, 1.0, 384.0, "30d", "1e3", "redis", "thread", "a\n", "x" * 1100]),
    st.builds(list), st.builds(dict), st.builds(lambda: {"a": 1}), st.builds(lambda: ["a"]),
)  # fmt: skip
FULL: dict[str, Json] = {
    "memory": {
        "$schema": "https://compozy.dev/schemas/memory.json",
        "id": "notes",
        "deletionPolicy": "Delete",
        "storage": {"use": "redis", "config": {"url": "redis://host", "secretRef": {"name": "a", "usernameKey": "u"}}},
        "vector": {"use": "qdrant", "dimensions": 384, "config": {"token": "{{ env.T }}", "other": [1, {"a": None}]}},
        "embedder": {"use": "openai", "config": {"model": "m", "url": "http://x/v1", "apiKey": "{{ env.K }}"}},
        "options": {
            "lastMessages": 5,
            "semanticRecall": {
                "enabled": True,
                "maxResults": 3,
                "scope": "memory",
                "messageRange": 2,
                "threshold": 0.5,
                "mode": "dense",
                "filterable": [{"key": "a", "type": "bool"}, {"key": "b", "type": "float"}],
            },
            "workingMemory": {"enabled": True, "scope": "owner", "schema": {"type": "object", "properties": {}}},
            "ttl": {"after": "30d", "maxAge": 1000, "refresh": "read", "required": True},
            "privacy": {"redact": ["a+b", "[0-9]{3}"], "excludeRoles": ["tool"], "replacement": "***"},
            "flushing": {
                "type": "hybrid_summary",
                "maxMessages": 10,
                "maxTokens": 1000,
                "threshold": 0.5,
                "summaryTokens": 100,
                "summarizer": {"url": "http://chat/v1", "model": "m", "secretRef": {"name": "chat", "key": "k"}},
            },
            "limits": {"messageBytes": 10, "threadMessages": 10, "metadataKeys": 1, "threads": 1, "bytes": 1},
        },
    },
    "tenant": {
        "deletionPolicy": "Delete",
        "redis": {
            "image": "redis:8",
            "durability": "always",
            "maxMemoryPercent": 50,
            "storage": {"size": "1Gi", "className": "fast"},
            "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"ephemeral-storage": "1Gi"}},
        },
        "qdrant": {"image": "qdrant:1", "storage": {"size": "1Gi"}},
        "service": {"replicas": 2, "resources": {}},
        "worker": {"resources": {"limits": {"cpu": "500m"}}},
        "scheduling": {
            "nodeSelector": {"a": "b"},
            "tolerations": [
                {"key": "a", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 5}
            ],
            "affinity": {"nodeAffinity": {"x": [1]}, "podAntiAffinity": {}},
            "priorityClassName": "high",
        },
        "imagePullSecrets": [{"name": "registry"}],
        "network": {
            "policies": "Disabled",
            "allowFrom": [
                {
                    "namespaceSelector": {
                        "matchLabels": {"a": "b"},
                        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
                    }
                },
                {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
            ],
        },
    },
}


def places(node: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every member of a document, itself excluded."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path for key, child in children for path in [(*at, key), *places(child, (*at, key))]]


def damage(document: Json, draw: Callable[[Any], Any]) -> Json:
    """The document with one member replaced, taken away or added."""
    damaged: Any = copy.deepcopy(document)
    found = places(damaged)
    path = draw(st.sampled_from(found)) if found else ()
    parent = damaged
    for key in path[:-1]:
        parent = parent[key]
    act = draw(st.sampled_from(["replace", "remove", "add"]))
    if act == "add" or not path:
        target = parent if isinstance(parent, dict) else damaged
        target[draw(st.sampled_from(["extra", "use", "config", "after", "$schema", "name"]))] = draw(VALUES)
    elif act == "replace" or isinstance(parent, list):
        parent[path[-1]] = draw(VALUES)
    else:
        del parent[path[-1]]
    result: Json = damaged
    return result
