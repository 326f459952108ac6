"""The Memory resource as values: `Memory.parse` gives a whole Memory, or one error that lists every fault.

Pure. Each field's declaration here is the only one: the CRD's YAML is generated from it (schema.py). `spec` mirrors
memory.json, so a plain memory.json with supported implementations is read by `Spec.parse` as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

from memory_crd import document_schemas, names, patterns, templates
from memory_crd.errors import InvalidMemory
from memory_crd.eviction import Flushing, Window
from memory_crd.fields import NOTHING, Faults, JsonObject, Rule, Setting, matches, pointer
from memory_crd.implementations import Implementation
from memory_crd.models import Nested, Open, Shaped, read, write
from memory_crd.options import Filterable, Limits, Options, Privacy, SemanticRecall, Ttl, WorkingMemory
from memory_crd.references import EmbedderConfig, EnvRef, SecretRef, StorageConfig, VectorConfig, env_ref, is_template
from memory_crd.scalars import Choice, Integer, Text

__all__ = [
    "Embedder", "EnvRef", "Filterable", "Flushing", "Limits", "Memory", "Options", "Privacy", "SecretRef",
    "SemanticRecall", "Spec", "Storage", "Ttl", "Unsupported", "Vector", "Window", "WorkingMemory", "resolve_embedder",
]  # fmt: skip

ID_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$"
ID_LENGTH: Final = 63
LOCAL_MODEL: Final = "all-MiniLM-L6-v2"
LOCAL_DIMENSIONS: Final = 384
OPENAI_MODEL: Final = "text-embedding-3-small"
OPENAI_URL: Final = "https://api.openai.com/v1"

_STORAGE = Implementation("storage", ("redis", "in-memory"))
_VECTOR = Implementation("vector", ("qdrant", "in-memory"))
_EMBEDDER = Implementation("embedder", ("local", "openai"))
_CONFIG_KEYS: Final = 32


class Unsupported(NamedTuple):
    """A key that memory.json allows and this version does not implement: where it is, and what to do about it."""

    path: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Where history lives."""

    use: Annotated[
        Literal["redis", "in-memory"],
        Setting("use", _STORAGE, "redis: on a volume. in-memory: the same Redis without a volume, lost with its pod."),
    ]
    config: Annotated[
        Mapping[str, Any],
        Setting("config", Open(_CONFIG_KEYS, StorageConfig), "Settings of the implementation, secrets by reference."),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vector:
    """Where vectors live, and how long they are."""

    use: Annotated[
        Literal["qdrant", "in-memory"],
        Setting("use", _VECTOR, "qdrant: on a volume. in-memory: the same Qdrant without a volume, lost with its pod."),
    ]
    dimensions: Annotated[
        int, Setting("dimensions", Integer(1, 65_536), "Size of the embedder's vectors; 384 for the local embedder.")
    ]
    config: Annotated[
        Mapping[str, Any],
        Setting("config", Open(_CONFIG_KEYS, VectorConfig), "Settings of the implementation, secrets by reference."),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Embedder:
    """What turns text into vectors. `extra` holds config keys that no embedder of ours knows."""

    use: Literal["local", "openai"]
    model: str | None = None
    url: str | None = None
    api_key: SecretRef | EnvRef | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _EmbedderDeclaration:
    """The embedder as it is written down."""

    use: Annotated[
        Literal["local", "openai"],
        Setting("use", _EMBEDDER, "local: a model in the image, no network. openai: an OpenAI-compatible endpoint."),
    ]
    config: Annotated[
        Mapping[str, Any],
        Setting("config", Open(_CONFIG_KEYS, EmbedderConfig), "Model, URL and credentials (by reference) of openai."),
    ] = field(default_factory=dict)


def _embedder(declared: _EmbedderDeclaration) -> Embedder:
    extra = {key: value for key, value in declared.config.items() if key not in ("model", "url", "apiKey", "secretRef")}
    secret = declared.config.get("secretRef")
    template = declared.config.get("apiKey")
    api_key: SecretRef | EnvRef | None = env_ref(template) if template is not None else None
    if secret is not None:
        api_key = SecretRef(secret["name"], secret.get("key", "apiKey"))
    return Embedder(declared.use, declared.config.get("model"), declared.config.get("url"), api_key, extra)


def _embedder_declaration(embedder: Embedder) -> _EmbedderDeclaration:
    config: JsonObject = {"model": embedder.model, "url": embedder.url}
    match embedder.api_key:
        case SecretRef(name, key):
            config["secretRef"] = {"name": name, "key": key}
        case EnvRef(name):
            config["apiKey"] = f"{{{{ env.{name} }}}}"
        case None:
            pass
    written = {key: value for key, value in config.items() if value is not None}
    return _EmbedderDeclaration(embedder.use, written | dict(embedder.extra))


def _immutable(slot: str, default: str | None, prefix: str) -> Rule:
    def use(owner: str) -> str:
        stripped = f"{owner}.{slot}.use.replace('{prefix}', '')"
        return stripped if default is None else f"(has({owner}.{slot}) ? {stripped} : '{default}')"

    return Rule(
        cel=f"{use('self')} == {use('oldSelf')}",
        message=f"{slot}.use is immutable{f' (absent means {default})' if default else ''}: "
        "create a Memory with another id and copy the data",
    )


_ID = Text(ID_LENGTH, ID_PATTERN, "letters, digits, _ and -, beginning and ending with a letter or digit", least=1)
_EMBEDDER_KIND = Shaped(Nested(_EmbedderDeclaration), _embedder, _embedder_declaration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is remembered: a memory.json document, extended. `id` is always filled in."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _immutable("storage", "in-memory", _STORAGE.prefix),
        _immutable("vector", None, _VECTOR.prefix),
    )

    dialect: Annotated[
        str | None,
        Setting("$schema", Text(512), "The JSON Schema that an editor checks this document with; it changes nothing."),
    ] = None
    id: Annotated[
        str,
        Setting(
            "id", _ID, "Name of the memory in URLs and keys, unique in its namespace; the resource's name by default.",
            publish=False,
        ),
    ] = ""  # fmt: skip
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Setting(
            "deletionPolicy",
            Choice(("Retain", "Delete")),
            "What happens to the data when the resource is deleted: kept, still expiring on time, or erased at once.",
        ),
    ] = "Retain"
    storage: Annotated[
        Storage, Setting("storage", Nested(Storage), "Where history lives; in-memory by default.", publish=False)
    ] = field(default_factory=lambda: Storage("in-memory"))
    vector: Annotated[Vector, Setting("vector", Nested(Vector), "Where vectors for semantic recall live.")]
    embedder: Annotated[
        Embedder | None,
        Setting("embedder", _EMBEDDER_KIND, "What turns text into vectors; local by default if dimensions are 384."),
    ] = None
    options: Annotated[
        Options, Setting("options", Nested(Options), "How the memory behaves; everything has a default.")
    ] = field(default_factory=Options)

    @classmethod
    def parse(cls, document: object, *, name: str | None = None) -> Spec:
        """A specification from a memory.json or the `spec` of a manifest; `name` stands in for an absent id.

        Raises InvalidMemory with every fault, as JSON Pointers into `document`.
        """
        faults = Faults()
        spec = _read_spec(document, "", name, faults)
        if faults:
            raise InvalidMemory("not a valid memory", faults)
        return spec  # type: ignore[no-any-return]

    def document(self) -> JsonObject:
        """The specification as JSON, every default written out; parses back to an equal one."""
        return write(self)

    @property
    def unsupported(self) -> tuple[Unsupported, ...]:
        """What the document asks for and this version cannot do, in document order; empty when all is served."""
        return (
            *_foreign(self.storage.config, "/storage/config", f"{self.storage.use} is provisioned and needs none"),
            *_foreign(self.vector.config, "/vector/config", f"{self.vector.use} is provisioned and needs none"),
            *(_unsupported_embedder(self.embedder) if self.embedder else ()),
        )

    @property
    def template_fault(self) -> str | None:
        """What is wrong with the working-memory template (condition InvalidTemplate), or None."""
        working = self.options.working_memory
        return templates.fault(working.template) if working.enabled and working.template else None

    @property
    def schema_fault(self) -> str | None:
        """What is wrong with the working-memory schema (condition InvalidSchema), or None."""
        working = self.options.working_memory
        return document_schemas.fault(working.schema) if working.enabled and working.schema is not None else None

    @property
    def pattern_fault(self) -> tuple[str, str] | None:
        """The first redaction pattern that cannot be served: its path and why (condition InvalidPattern), or None."""
        privacy = self.options.privacy
        for index, pattern in enumerate(privacy.redact if privacy else ()):
            if (fault := patterns.fault(pattern)) is not None:
                return f"/options/privacy/redact/{index}", fault
        return None


def _foreign(config: Mapping[str, Any], path: str, why: str) -> list[Unsupported]:
    return [Unsupported(pointer(path, key), f"remove it: {why} in this version") for key in config]


def _unsupported_embedder(embedder: Embedder) -> list[Unsupported]:
    path = "/embedder/config"
    found = _foreign(embedder.extra, path, f"the {embedder.use} embedder does not know this key")
    if embedder.use == "local":
        if embedder.model not in (None, LOCAL_MODEL):
            found.append(Unsupported(f"{path}/model", f"remove it or write {LOCAL_MODEL}, the only local model"))
        if embedder.url is not None:
            found.append(Unsupported(f"{path}/url", "remove it, or use openai: the local embedder calls no endpoint"))
        if embedder.api_key is not None:
            found.append(Unsupported(path, "remove the credential, or use openai: the local embedder needs none"))
        return found
    for key, value in (("model", embedder.model), ("url", embedder.url)):
        if is_template(value):
            found.append(Unsupported(f"{path}/{key}", "write the value: only apiKey may be {{ env.NAME }}"))
    return found


def _read_spec(document: object, path: str, name: str | None, faults: Faults) -> Any:
    spec = read(Spec, document, path, faults)
    if spec is NOTHING or spec.id:
        return spec
    if name is None:
        return faults.add(f"{path}/id", "is required in a memory.json")
    if len(name) > ID_LENGTH or not matches(ID_PATTERN, name):
        return faults.add(f"{path}/id", f'is required, as the name "{name}" cannot stand in for it: must be {_ID.form}')
    return replace(spec, id=name)


def resolve_embedder(spec: Spec) -> Embedder | None:
    """The embedder that serves a memory, its defaults filled in; None when recall by meaning is not possible.

    Absent with the local model's dimensions is the local one; absent with others is None (reason NoEmbedder).
    """
    embedder = spec.embedder
    if embedder is None:
        if spec.vector.dimensions != LOCAL_DIMENSIONS:
            return None
        embedder = Embedder("local")
    if embedder.use == "local":
        return replace(embedder, model=LOCAL_MODEL)
    return replace(embedder, model=embedder.model or OPENAI_MODEL, url=embedder.url or OPENAI_URL)


@dataclass(frozen=True, slots=True)
class Memory:
    """One declared memory: a Memory resource, or a memory.json on disk."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: Spec

    @classmethod
    def parse(cls, manifest: object) -> Memory:
        """A Memory from a manifest. Without a cluster `namespace`, `uid` and `generation` get their local values.

        Raises InvalidMemory with every fault, as JSON Pointers into the manifest.
        """
        faults = Faults()
        body = manifest if isinstance(manifest, Mapping) else {}
        if not isinstance(manifest, Mapping):
            faults.add("", "must be an object")
        _check_kind(body, faults)
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        name = Text(ID_LENGTH, least=1).read(metadata.get("name", ""), "/metadata/name", faults)
        spec = _read_spec(body.get("spec", {}), "/spec", name if isinstance(name, str) else None, faults)
        if faults:
            raise InvalidMemory(f"Memory {metadata.get('name', '?')}", faults)
        return cls(
            name=name,
            namespace=str(metadata.get("namespace") or names.LOCAL_TENANT),
            uid=str(metadata.get("uid") or local_uid(spec.id)),
            generation=int(metadata.get("generation") or 1),
            spec=spec,
        )


def local_uid(memory_id: str) -> str:
    """The uid of a memory that no cluster gave one."""
    return f"local-{memory_id}"


def _check_kind(body: Mapping[str, Any], faults: Faults) -> None:
    # Items of a LIST carry neither field, so only a wrong one is a fault.
    if body.get("apiVersion", names.API_VERSION) != names.API_VERSION:
        faults.add("/apiVersion", f"must be {names.API_VERSION}")
    if body.get("kind", names.MEMORY_KIND) != names.MEMORY_KIND:
        faults.add("/kind", f"must be {names.MEMORY_KIND}")
