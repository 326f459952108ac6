"""What a real API server does with the two resources: what it accepts, what it refuses and in which words."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.client import ApiException
from memory_crd.errors import InvalidManifest
from memory_crd.memory import Memory
from memory_crd.tenant import MemoryTenant

from tests.memory_crd.documents import FULL, damage

if TYPE_CHECKING:
    from tests.memory_crd.conftest import Api

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.*"))
_numbers = itertools.count(1)


def memory(**spec: Any) -> Json:
    """A valid Memory on volumes, with a fresh name; `spec` adds to it or replaces it."""
    valid = {"storage": {"use": "redis"}, "vector": {"use": "qdrant", "dimensions": 384}}
    return {
        "apiVersion": "memoryplatform.dev/v1alpha1",
        "kind": "Memory",
        "metadata": {"name": f"memory-{next(_numbers)}"},
        "spec": copy.deepcopy(valid | spec),
    }


def tenant(**spec: Any) -> Json:
    return {
        "apiVersion": "memoryplatform.dev/v1alpha1",
        "kind": "MemoryTenant",
        "metadata": {"name": "default"},
        "spec": copy.deepcopy(spec),
    }


def put(document: Json, path: str, value: object) -> Json:
    """The document with one member set, parents made where they are missing."""
    *parents, last = path.split("/")
    at = document["spec"]
    for parent in parents:
        at = at.setdefault(parent, {})
    at[last] = value
    return document


@pytest.fixture
def stored(api: Api) -> Iterator[Any]:
    """Creates an object and deletes it when the test ends."""
    made: list[Json] = []

    def create(manifest: Json) -> Json:
        made.append(api.create(manifest))
        return made[-1]

    yield create
    for each in made:
        api.delete(each["kind"], each["metadata"]["name"])


# --- accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_accepted(api: Api, file: Path) -> None:
    for document in yaml.safe_load_all(file.read_text()):
        manifest = document if "kind" in document else memory() | {"spec": document}
        api.create(manifest, dry_run=True)


def test_kubectl_applies_a_file_with_both_kinds_in_either_order(api: Api) -> None:
    documents = list(yaml.safe_load_all((Path(__file__).parents[2] / "examples" / "all.yaml").read_text()))

    for order in (documents, documents[::-1]):
        done = api.kubectl("apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump_all(order))
        assert done.returncode == 0, done.stderr


def test_defaults_are_filled_in_when_their_parents_are_absent(api: Api) -> None:
    spec = api.create(memory(), dry_run=True)["spec"]

    assert spec["deletionPolicy"] == "Retain"
    assert spec["storage"] == {"use": "redis", "config": {}}
    assert spec["options"] == {
        "lastMessages": 10,
        "semanticRecall": {
            "enabled": True, "maxResults": 5, "scope": "owner", "messageRange": 1, "mode": "hybrid", "filterable": [],
        },
        "workingMemory": {"enabled": False, "scope": "thread"},
        "ttl": {"refresh": "write", "required": False},
        "limits": {"messageBytes": 65536, "threadMessages": 10000, "metadataKeys": 256},
    }  # fmt: skip


def test_absent_storage_and_id_stay_absent(api: Api) -> None:
    document = memory()
    del document["spec"]["storage"]

    spec = api.create(document, dry_run=True)["spec"]

    assert "storage" not in spec
    assert "id" not in spec


def test_a_declared_privacy_gets_its_defaults(api: Api) -> None:
    found = api.create(memory(options={"privacy": {"redact": [r"(?i)\b\d{3}-\d{2}-\d{4}\b"]}}), dry_run=True)

    assert found["spec"]["options"]["privacy"] == {
        "redact": [r"(?i)\b\d{3}-\d{2}-\d{4}\b"],
        "excludeRoles": [],
        "replacement": "[REDACTED]",
    }


def test_a_tenant_gets_no_defaults(api: Api) -> None:
    assert api.create(tenant(), dry_run=True)["spec"] == {}


def test_dimensions_may_be_a_float_that_is_whole(api: Api) -> None:
    """kubectl and YAML hide this; a JSON client does not."""
    text = json.dumps(memory(vector={"use": "qdrant", "dimensions": 384.0}))
    assert "384.0" in text

    found = api.create(json.loads(text), dry_run=True)

    assert Memory.parse(found).spec.vector.dimensions == 384


@pytest.mark.parametrize("value", ["30d", "500ms", 3600, 0, "0s", "99999d"])
def test_a_duration_is_a_text_or_seconds(api: Api, value: object) -> None:
    found = api.create(memory(options={"ttl": {"after": value}}), dry_run=True)

    assert found["spec"]["options"]["ttl"]["after"] == value


def test_config_keeps_what_nobody_knows(api: Api) -> None:
    config = {"path": "/data", "nested": {"a": [1, 2]}}

    assert (
        api.create(memory(storage={"use": "redis", "config": config}), dry_run=True)["spec"]["storage"]["config"]
        == config
    )


def test_a_reference_to_a_secret_gets_the_usual_key(api: Api) -> None:
    embedder = {"use": "openai", "config": {"secretRef": {"name": "openai"}}}

    config = api.create(memory(embedder=embedder), dry_run=True)["spec"]["embedder"]["config"]

    assert config["secretRef"] == {"name": "openai", "key": "apiKey"}


@pytest.mark.parametrize("template", ["{{ env.OPENAI_KEY }}", "{{env.K}}", "{{ .env.K }}"])
def test_a_template_stands_for_a_credential(api: Api, template: str) -> None:
    api.create(memory(embedder={"use": "openai", "config": {"apiKey": template}}), dry_run=True)


# --- refused ----------------------------------------------------------------------------------------------------------

IMPLEMENTATIONS = [
    ("storage/use", "postgres", ["redis", "in-memory"]),
    ("storage/use", "compozy/vector:qdrant", ["redis", "in-memory"]),
    ("storage/use", "compozy/storage:compozy/storage:redis", ["redis", "in-memory"]),
    ("vector/use", "pinecone", ["qdrant", "in-memory"]),
    ("embedder/use", "magic", ["local", "openai"]),
]
WORDS = [
    ("deletionPolicy", "Keep", ["Retain", "Delete"]),
    ("options/semanticRecall/scope", "tenant", ["thread", "owner", "memory"]),
    ("options/semanticRecall/mode", "sparse", ["hybrid", "dense", "keyword"]),
    ("options/workingMemory/scope", "memory", ["thread", "owner"]),
    ("options/ttl/refresh", "always", ["write", "read", "never"]),
]
BOUNDS = [
    ("$schema", "x" * 513, ["512"]), ("id", "", ["at least 1"]), ("id", "a" * 64, ["63"]), ("id", "a.b", ["match"]),
    ("vector/dimensions", 0, ["greater than or equal to 1"]), ("vector/dimensions", 65537, ["65536"]),
    ("vector/dimensions", 1.5, ["integer"]), ("vector/dimensions", "384", ["integer"]),
    ("embedder/config/model", "x" * 129, ["128"]), ("embedder/config/model", "", ["at least 1"]),
    ("options/lastMessages", 1001, ["1000"]), ("options/lastMessages", -1, ["greater than or equal to 0"]),
    ("options/semanticRecall/enabled", "yes", ["boolean"]), ("options/semanticRecall/maxResults", 51, ["50"]),
    ("options/semanticRecall/maxResults", 0, ["1"]), ("options/semanticRecall/messageRange", 21, ["20"]),
    ("options/semanticRecall/threshold", 1.1, ["1"]), ("options/semanticRecall/threshold", -0.1, ["0"]),
    ("options/semanticRecall/filterable", [{"key": f"k{n}", "type": "bool"} for n in range(17)], ["16"]),
    ("options/workingMemory/enabled", 1, ["boolean"]), ("options/workingMemory/template", "x" * 16385, ["16384"]),
    ("options/workingMemory/schema", {f"k{n}": 1 for n in range(65)}, ["64"]),
    ("options/ttl/after", "soon", ["match"]), ("options/ttl/after", "1 hour", ["match"]),
    ("options/ttl/after", -1, ["greater than or equal to 0"]), ("options/ttl/after", "100000d", ["match"]),
    ("options/ttl/maxAge", "30 days", ["match"]),
    ("options/ttl/after", 0.5, ["multiple of 1"]), ("options/ttl/maxAge", 8_639_913_601, ["8639913600"]),
    ("options/ttl/required", "no", ["boolean"]),
    ("options/ttl", {"required": True}, ["required needs after or maxAge"]),
    ("options/ttl", {"required": True, "after": 0, "maxAge": "00d"}, ["required needs after or maxAge"]),
    ("options/window", {}, ["say messages, tokens, or both"]),
    ("options/window/messages", 0, ["greater than or equal to 1"]), ("options/window/messages", 100_001, ["100000"]),
    ("options/window/tokens", 0, ["greater than or equal to 1"]),
    ("options/flushing", {"type": "simple_fifo"}, ["say maxMessages, maxTokens, or both"]),
    ("options/flushing", {"maxMessages": 5}, ["type", "Required"]),
    ("options/flushing", {"type": "fifo", "maxMessages": 5}, ["simple_fifo", "token_aware_lru", "hybrid_summary"]),
    ("options/flushing", {"type": "simple_fifo", "maxMessages": 5, "threshold": 0}, ["greater than 0"]),
    ("options/flushing", {"type": "simple_fifo", "maxMessages": 5, "threshold": 1.1}, ["less than or equal to 1"]),
    ("options/flushing", {"type": "simple_fifo", "maxMessages": 5, "summaryTokens": 9}, ["hybrid_summary needs"]),
    ("options/flushing", {"type": "hybrid_summary", "maxMessages": 5}, ["hybrid_summary needs summaryTokens"]),
    ("options/flushing", {"type": "lru", "maxMessages": 5, "summarizer": {"url": "http://chat/v1", "model": "m"}},
     ["a summarizer writes summaries"]),
    ("options/flushing", {"type": "hybrid_summary", "maxMessages": 5, "summaryTokens": 9,
                          "summarizer": {"url": "chat", "model": "m"}}, ["must be an http:// or https:// URL"]),
    ("options", {"window": {"messages": 5}, "flushing": {"type": "simple_fifo", "maxMessages": 5}},
     ["window and flushing exclude each other"]),
    ("options/limits/messageBytes", 1048577, ["1048576"]), ("options/limits/messageBytes", 0, ["1"]),
    ("options/limits/threadMessages", 0, ["1"]), ("options/limits/metadataKeys", -1, ["0"]),
    ("options/limits/threads", 0, ["1"]), ("options/limits/bytes", 0, ["1"]),
    ("options/limits/requestsPerSecond", 0, ["1"]), ("storage/config", {f"k{n}": 1 for n in range(33)}, ["32"]),
]  # fmt: skip
PRIVACY = [
    ("options/privacy/redact", ["a("], ["error parsing regexp"]),
    ("options/privacy/redact", [r"(?=a)b"], ["error parsing regexp"]),
    ("options/privacy/redact", ["a*"], ["must be an RE2 pattern that does not match the empty text"]),
    ("options/privacy/redact", [""], ["at least 1"]), ("options/privacy/redact", ["x" * 513], ["512"]),
    ("options/privacy/redact", [f"a{n}" for n in range(33)], ["32"]),
    ("options/privacy/redact", ["ab", "ab"], ["Duplicate value"]), ("options/privacy/redact", "ab", ["array"]),
    ("options/privacy/excludeRoles", ["robot"], ["user", "assistant", "system", "tool"]),
    ("options/privacy/excludeRoles", ["tool", "tool"], ["Duplicate value"]),
    ("options/privacy/replacement", "", ["at least 1"]), ("options/privacy/replacement", "x" * 65, ["64"]),
]  # fmt: skip
CREDENTIALS = [
    ("storage/config/token", "abc", ["{{ env.NAME }}", "secretRef"]),
    ("storage/config/url", "redis://user:secret@host:6379", ["user:password@", "secretRef"]),
    ("storage/config/secretRef", {"key": "a"}, ["name", "Required"]),
    ("storage/config/secretRef", {"name": "Not A Name"}, ["match"]),
    ("vector/config/apiKey", "abc", ["{{ env.NAME }}", "secretRef"]),
    ("vector/config/token", "abc", ["{{ env.NAME }}"]),
    ("vector/config/url", "https://:secret@host", ["user:password@"]),
    ("embedder/config/apiKey", "sk-literal", ["{{ env.NAME }}", "secretRef"]),
    ("embedder/config/apiKey", "{{ env.A }} sk-literal", ["{{ env.NAME }}"]),
    ("embedder/config/url", "https://user:secret@host/v1", ["http"]),
    ("embedder/config/url", "ftp://host", ["http"]),
]


def label(value: object) -> str:
    return value if isinstance(value, str) and len(value) < 50 else ""


@pytest.mark.parametrize(("path", "value", "told"), IMPLEMENTATIONS + WORDS + BOUNDS + PRIVACY + CREDENTIALS, ids=label)
def test_a_bad_value_is_refused_in_words_that_name_the_field(
    api: Api, path: str, value: object, told: list[str]
) -> None:
    document = memory(embedder={"use": "openai", "config": {}})

    message = api.refusal(put(document, path, value))

    field = "spec." + path.replace("/", ".")
    assert field in message
    assert all(word in message for word in told), message
    with pytest.raises(InvalidManifest):
        Memory.parse(document)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"options": {"workingMemory": {"template": "a", "schema": {}}}}, "template and schema exclude each other"),
        (
            {"embedder": {"use": "openai", "config": {"apiKey": "{{ env.A }}", "secretRef": {"name": "a"}}}},
            "apiKey and secretRef exclude each other",
        ),
        ({"options": {"semanticRecall": {"filterable": [{"key": "role", "type": "keyword"}]}}}, "role and timestamp"),
        (
            {
                "options": {
                    "semanticRecall": {"filterable": [{"key": "a", "type": "bool"}, {"key": "a", "type": "float"}]}
                }
            },
            "Duplicate value",
        ),
        ({"options": {"privacy": {"redact": ["RED"]}}}, "the replacement must not match a pattern"),
        ({"options": {"privacy": {"redact": ["x"], "replacement": "xxx"}}}, "the replacement must not match a pattern"),
        ({"storage": {"config": {}}}, "spec.storage.use: Required"),
        ({"vector": {"use": "qdrant"}}, "spec.vector.dimensions: Required"),
        ({"embedder": {"config": {}}}, "spec.embedder.use: Required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_contradiction_or_an_omission_is_refused(api: Api, spec: Json, told: str) -> None:
    document = memory(**spec)

    assert told in api.refusal(document)
    with pytest.raises(InvalidManifest):
        Memory.parse(document)


def test_a_memory_without_vector_is_refused(api: Api) -> None:
    document = memory()
    del document["spec"]["vector"]

    assert "spec.vector: Required" in api.refusal(document)


@pytest.mark.parametrize(
    "path",
    [
        "window", "hibernated", "options/window/size", "options/flushing/target", "options/privacy/patterns",
        "options/ttl/for",
        "storage/path", "vector/size", "options/limits/tokens", "storage/config/secretRef",
    ],
)  # fmt: skip
def test_an_unknown_field_is_refused_by_name(api: Api, path: str) -> None:
    value = {"name": "a", "namespace": "other"} if path.endswith("secretRef") else 1

    message = api.refusal(put(memory(), path, value))

    assert f'unknown field "spec.{path.replace("/", ".")}' in message


def test_a_name_with_a_dot_needs_an_id(api: Api) -> None:
    document = memory()
    document["metadata"]["name"] = "notes.v2"

    assert "spec.id is required" in api.refusal(document)
    api.create(put(document, "id", "notes_v2"), dry_run=True)


def test_a_name_has_at_most_63_characters(api: Api) -> None:
    document = memory(id="short")
    document["metadata"]["name"] = "a" * 64

    assert "at most 63" in api.refusal(document)


def test_a_null_is_never_stored(api: Api) -> None:
    """Where there is a default it takes the null's place."""
    found = api.create(memory(options=None, id=None), dry_run=True)

    assert found["spec"]["options"]["lastMessages"] == 10
    assert "id" not in found["spec"]


