"""When to have kubelet look again for a Secret that a pod misses.

An optional Secret that appears late is mounted when kubelet looks at the pod next: within 90 seconds by itself, at once
when the pod changes. So a pod that misses one is changed every few seconds, for as long as somebody is likely to be
busy creating it; after that kubelet's own pace is enough, and nothing is written any more.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from memory_crd import names
from memory_crd.status import Reason

from memory_operator.kinds import Manifest
from memory_operator.observed import Observed, ready_service_pods
from memory_operator.reports import MemoryReport

ANNOTATION: Final = f"{names.GROUP}/looked-for-secrets"
EVERY_SECONDS: Final = 10.0
FOR_SECONDS: Final = 600.0


@dataclass
class _Miss:
    """Since when a tenant misses a Secret, and when its pods were nudged last."""

    since: float
    last: float


class Nudges:
    """Remembers what each tenant misses; a Secret that turned up ends it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._misses: dict[str, _Miss] = {}

    def due(self, observed: Observed) -> list[Manifest]:
        """Return the pods to change now."""
        missing = {report.pod for report in observed.reports if _misses_a_secret(report.memories.values())}
        if not missing:
            self._misses.pop(observed.namespace, None)
            return []
        now = self._clock()
        miss = self._misses.setdefault(observed.namespace, _Miss(now, now))
        if now - miss.last < EVERY_SECONDS or now - miss.since > FOR_SECONDS:
            return []
        miss.last = now
        return [pod for pod in ready_service_pods(observed.inventory) if pod["metadata"]["name"] in missing]


def _misses_a_secret(memories: Iterable[MemoryReport]) -> bool:
    return any(check.reason == Reason.SECRET_MISSING for memory in memories for check in memory.checks.values())
