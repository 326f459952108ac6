"""A Memory is parsed whole or refused with every fault; defaults, references and resolution."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from memory_crd.errors import InvalidMemory
from memory_crd.memory import (
    LOCAL_MODEL,
    Embedder,
    EnvRef,
    Filterable,
    Flushing,
    Memory,
    Options,
    SecretRef,
    Spec,
    Storage,
    Vector,
    Window,
    resolve_embedder,
)

QDRANT = {"use": "qdrant", "dimensions": 384}


def manifest(name: str = "notes", **spec: Any) -> dict[str, Any]:
    """A manifest with a valid vector; `spec` adds to it or replaces it."""
    return {
        "apiVersion": "memoryplatform.dev/v1alpha1",
        "kind": "Memory",
        "metadata": {"name": name, "namespace": "shop", "uid": "u-1", "generation": 3},
        "spec": copy.deepcopy({"vector": QDRANT} | spec),
    }


def faults_of(document: object) -> dict[str, str]:
    """The faults of a manifest: path -> message."""
    with pytest.raises(InvalidMemory) as refused:
        Memory.parse(document)
    return {fault.path: fault.message for fault in refused.value.faults}


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_manifest_becomes_a_memory_with_its_identity() -> None:
    memory = Memory.parse(manifest(id="support_notes"))

    assert (memory.name, memory.namespace, memory.uid, memory.generation) == ("notes", "shop", "u-1", 3)
    assert memory.spec.id == "support_notes"


def test_an_absent_id_is_the_name() -> None:
    assert Memory.parse(manifest("notes")).spec.id == "notes"


def test_a_name_with_a_dot_needs_an_id() -> None:
    assert '"notes.v2" cannot stand in' in faults_of(manifest("notes.v2"))["/spec/id"]


def test_without_a_cluster_identity_is_local() -> None:
    memory = Memory.parse({"metadata": {"name": "notes"}, "spec": {"vector": QDRANT}})

    assert (memory.namespace, memory.uid, memory.generation) == ("local", "local-notes", 1)


def test_items_of_a_list_carry_no_kind() -> None:
    document = manifest()
    del document["kind"], document["apiVersion"]

    assert Memory.parse(document).name == "notes"


@pytest.mark.parametrize("document", [None, [], "text", {}, {"metadata": None, "spec": None}], ids=repr)
def test_what_is_no_manifest_is_refused_in_words(document: object) -> None:
    assert faults_of(document)


def test_another_kind_is_refused() -> None:
    assert "/kind" in faults_of(manifest() | {"kind": "MemoryTenant"})


# --- defaults ---------------------------------------------------------------------------------------------------------


def test_everything_but_vector_has_a_default() -> None:
    spec = Memory.parse(manifest()).spec

    assert spec.storage == Storage("in-memory")
    assert spec.vector == Vector("qdrant", 384)
    assert spec.deletion_policy == "Retain"
    assert spec.embedder is None
    assert spec.options == Options()


def test_defaults_hold_when_their_parent_is_there() -> None:
    options = Memory.parse(
        manifest(options={"semanticRecall": {"maxResults": 9}, "ttl": {"after": "30d"}})
    ).spec.options

    assert options.last_messages == 10
    assert (options.semantic_recall.max_results, options.semantic_recall.enabled) == (9, True)
    assert (options.ttl.after_ms, options.ttl.max_age_ms, options.ttl.refresh) == (30 * 86_400_000, None, "write")


def test_vector_is_required_with_implementation_and_dimensions() -> None:
    assert faults_of({"metadata": {"name": "a"}, "spec": {}}) == {"/spec/vector": "is required"}
    assert set(faults_of(manifest(vector={}))) == {"/spec/vector/use", "/spec/vector/dimensions"}


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["redis", "compozy/storage:redis"])
def test_both_spellings_of_an_implementation_are_one(use: str) -> None:
    assert Memory.parse(manifest(storage={"use": use, "config": {}})).spec.storage.use == "redis"


@pytest.mark.parametrize(
    "use",
    ["postgres", "compozy/vector:qdrant", "compozy/storage:postgres", "compozy/storage:compozy/storage:redis", "Redis"],
)
def test_an_unknown_implementation_is_refused_with_the_supported_ones(use: str) -> None:
    message = faults_of(manifest(storage={"use": use}))["/spec/storage/use"]

    assert use in message
    assert "use redis or in-memory" in message


def test_a_float_that_is_whole_is_an_integer() -> None:
    vector = Memory.parse(manifest(vector={"use": "qdrant", "dimensions": 384.0})).spec.vector

    assert vector.dimensions == 384
    assert isinstance(vector.dimensions, int)


def test_filterable_fields_keep_their_order() -> None:
    declared = [{"key": "channel", "type": "keyword"}, {"key": "score", "type": "float"}]

    recall = Memory.parse(manifest(options={"semanticRecall": {"filterable": declared}})).spec.options.semantic_recall

    assert recall.filterable == (Filterable("channel", "keyword"), Filterable("score", "float"))


def test_zero_is_no_expiry() -> None:
    assert Memory.parse(manifest(options={"ttl": {"after": 0}})).spec.options.ttl.after_ms is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", ""), ("id", "-a"), ("id", "a-"), ("id", "a.b"), ("id", "a" * 64), ("id", 7), ("id", "a\n"), ("id", None),
        ("$schema", "x" * 513), ("deletionPolicy", "Keep"), ("deletionPolicy", "delete"),
        ("storage", "redis"), ("storage", {}), ("storage/config", []), ("storage/path", "x"),
        ("vector/dimensions", 0), ("vector/dimensions", 65_537), ("vector/dimensions", 1.5),
        ("vector/dimensions", "384"), ("vector/dimensions", True), ("vector/config", "x"), ("embedder/use", "magic"),
        ("embedder/config/model", ""), ("embedder/config/model", "x" * 129), ("embedder/config/url", "ftp://x"),
        ("options/lastMessages", -1), ("options/lastMessages", 1001), ("options/unknown", 1),
        ("options/window", {}), ("options/window/messages", 0), ("options/window/messages", 100_001),
        ("options/window/tokens", 0), ("options/window/tokens", 2.5), ("options/window/size", 5),
        ("options/flushing", {}), ("options/flushing/type", "fifo"),
        ("options/flushing/maxMessages", 0), ("options/flushing/maxTokens", 0), ("options/flushing/threshold", 0),
        ("options/flushing/threshold", 1.1), ("options/flushing/summaryTokens", 0), ("options/flushing/target", 0.5),
        ("options/privacy", []),
        ("options/semanticRecall/enabled", "yes"), ("options/semanticRecall/maxResults", 0),
        ("options/semanticRecall/maxResults", 51), ("options/semanticRecall/scope", "tenant"),
        ("options/semanticRecall/messageRange", 21), ("options/semanticRecall/threshold", 1.1),
        ("options/semanticRecall/threshold", float("nan")), ("options/semanticRecall/mode", "sparse"),
        ("options/semanticRecall/filterable", [{"key": "a"}]),
        ("options/semanticRecall/filterable", [{"key": f"k{n}", "type": "bool"} for n in range(17)]),
        ("options/workingMemory/scope", "memory"), ("options/workingMemory/template", "x" * 16_385),
        ("options/ttl/after", "soon"), ("options/ttl/maxAge", -1), ("options/ttl/refresh", "always"),
        ("options/ttl/required", 1), ("options/limits/messageBytes", 0), ("options/limits/messageBytes", 1_048_577),
        ("options/limits/threadMessages", 0), ("options/limits/metadataKeys", -1), ("options/limits/threads", 0),
        ("options/limits/bytes", 0), ("options/limits/requestsPerSecond", 0),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_bad_value_is_refused_at_its_own_path(path: str, value: object) -> None:
    document = manifest(embedder={"use": "openai", "config": {}}, storage={"use": "redis", "config": {}})
    *parents, last = ["spec", *path.split("/")]
    at = document
    for parent in parents:
        at = at.setdefault(parent, {})
    at[last] = value

    assert any(fault.startswith(f"/spec/{path}") for fault in faults_of(document))


def test_all_faults_are_listed_at_once() -> None:
    found = faults_of(
        manifest(
            storage={"use": "postgres", "config": {"token": "secret"}},
            vector={"use": "qdrant", "dimensions": 0, "size": 1},
            options={"ttl": {"after": "soon", "for": "ever"}},
        )
    )

    assert list(found) == [
        "/spec/storage/use", "/spec/storage/config/token", "/spec/vector/dimensions", "/spec/vector/size",
        "/spec/options/ttl/after", "/spec/options/ttl/for",
    ]  # fmt: skip


def test_an_unknown_field_is_named_with_the_known_ones() -> None:
    assert (
        "known here: after, maxAge, refresh, required"
        in faults_of(manifest(options={"ttl": {"for": "ever"}}))["/spec/options/ttl/for"]
    )


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens", "max_context_ratio", "token_allocation", "flushing_strategy", "eviction_policy", "persistence",
        "privacy_policy", "locking", "token_provider", "default_key_template", "circuit_breaker", "priority_keywords",
    ],
)  # fmt: skip
def test_what_another_engine_calls_a_policy_is_refused_by_name(name: str) -> None:
    assert faults_of(manifest(options={name: {}}))[f"/spec/options/{name}"].startswith("unknown field; known here: ")


@pytest.mark.parametrize("ttl", [{}, {"after": 0}, {"after": "00d", "maxAge": "0s"}], ids=str)
def test_threads_that_must_expire_have_to_be_told_when(ttl: dict[str, object]) -> None:
    said = faults_of(manifest(options={"ttl": ttl | {"required": True}}))["/spec/options/ttl"]

    assert said == "required needs after or maxAge: a thread that must expire has to be told when"
    for enough in ({"after": "1ms"}, {"maxAge": 10}):
        assert Memory.parse(manifest(options={"ttl": ttl | {"required": True} | enough})).spec.options.ttl.required


@pytest.mark.parametrize("window", [{"messages": 20}, {"tokens": 4000}, {"messages": 1, "tokens": 1}], ids=str)
def test_a_window_has_a_size_in_messages_or_tokens(window: dict[str, int]) -> None:
    spec = Memory.parse(manifest(options={"window": window})).spec

    assert spec.options.window == Window(window.get("messages"), window.get("tokens"))
    assert "say messages, tokens, or both" in faults_of(manifest(options={"window": {}}))["/spec/options/window"]


def test_flushing_has_a_type_and_a_limit_and_flushes_at_four_fifths() -> None:
    spec = Memory.parse(manifest(options={"flushing": {"type": "simple_fifo", "maxMessages": 100}})).spec

    assert spec.options.flushing == Flushing("simple_fifo", max_messages=100, threshold=0.8)
    found = faults_of(manifest(options={"flushing": {"type": "simple_fifo"}}))
    assert "say maxMessages, maxTokens, or both" in found["/spec/options/flushing"]


@pytest.mark.parametrize(
    "flushing",
    [{"type": "hybrid_summary"}, {"type": "simple_fifo", "summaryTokens": 100}],
    ids=lambda each: each["type"],
)
def test_summaries_have_a_size_and_nothing_else_does(flushing: dict[str, Any]) -> None:
    found = faults_of(manifest(options={"flushing": flushing | {"maxTokens": 1000}}))

    assert "hybrid_summary needs summaryTokens" in found["/spec/options/flushing"]


CHAT = {"url": "http://chat:8000/v1", "model": "m", "secretRef": {"name": "chat"}}
SUMMARIES = {"type": "hybrid_summary", "maxMessages": 10, "summaryTokens": 100}


def test_a_summarizer_says_where_the_model_is_and_which_secret_has_its_key() -> None:
    spec = Memory.parse(manifest(options={"flushing": SUMMARIES | {"summarizer": CHAT}})).spec
    assert spec.options.flushing is not None and spec.options.flushing.summarizer is not None
    summarizer = spec.options.flushing.summarizer

    assert (summarizer.url, summarizer.model) == ("http://chat:8000/v1", "m")
    assert summarizer.api_key == SecretRef("chat", "apiKey")
    assert Spec.parse(spec.document()) == spec


@pytest.mark.parametrize(
    ("change", "path", "told"),
    [
        ({"url": "http://user:password@chat/v1"}, "/url", "without user, password"),
        ({"url": "{{ env.CHAT }}"}, "/url", "must be an http://"),
        ({"model": ""}, "/model", "1 to 128"),
        ({"secretRef": {}}, "/secretRef/name", "is required"),
        ({"apiKey": "sk-1"}, "/apiKey", "unknown field"),
    ],
    ids=str,
)
def test_a_bad_summarizer_is_refused_by_the_name_of_its_field(change: dict[str, Any], path: str, told: str) -> None:
    found = faults_of(manifest(options={"flushing": SUMMARIES | {"summarizer": CHAT | change}}))

    assert told in found[f"/spec/options/flushing/summarizer{path}"]


def test_only_summaries_have_a_summarizer() -> None:
    flushing = {"type": "simple_fifo", "maxMessages": 10, "summarizer": CHAT}

    assert "a summarizer writes" in faults_of(manifest(options={"flushing": flushing}))["/spec/options/flushing"]


def test_a_window_and_flushing_exclude_each_other() -> None:
    both = {"window": {"messages": 5}, "flushing": {"type": "simple_fifo", "maxMessages": 5}}

    assert "exclude each other" in faults_of(manifest(options=both))["/spec/options"]


def test_a_template_and_a_schema_exclude_each_other() -> None:
    working = {"enabled": True, "template": "<a></a>", "schema": {"type": "object"}}

    assert "exclude" in faults_of(manifest(options={"workingMemory": working}))["/spec/options/workingMemory"]


@pytest.mark.parametrize("key", ["role", "timestamp"])
def test_what_can_always_be_filtered_on_is_not_declared(key: str) -> None:
    recall = {"filterable": [{"key": key, "type": "keyword"}]}

    assert "/spec/options/semanticRecall/filterable/0/key" in faults_of(manifest(options={"semanticRecall": recall}))


def test_a_filterable_key_is_declared_once() -> None:
    recall = {"filterable": [{"key": "a", "type": "keyword"}, {"key": "a", "type": "integer"}]}

    assert '"a"' in faults_of(manifest(options={"semanticRecall": recall}))["/spec/options/semanticRecall/filterable/1"]


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("storage/token", "abc"), ("storage/url", "redis://user:secret@host:6379"), ("storage/secretRef", {"key": "a"}),
        ("storage/secretRef", {"name": "a", "namespace": "other"}), ("vector/apiKey", "abc"), ("vector/token", "abc"),
        ("vector/url", "https://:secret@host"), ("embedder/apiKey", "sk-literal"),
        ("embedder/apiKey", "{{ env.A }} or sk-literal"), ("embedder/url", "https://user:secret@host/v1"),
        ("embedder/secretRef", {"name": "A"}), ("embedder/secretRef", {"name": "a", "key": "b/c"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_literal_credential_is_refused(path: str, value: object) -> None:
    slot, key = path.split("/")
    use = {"storage": "redis", "vector": "qdrant", "embedder": "openai"}[slot]
    section = {"use": use, "config": {key: value}} | ({"dimensions": 384} if slot == "vector" else {})

    found = faults_of(manifest(**{slot: section}))

    assert all(fault.startswith(f"/spec/{slot}/config/{key}") for fault in found)
    assert not any(secret in str(found) for secret in ("abc", "secret@", "sk-literal"))


@pytest.mark.parametrize("template", ["{{ env.OPENAI_KEY }}", "{{env.OPENAI_KEY}}", "{{ .env.OPENAI_KEY }}"])
def test_an_api_key_may_be_read_from_the_tenant_s_environment_secret(template: str) -> None:
    spec = Memory.parse(manifest(embedder={"use": "openai", "config": {"apiKey": template}})).spec

    assert spec.embedder == Embedder("openai", api_key=EnvRef("OPENAI_KEY"))


def test_an_api_key_may_be_read_from_a_secret() -> None:
    config = {"model": "m", "url": "http://tei:80/v1", "secretRef": {"name": "openai"}}

    spec = Memory.parse(manifest(embedder={"use": "openai", "config": config})).spec

    assert spec.embedder == Embedder("openai", "m", "http://tei:80/v1", SecretRef("openai", "apiKey"))


def test_two_sources_of_one_credential_are_refused() -> None:
    config = {"apiKey": "{{ env.A }}", "secretRef": {"name": "a"}}

    assert "exclude" in faults_of(manifest(embedder={"use": "openai", "config": config}))["/spec/embedder/config"]


# --- what is valid and not served -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "paths"),
    [
        ({"storage": {"use": "redis", "config": {"url": "redis://elsewhere:6379"}}}, ["/storage/config/url"]),
        ({"storage": {"use": "redis", "config": {"path": "/data"}}}, ["/storage/config/path"]),
        ({"vector": QDRANT | {"config": {"apiKey": "{{ env.K }}"}}}, ["/vector/config/apiKey"]),
        ({"embedder": {"use": "local", "config": {"model": "other"}}}, ["/embedder/config/model"]),
        ({"embedder": {"use": "local", "config": {"url": "http://x/v1"}}}, ["/embedder/config/url"]),
        ({"embedder": {"use": "local", "config": {"apiKey": "{{ env.K }}"}}}, ["/embedder/config"]),
        ({"embedder": {"use": "openai", "config": {"batch": 7}}}, ["/embedder/config/batch"]),
        ({"embedder": {"use": "openai", "config": {"url": "{{ env.URL }}"}}}, ["/embedder/config/url"]),
        ({"embedder": {"use": "local", "config": {"model": LOCAL_MODEL}}}, []),
        ({}, []),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_config_key_that_this_version_cannot_serve_is_reported(section: dict[str, Any], paths: list[str]) -> None:
    found = Memory.parse(manifest(**section)).spec.unsupported

    assert [each.path for each in found] == paths
    assert all(each.remedy for each in found)


def test_a_malformed_template_is_reported_when_working_memory_is_on() -> None:
    def fault(enabled: bool) -> str | None:
        working = {"enabled": enabled, "template": "<user><name></user>"}
        return Memory.parse(manifest(options={"workingMemory": working})).spec.template_fault

    assert fault(True) == "line 1: mismatched tag"
    assert fault(False) is None


def test_a_schema_that_is_none_is_reported_when_working_memory_is_on() -> None:
    def fault(enabled: bool) -> str | None:
        working = {"enabled": enabled, "schema": {"type": "objct"}}
        return Memory.parse(manifest(options={"workingMemory": working})).spec.schema_fault

    assert "/type is no valid JSON Schema" in str(fault(True))
    assert fault(False) is None


# --- privacy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("privacy", "path", "told"),
    [
        ({"redact": ["a("]}, "/redact/0", "must be an RE2 pattern"),
        ({"redact": ["ok", r"(a)\1"]}, "/redact/1", "must be an RE2 pattern"),
        ({"redact": ["a*"]}, "/redact/0", "does not match the empty text"),
        ({"redact": [r"\C"]}, "/redact/0", "must be an RE2 pattern"),
        ({"redact": ["\ud800"]}, "/redact/0", "must be an RE2 pattern"),
        ({"redact": ["a", "b", "a"]}, "/redact/2", "is there already"),
        ({"redact": ["E"]}, "", "the replacement must not match a pattern"),
        ({"redact": ["x"], "replacement": "max"}, "", "the replacement must not match a pattern"),
        ({"excludeRoles": ["Tool"]}, "/excludeRoles/0", "user, assistant, system or tool"),
        ({"patterns": []}, "/patterns", "unknown field"),
    ],
)
def test_a_privacy_that_cannot_hold_is_refused_with_its_path(privacy: dict[str, Any], path: str, told: str) -> None:
    with pytest.raises(InvalidMemory) as refused:
        Memory.parse(manifest(options={"privacy": privacy}))

    [fault] = refused.value.faults
    assert fault.path == f"/spec/options/privacy{path}"
    assert told in fault.message


@pytest.mark.parametrize("pattern", [r"\pL{1,100}!", r"(?:.?){500}z", r".{1000}x"])
def test_a_pattern_that_costs_too_much_is_a_fault_that_no_schema_sees(pattern: str) -> None:
    spec = Memory.parse(manifest(options={"privacy": {"redact": ["fine", pattern]}})).spec

    assert spec.pattern_fault is not None
    path, told = spec.pattern_fault
    assert path == "/options/privacy/redact/1"
    assert "too complex" in told or "too large" in told


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b(?:\d[ -]?){13,16}\b",
        r"[\w.+-]+@[\w-]+\.[\w.-]+",
        r"\+?1?[-. ]?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}",
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
        r"\b(?:ACC|ACCT)[-#: ]?\d{6,12}\b",
    ],
)
def test_the_usual_patterns_are_served(pattern: str) -> None:
    spec = Memory.parse(manifest(options={"privacy": {"redact": [pattern]}})).spec

    assert spec.pattern_fault is None
    assert Spec.parse(spec.document()) == spec


def test_a_memory_without_privacy_declares_none() -> None:
    assert Memory.parse(manifest()).spec.options.privacy is None


# --- resolution and writing -------------------------------------------------------------------------------------------


def test_no_embedder_and_the_local_dimensions_mean_the_local_one() -> None:
    assert resolve_embedder(Memory.parse(manifest()).spec) == Embedder("local", LOCAL_MODEL)


def test_no_embedder_and_other_dimensions_mean_none() -> None:
    assert resolve_embedder(Memory.parse(manifest(vector={"use": "qdrant", "dimensions": 1536})).spec) is None


def test_openai_has_a_default_model_and_endpoint() -> None:
    embedder = resolve_embedder(Memory.parse(manifest(embedder={"use": "openai"})).spec)

    assert embedder == Embedder("openai", "text-embedding-3-small", "https://api.openai.com/v1")


def test_a_specification_written_out_parses_back_to_itself() -> None:
    spec = Memory.parse(
        manifest(
            storage={"use": "redis", "config": {"path": "x"}},
            embedder={"use": "openai", "config": {"secretRef": {"name": "a"}, "batch": 7}},
            options={
                "ttl": {"after": "90s", "maxAge": 1_000_000_000},
                "semanticRecall": {"threshold": 0.5, "filterable": [{"key": "a", "type": "bool"}]},
                "workingMemory": {"schema": {"type": "object"}},
                "limits": {"threads": 5},
            },
        )
    ).spec

    assert Spec.parse(spec.document()) == spec


def test_a_plain_memory_json_needs_its_id() -> None:
    with pytest.raises(InvalidMemory, match="/id: is required"):
        Spec.parse({"vector": QDRANT})