PARSERS = {"memory": (memory, Memory.parse), "tenant": (tenant, MemoryTenant.parse)}


@pytest.mark.parametrize("kind", PARSERS)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_server_and_parser_give_a_damaged_document_the_same_verdict(api: Api, kind: str, data: st.DataObject) -> None:
    make, parse = PARSERS[kind]
    document = make() | {"spec": damage(FULL[kind], data.draw)}
    if holds_null(document):
        return

    assert accepts(api, document) == parses(parse, document), document["spec"]


def holds_null(node: object) -> bool:
    """True for a document that the server changes before it judges."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return node is None or any(map(holds_null, children))


def accepts(api: Api, document: Json) -> bool:
    try:
        api.create(document, dry_run=True)
    except ApiException:
        return False
    return True


def parses(parse: Callable[[Json], object], document: Json) -> bool:
    try:
        parse(document)
    except InvalidManifest:
        return False
    return True


# --- changes ----------------------------------------------------------------------------------------------------------


def changed(api: Api, manifest: Json, **spec: Any) -> str | None:
    """What the server says to a change of the stored object, None when it accepts."""
    document = api.get(manifest["kind"], manifest["metadata"]["name"])
    for name, value in spec.items():
        document["spec"].pop(name, None)
        if value is not None:
            document["spec"][name] = value
    try:
        api.replace(document)
    except ApiException as refused:
        message: str = json.loads(refused.body)["message"]
        return message
    return None


def test_storage_is_immutable_in_either_spelling(api: Api, stored: Any) -> None:
    made = stored(memory())

    assert "storage.use is immutable" in str(changed(api, made, storage={"use": "in-memory"}))
    assert changed(api, made, storage={"use": "compozy/storage:redis"}) is None
    assert changed(api, made, storage={"use": "redis"}) is None


def test_taking_storage_away_is_no_way_around(api: Api, stored: Any) -> None:
    made = stored(memory())

    assert "storage.use is immutable" in str(changed(api, made, storage=None))


def test_absent_storage_is_in_memory(api: Api, stored: Any) -> None:
    made = stored(memory())
    document = memory()
    del document["spec"]["storage"]
    absent = stored(document)

    assert changed(api, absent, storage={"use": "in-memory"}) is None
    assert changed(api, absent, storage=None) is None
    assert "storage.use is immutable" in str(changed(api, absent, storage={"use": "redis"}))
    assert "storage.use is immutable" in str(changed(api, made, storage={"use": "compozy/storage:in-memory"}))


def test_the_vector_store_is_immutable_and_its_dimensions_are_not(api: Api, stored: Any) -> None:
    made = stored(memory())

    assert "vector.use is immutable" in str(changed(api, made, vector={"use": "in-memory", "dimensions": 384}))
    assert changed(api, made, vector={"use": "compozy/vector:qdrant", "dimensions": 768}) is None


def test_the_id_is_immutable_and_absent_means_the_name(api: Api, stored: Any) -> None:
    made = stored(memory())
    name = made["metadata"]["name"]

    assert "spec.id is immutable" in str(changed(api, made, id="other"))
    assert changed(api, made, id=name) is None
    assert changed(api, made, id=None) is None


def test_taking_the_id_away_is_no_way_around(api: Api, stored: Any) -> None:
    made = stored(memory(id="first"))

    assert "spec.id is immutable" in str(changed(api, made, id=None))
    assert "spec.id is immutable" in str(changed(api, made, id="second"))


def test_a_url_that_this_version_cannot_serve_may_be_taken_away_again(api: Api, stored: Any) -> None:
    made = stored(memory(storage={"use": "redis", "config": {"url": "redis://elsewhere:6379"}}))

    assert changed(api, made, storage={"use": "redis", "config": {}}) is None


def test_options_and_embedder_may_change(api: Api, stored: Any) -> None:
    made = stored(memory())

    assert (
        changed(api, made, options={"ttl": {"after": "1h"}}, embedder={"use": "openai"}, deletionPolicy="Delete")
        is None
    )


# --- the tenant -------------------------------------------------------------------------------------------------------


def test_a_namespace_has_one_tenant_named_default(api: Api) -> None:
    document = tenant()
    document["metadata"]["name"] = "other"

    assert "metadata.name must be default" in api.refusal(document)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("deletionPolicy", "Keep", ["Retain", "Delete"]),
        ("redis/durability", "never", ["everysecond", "always"]),
        ("redis/maxMemoryPercent", 95, ["90"]),
        ("redis/maxMemoryPercent", 24, ["25"]),
        ("redis/image", "a b", ["match"]),
        ("redis/storage/size", "big", ["match"]),
        ("redis/storage/className", "Fast", ["match"]),
        ("redis/resources", {"requests": {"cpu": 2}, "limits": {"cpu": "1"}}, ["requests.cpu must not exceed"]),
        ("worker/resources", {"requests": {"memory": "2Gi"}, "limits": {"memory": "1024Mi"}}, ["requests.memory"]),
        ("qdrant/resources/limits/cpu", "lots", ["match"]),
        ("qdrant/resources/limits/cpu", 0.5, ["multiple of 1"]),
        ("service/replicas", 0, ["1"]),
        ("service/replicas", 21, ["20"]),
        ("network/policies", "On", ["Enabled", "Disabled"]),
        ("network/allowFrom", [{}], ["a peer is either"]),
        ("network/allowFrom", [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}], ["a peer is either"]),
        ("network/allowFrom", [{"ipBlock": {"cidr": "everyone"}}], ["match"]),
        ("network/allowFrom", [{"podSelector": {}}] * 17, ["16"]),
        ("imagePullSecrets", [{"name": "a"}, {"name": "a"}], ["Duplicate"]),
        ("scheduling/priorityClassName", "High", ["match"]),
        ("scheduling/tolerations", [{"operator": "In"}], ["Exists", "Equal"]),
        ("scheduling/nodeSelector", {"a": "b c"}, ["match"]),
    ],
    ids=label,
)
def test_a_bad_value_of_a_tenant_is_refused_in_words_that_name_the_field(
    api: Api, path: str, value: object, told: list[str]
) -> None:
    document = put(tenant(), path, value)

    message = api.refusal(document)

    assert "spec." + path.replace("/", ".") in message
    assert all(word in message for word in told), message
    with pytest.raises(InvalidManifest):
        MemoryTenant.parse(document)


@pytest.mark.parametrize(
    "path", ["hibernated", "pauses", "quotas", "tls", "podMetadata", "podSecurity", "redis/replicas"]
)
def test_an_unknown_field_of_a_tenant_is_refused_by_name(api: Api, path: str) -> None:
    assert f'unknown field "spec.{path.replace("/", ".")}"' in api.refusal(put(tenant(), path, 1))


def test_whole_numbers_are_amounts(api: Api) -> None:
    api.create(tenant(worker={"resources": {"requests": {"cpu": 1}, "limits": {"cpu": 2}}}), dry_run=True)


@pytest.mark.parametrize("store", ["redis", "qdrant"])
def test_a_volume_only_grows(api: Api, stored: Any, store: str) -> None:
    made = stored(tenant(**{store: {"storage": {"size": "1Gi"}}}))

    assert f"{store}.storage.size can only grow" in str(changed(api, made, **{store: {"storage": {"size": "512Mi"}}}))
    assert changed(api, made, **{store: {"storage": {"size": "1024Mi"}}}) is None
    assert changed(api, made, **{store: {"storage": {"size": "2Gi"}}}) is None
    for without in (None, {}, {"storage": {}}):
        assert f"{store}.storage.size can only grow" in str(changed(api, made, **{store: without}))


def test_a_size_may_be_set_where_none_was(api: Api, stored: Any) -> None:
    made = stored(tenant())

    assert changed(api, made, redis={"storage": {"size": "5Gi"}}) is None


@pytest.mark.parametrize("store", ["redis", "qdrant"])
def test_a_volume_keeps_its_class(api: Api, stored: Any, store: str) -> None:
    made = stored(tenant(**{store: {"storage": {"className": "fast"}}}))

    for storage in ({"className": "slow"}, {}):
        assert f"{store}.storage.className is immutable" in str(changed(api, made, **{store: {"storage": storage}}))
    assert f"{store}.storage.className is immutable" in str(changed(api, made, **{store: None}))


# --- status and discovery ---------------------------------------------------------------------------------------------


def test_an_untouched_object_has_observed_nothing(stored: Any) -> None:
    assert stored(memory())["status"] == {"observedGeneration": -1}
    assert stored(tenant())["status"] == {"observedGeneration": -1}


def test_status_is_written_by_its_own_route_and_moves_no_generation(api: Api, stored: Any) -> None:
    made = stored(memory())
    name = made["metadata"]["name"]
    condition = {
        "type": "Ready", "status": "True", "reason": "Ok", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T12:00:00Z",
    }  # fmt: skip
    status = {
        "observedGeneration": 1, "servedGeneration": 1, "endpoint": "http://memory.resources.svc:8080/v1/memories/a",
        "binding": {"name": "memory-connection"}, "collection": "resources.a", "conditions": [condition],
        "resolved": {"id": "a", "storage": "redis", "vector": "qdrant", "embedder": "local", "durability": "always"},
    }  # fmt: skip

    found = api.patch_status("Memory", name, status)

    assert found["status"] == status
    assert found["metadata"]["generation"] == made["metadata"]["generation"]
    assert changed(api, made, options={"lastMessages": 3}) is None
    assert api.get("Memory", name)["status"] == status


def test_a_status_written_with_the_spec_is_ignored(api: Api, stored: Any) -> None:
    made = stored(memory())
    made["status"] = {"observedGeneration": 7}

    api.replace(made)

    assert api.get("Memory", made["metadata"]["name"])["status"] == {"observedGeneration": -1}


def test_a_status_of_another_shape_is_refused(api: Api, stored: Any) -> None:
    made = stored(memory())
    name = made["metadata"]["name"]

    condition = {"type": "Ready", "status": "Yes", "reason": "Ok", "lastTransitionTime": "2026-01-01T12:00:00Z"}

    condition = {"type": "Ready", "status": "Yes", "reason": "Ok", "lastTransitionTime": "2026-01-01T12:00:00Z"}

    with pytest.raises(ApiException, match="Unsupported value"):
        api.patch_status("Memory", name, {"conditions": [condition]})


def test_people_find_memories_by_short_name_and_category(api: Api, stored: Any) -> None:
    name = stored(memory())["metadata"]["name"]
    stored(tenant())

    for word in ("mem", "memory", "memories", "memory-platform"):
        assert name in api.kubectl("get", word).stdout, word
    assert "default" in api.kubectl("get", "memt").stdout
    assert name in api.kubectl("get", "memory", name).stdout
    assert "default" in api.kubectl("get", "memory-platform").stdout


def test_the_table_shows_readiness_and_where_things_are(api: Api, stored: Any) -> None:
    name = stored(memory())["metadata"]["name"]
    ready = {"type": "Ready", "status": "False", "reason": "Unreachable", "message": "Redis is away",
             "lastTransitionTime": "2026-01-01T12:00:00Z"}  # fmt: skip
    api.patch_status(
        "Memory", name, {"conditions": [ready], "resolved": {"id": "x", "storage": "redis", "vector": "qdrant"}}
    )

    header, row = api.kubectl("get", "mem", name, "-o", "wide").stdout.splitlines()

    assert header.split() == ["NAME", "READY", "REASON", "STORAGE", "VECTOR", "AGE", "ID", "MESSAGE"]
    assert row.split()[:5] == [name, "False", "Unreachable", "redis", "qdrant"]
    assert row.endswith("Redis is away")


def test_kubectl_explains_every_field(api: Api) -> None:
    said = api.kubectl("explain", "memory.spec.options.ttl.after").stdout

    assert "A thread expires this long after its last refresh" in said


def test_what_the_server_stores_parses_to_what_was_meant(stored: Any) -> None:
    document = memory(
        id="stored_one",
        embedder={"use": "openai", "config": {"model": "m", "secretRef": {"name": "openai"}}},
        options={"ttl": {"after": "30d"}, "workingMemory": {"schema": {"type": "object"}}},
    )

    assert Memory.parse(stored(document)).spec == Memory.parse(document).spec
