"""Conditions: their types, their reasons with a sentence each, and the one way to set them.

Pure: the clock is an argument. Both kinds of resource use the same vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

MESSAGE_LENGTH: Final = 1024
"""What the schema allows; longer messages are cut at this length."""


class Status(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Type(StrEnum):
    """Condition types. Reconciling, Stalled, Paused and Warning are abnormal-true; the others are healthy when True."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    STORAGE_READY = "StorageReady"
    VECTOR_READY = "VectorReady"
    EMBEDDER_READY = "EmbedderReady"
    SERVICE_READY = "ServiceReady"
    PAUSED = "Paused"
    WARNING = "Warning"


TYPE_MEANINGS: Final[Mapping[Type, str]] = {
    Type.READY: "every Ready service pod has loaded this generation and answered for all parts that the Memory needs",
    Type.RECONCILING: "the operator is working towards the declared state",
    Type.STALLED: "nothing will change until somebody edits a resource; the message says what",
    Type.STORAGE_READY: "the service reads and writes this memory's history in Redis",
    Type.VECTOR_READY: "the service reaches this memory's collection in the vector store",
    Type.EMBEDDER_READY: "texts of this memory can be turned into vectors of the declared dimensions",
    Type.SERVICE_READY: "at least one service pod is Ready, and all of them serve this generation",
    Type.PAUSED: "the operator leaves this resource alone because somebody asked for it",
    Type.WARNING: "it works, but something about it deserves a look",
}


class Reason(StrEnum):
    """Why a condition has its status. REASON_MEANINGS has the sentence for each."""

    OK = "Ok"
    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    LOADING = "Loading"
    UNREACHABLE = "Unreachable"
    UNAUTHORIZED = "Unauthorized"
    STORAGE_FULL = "StorageFull"
    STORAGE_UNSUPPORTED = "StorageUnsupported"
    NO_EMBEDDER = "NoEmbedder"
    DIMENSIONS_MISMATCH = "DimensionsMismatch"
    MODEL_FAILED = "ModelFailed"
    SECRET_MISSING = "SecretMissing"
    REINDEXING = "Reindexing"
    RECALL_DISABLED = "RecallDisabled"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    INVALID = "Invalid"
    INVALID_TEMPLATE = "InvalidTemplate"
    INVALID_SCHEMA = "InvalidSchema"
    INVALID_PATTERN = "InvalidPattern"
    UNSUPPORTED_CONFIG = "UnsupportedConfig"
    ID_TAKEN = "IdTaken"
    DEFINITIONS_TOO_LARGE = "DefinitionsTooLarge"
    APPLY_FAILED = "ApplyFailed"
    ERASING = "Erasing"
    ERASURE_BLOCKED = "ErasureBlocked"
    NOT_ERASED = "NotErased"
    ERASED = "Erased"
    DATA_ADOPTED = "DataAdopted"
    DEFAULTS = "Defaults"
    EPHEMERAL = "Ephemeral"
    RETAINED = "Retained"


REASON_MEANINGS: Final[Mapping[Reason, str]] = {
    Reason.OK: "the part answers and agrees with what is declared",
    Reason.PENDING: "nothing has been observed yet",
    Reason.PROVISIONING: "objects were applied and are not ready yet",
    Reason.LOADING: "not every service pod serves this generation yet",
    Reason.UNREACHABLE: "the part does not answer; data that needs it waits",
    Reason.UNAUTHORIZED: "the part answers and refuses the credentials",
    Reason.STORAGE_FULL: "Redis is out of memory: reads work, writes are refused",
    Reason.STORAGE_UNSUPPORTED: "the Redis server is of a kind or mode that this version cannot use",
    Reason.NO_EMBEDDER: "no embedder is declared and the dimensions are not those of the local model, so recall is off",
    Reason.DIMENSIONS_MISMATCH: "the embedder's vectors have another size than `vector.dimensions`",
    Reason.MODEL_FAILED: "the embedding model or endpoint fails on every text",
    Reason.SECRET_MISSING: "a Secret, or a key in it, that the definition names does not exist yet",
    Reason.REINDEXING: "vectors are made again for a changed embedder or filter; until then words are searched",
    Reason.RECALL_DISABLED: "semantic recall is switched off, so this part is not needed",
    Reason.SERVICE_UNAVAILABLE: "no service pod is Ready",
    Reason.IMAGE_PULL_FAILED: "a container image cannot be pulled",
    Reason.INVALID: "the specification is not valid; the last good one keeps serving",
    Reason.INVALID_TEMPLATE: "the working-memory template is not well-formed XML",
    Reason.INVALID_SCHEMA: "the working-memory schema is no valid JSON Schema; the message says where and why",
    Reason.INVALID_PATTERN: "a redaction pattern costs too much to be served: repeat less in it",
    Reason.UNSUPPORTED_CONFIG: "the definition uses a configuration key that this version does not implement",
    Reason.ID_TAKEN: "an older Memory of the namespace already has this id",
    Reason.DEFINITIONS_TOO_LARGE: "the definitions of the namespace no longer fit in their ConfigMaps",
    Reason.APPLY_FAILED: "the API server refused an object; the message has its words",
    Reason.ERASING: "the service is removing the data of a deleted Memory",
    Reason.ERASURE_BLOCKED: "data of a deleted Memory cannot be erased now; the message has the remedy",
    Reason.NOT_ERASED: "the Memory was released without erasing, because its namespace is going away or on request",
    Reason.ERASED: "the data of the deleted Memory is gone, counted and read again",
    Reason.DATA_ADOPTED: "a Memory of the same id existed before, and its retained data is served again",
    Reason.DEFAULTS: "the namespace has no MemoryTenant: the chart's defaults apply",
    Reason.EPHEMERAL: "the data is kept without a volume and goes with the pod",
    Reason.RETAINED: "the Memory was deleted and its data is kept, expiring on time",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One judgement. `transitioned_at` is RFC 3339 UTC and is filled in by set_condition."""

    type: str
    status: str
    reason: str
    message: str = ""
    observed_generation: int = 0
    transitioned_at: str = ""

    def manifest(self) -> dict[str, Any]:
        """The condition as Kubernetes writes it."""
        return {
            "type": str(self.type),
            "status": str(self.status),
            "reason": str(self.reason),
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.transitioned_at,
        }


def from_manifest(manifest: Mapping[str, Any]) -> Condition:
    """A condition as the API server returned it."""
    return Condition(
        type=str(manifest.get("type", "")),
        status=str(manifest.get("status", Status.UNKNOWN)),
        reason=str(manifest.get("reason", "")),
        message=str(manifest.get("message", "")),
        observed_generation=int(manifest.get("observedGeneration", 0)),
        transitioned_at=str(manifest.get("lastTransitionTime", "")),
    )


def set_condition(conditions: Iterable[Condition], new: Condition, *, now: str) -> tuple[Condition, ...]:
    """The conditions with `new` in place of the one of its type; order of types is kept, a new type comes last.

    The transition time moves to `now` (RFC 3339) only when the status differs. Pure.
    """
    present = tuple(conditions)
    old = next((each for each in present if each.type == new.type), None)
    moved = old is None or old.status != new.status or not old.transitioned_at
    fresh = Condition(
        type=new.type,
        status=new.status,
        reason=new.reason,
        message=_cut(new.message),
        observed_generation=new.observed_generation,
        transitioned_at=now if moved or old is None else old.transitioned_at,
    )
    if old is None:
        return (*present, fresh)
    return tuple(fresh if each.type == new.type else each for each in present)


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of one type, or None."""
    return next((each for each in conditions if each.type == type_), None)


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 1] + "…"
