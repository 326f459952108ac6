"""When to look at a tenant again without an event: often while something is on its way, rarely when all is settled."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from memory_crd.status import Condition, Status, Type, find

from memory_operator.observed import Observed, ready_service_pods
from memory_operator.roster import Roster

FIRST_SECONDS: Final = 0.25
PATIENT_SECONDS: Final = 5.0
REFUSED_SECONDS: Final = 60.0
SETTLED_SECONDS: Final = 30.0


@dataclass(frozen=True)
class _Wait:
    """What was being waited for, and how often in vain."""

    signature: tuple[object, ...]
    looks: int


class Pace:
    """Remembers for each tenant what it waits for; a change of that starts over at the short interval."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._waits: dict[str, _Wait] = {}

    def next(self, observed: Observed, roster: Roster, judged: Iterable[tuple[Condition, ...]], *, busy: bool) -> float:
        """Return the seconds until the next look; `busy` when this pass wrote something."""
        namespace = observed.namespace
        if not busy and not observed.refusals and _settled(observed, roster, judged):
            self._waits.pop(namespace, None)
            return SETTLED_SECONDS * (0.8 + 0.4 * self._chance())
        signature = _signature(observed, roster)
        before = self._waits.get(namespace)
        looks = before.looks + 1 if before and before.signature == signature else 0
        self._waits[namespace] = _Wait(signature, looks)
        ceiling = REFUSED_SECONDS if observed.refusals else PATIENT_SECONDS
        return float(min(ceiling, FIRST_SECONDS * 2 ** min(looks, 16)))


def _settled(observed: Observed, roster: Roster, judged: Iterable[tuple[Condition, ...]]) -> bool:
    """Tell whether nothing is on its way: each Memory is Ready, or waits for an edit; nothing is being erased."""
    if any(entry.state == "erase" for entry in roster.entries) or any(report.stale for report in observed.reports):
        return False
    return all(_is(Type.READY, conditions) or _is(Type.STALLED, conditions) for conditions in judged)


def _is(kind: Type, conditions: tuple[Condition, ...]) -> bool:
    found = find(conditions, kind)
    return found is not None and found.status == Status.TRUE


def _signature(observed: Observed, roster: Roster) -> tuple[object, ...]:
    pods = tuple(sorted(pod["metadata"]["name"] for pod in ready_service_pods(observed.inventory)))
    workloads = tuple(
        (key, (child.get("status") or {}).get("readyReplicas"))
        for key, child in sorted(observed.inventory.children.items())
    )
    return roster.digest, pods, workloads, observed.refusals
