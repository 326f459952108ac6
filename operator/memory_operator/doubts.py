"""What is believed of a pod's answers: what worked a moment ago gets the benefit of the doubt.

A busy node makes questions time out and checks fail for seconds. Conditions are for people and for tools that act on
them, so a failure counts once it has lasted; a recovery counts at once. A pod that is really gone stops being Ready by
its own probe meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from memory_operator.reports import Check, MemoryReport, PodReport

GRACE_SECONDS: Final = 10.0


@dataclass
class _Pod:
    """What was last believed of a pod, and since when something else is being said."""

    believed: PodReport
    silent_since: float | None = None
    failing_since: dict[tuple[str, str], float] = field(default_factory=dict)


class Doubts:
    """Remembers each pod by its uid. A report that is not taken at its word comes back as `stale`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pods: dict[str, _Pod] = {}

    def forget_all_but(self, uids: set[str]) -> None:
        """Drop what was remembered of pods that are gone."""
        self._pods = {uid: pod for uid, pod in self._pods.items() if uid in uids}

    def weigh(self, uid: str, report: PodReport) -> PodReport:
        """Return what to believe, given what the pod says now."""
        pod = self._pods.get(uid)
        if report.error:
            return report if pod is None else self._silence(uid, pod, report)
        if pod is None:
            self._pods[uid] = _Pod(report)
            return report
        pod.silent_since = None
        memories = {key: self._memory(pod, key, told) for key, told in report.memories.items()}
        pod.believed = replace(report, memories=memories, stale=bool(pod.failing_since) and memories != report.memories)
        return pod.believed

    def _silence(self, uid: str, pod: _Pod, report: PodReport) -> PodReport:
        pod.silent_since = pod.silent_since if pod.silent_since is not None else self._clock()
        if self._clock() - pod.silent_since >= GRACE_SECONDS:
            del self._pods[uid]
            return report
        return replace(pod.believed, stale=True)

    def _memory(self, pod: _Pod, uid: str, told: MemoryReport) -> MemoryReport:
        before = pod.believed.memories.get(uid)
        known = before.checks if before else {}
        checks = {part: self._check(pod, (uid, part), known.get(part), check) for part, check in told.checks.items()}
        return replace(told, checks=checks)

    def _check(self, pod: _Pod, key: tuple[str, str], before: Check | None, told: Check) -> Check:
        if told.works or before is None or not before.works:
            pod.failing_since.pop(key, None)
            return told
        since = pod.failing_since.setdefault(key, self._clock())
        if self._clock() - since < GRACE_SECONDS:
            return before
        del pod.failing_since[key]
        return told
