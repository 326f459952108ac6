"""PURE: what service pods said on `/loaded`, as values. Whatever is missing or odd in an answer counts as not said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from memory_crd.status import Reason

OK: Final = "ok"
DEGRADED: Final = "degraded"
FAILED: Final = "failed"


@dataclass(frozen=True)
class Check:
    """One part of a memory as a pod sees it: `storage`, `vector` or `embedder`."""

    status: str
    reason: str = ""
    message: str = ""

    @property
    def untried(self) -> bool:
        """Whether the pod has not had a look yet: no good news, and no bad news either."""
        return self.status == DEGRADED and self.reason == Reason.LOADING

    @property
    def works(self) -> bool:
        """Whether the part can be used, well or less well."""
        return self.status != FAILED and not self.untried


@dataclass(frozen=True)
class MemoryReport:
    """One memory as a pod serves it. `erased` is True once the pod has erased it and read nothing again."""

    generation: int
    state: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    erased: bool = False


@dataclass(frozen=True)
class PodReport:
    """The answer of one Ready service pod; `error` says why there is none."""

    pod: str
    digest: str = ""
    memories: Mapping[str, MemoryReport] = field(default_factory=dict)
    error: str = ""
    stale: bool = False
    """Whether something in it is an earlier answer, because what the pod says now is doubted for a while."""


def parse(pod: str, document: Any) -> PodReport:
    """Return what the pod said in the JSON document of `/loaded`."""
    if not isinstance(document, dict) or not isinstance(document.get("memories"), dict):
        return PodReport(pod, error="its answer on /loaded has another form than this operator knows")
    memories = {uid: _memory(told) for uid, told in document["memories"].items() if isinstance(told, dict)}
    return PodReport(pod, str(document.get("definitionsHash") or ""), memories)


def _memory(told: Mapping[str, Any]) -> MemoryReport:
    checks = told.get("checks")
    return MemoryReport(
        generation=_whole(told.get("generation")),
        state=str(told.get("state") or ""),
        checks={part: _check(check) for part, check in checks.items() if isinstance(check, dict)}
        if isinstance(checks, dict)
        else {},
        erased=_erased(told.get("erased")),
    )


def _check(told: Mapping[str, Any]) -> Check:
    status = told.get("status")
    known = status if status in (OK, DEGRADED, FAILED) else FAILED
    return Check(str(known), str(told.get("reason") or ""), str(told.get("message") or ""))


def _erased(told: Any) -> bool:
    """Erased means: verified by reading again, and every count of what remains is zero."""
    if not isinstance(told, dict) or told.get("verified") is not True:
        return False
    remaining = told.get("remaining")
    counts = list(remaining.values()) if isinstance(remaining, dict) else [remaining]
    return all(isinstance(count, int) and count == 0 for count in counts)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
