"""A Memory that cannot work is refused by the API server, or says what is wrong while the rest keeps working."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from e2e.kube import Client, KubectlError, append, apply, condition, get, history, kubectl, memory, until, wait_ready


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"storage": {"use": "postgres", "config": {}}}, ["spec.storage.use", "redis", "in-memory"]),
        ({"vector": {"use": "pinecone", "dimensions": 384, "config": {}}}, ["spec.vector.use", "qdrant", "in-memory"]),
        ({"embedder": {"use": "magic", "config": {}}}, ["spec.embedder.use", "local", "openai"]),
        ({"vector": {"use": "qdrant", "dimensions": 0, "config": {}}}, ["spec.vector.dimensions"]),
        ({"options": {"ttl": {"after": "soon"}}}, ["spec.options.ttl.after"]),
        ({"options": {"semanticRecall": {"maxResults": 51}}}, ["spec.options.semanticRecall.maxResults"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_invalid_memory_is_refused_with_a_message_that_names_the_field(
    tenant: str, spec: dict[str, object], told: list[str]
) -> None:
    with pytest.raises(KubectlError) as refused:
        apply(memory("wrong", **spec), namespace=tenant)

    for word in told:
        assert word in str(refused.value)


def test_a_missing_embedder_secret_is_a_condition_and_heals_when_it_appears(tenant: str, service: Client) -> None:
    stub = Path(__file__).with_name("embedding_endpoint.py").read_text()
    image = kubectl(
        "get", "deployment", "-n", "memory-system", "-o", "jsonpath={.items[0].spec.template.spec.containers[0].image}"
    )
    apply(*endpoint(stub, image), namespace=tenant)
    apply(
        memory("good"),
        memory(
            "paid",
            vector={"use": "qdrant", "dimensions": 8, "config": {}},
            embedder={
                "use": "openai",
                "config": {
                    "model": "eight",
                    "url": "http://embeddings:8000/v1",
                    "secretRef": {"name": "openai", "key": "token"},
                },
            },
        ),
        namespace=tenant,
    )
    wait_ready("good", tenant)

    until(
        "EmbedderReady False SecretMissing",
        lambda: condition(get("memory", "paid", tenant), "EmbedderReady").get("reason") == "SecretMissing",
        within=60,
    )
    with service.open() as client:
        append(client, "good", "calm", "the other memory keeps working")
        assert history(client, "good", "calm") == ["the other memory keeps working"]

    token = base64.b64encode(b"sk-test").decode()
    apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openai"}, "data": {"token": token}},
        namespace=tenant,
    )
    wait_ready("paid", tenant, within=90)


def endpoint(script: str, image: str) -> list[dict[str, object]]:
    """An OpenAI-compatible embedding endpoint as a pod and a Service, running `script` in the platform's own image."""
    labels = {"app": "embeddings"}
    quiet = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "endpoint",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", script],
        "securityContext": quiet,
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "embeddings", "labels": labels},
            "spec": {"containers": [container], "automountServiceAccountToken": False},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "embeddings"},
            "spec": {"selector": labels, "ports": [{"port": 8000, "protocol": "TCP"}]},
        },
    ]
