"""PURE: the judge. Each condition is a list of checks; the first that finds something decides, none means all is well.

The lists are the specification: read them like sentences that begin with "make sure".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from memory_crd import names
from memory_crd.memory import Spec, resolve_embedder
from memory_crd.status import Condition, Reason, Status, Type

from memory_operator import reports, workloads
from memory_operator.kinds import DEPLOYMENT, STATEFUL_SET
from memory_operator.observed import Observed, ready_service_pods
from memory_operator.reports import Check, MemoryReport
from memory_operator.roster import Member
from memory_operator.stores import STORES, Store

STALLING: Final = frozenset({Reason.DIMENSIONS_MISMATCH, Reason.STORAGE_UNSUPPORTED, Reason.UNSUPPORTED_CONFIG})
"""What a service may report and only an edit can change."""


@dataclass(frozen=True)
class Finding:
    """What a check found: status and reason of a condition."""

    status: Status
    reason: str
    message: str = ""


FINE: Final = Finding(Status.TRUE, Reason.OK)


@dataclass(frozen=True)
class Case:
    """One Memory with everything that is known about it."""

    member: Member
    observed: Observed

    @cached_property
    def spec(self) -> Spec | None:
        """What is declared; when that cannot be read, what was last good."""
        if self.member.memory:
            return self.member.memory.spec
        return self.member.entry.spec if self.member.entry else None

    @cached_property
    def told(self) -> list[tuple[str, MemoryReport | None, str]]:
        """For each pod that is asked: its name, what it says of this Memory, why it says nothing."""
        return [(report.pod, report.memories.get(self.member.uid), report.error) for report in self.observed.reports]

    @property
    def recalls(self) -> bool:
        """Whether recall by meaning is wanted."""
        return self.spec is not None and self.spec.options.semantic_recall.enabled

    @property
    def has_embedder(self) -> bool:
        return self.spec is not None and resolve_embedder(self.spec) is not None

    def store(self, slot: str) -> Store | None:
        """Return the workload behind `storage` or `vector`."""
        uses = {"storage": self.spec.storage.use, "vector": self.spec.vector.use} if self.spec else {}
        return next((store for store in STORES if (store.slot, store.use) == (slot, uses.get(slot))), None)

    def refused(self, *children: str) -> str:
        """Return why the API server would not take one of these children, empty when it took them."""
        found = [one for one in self.observed.refusals if one.name in children]
        return f"{found[0].kind} {found[0].name} was refused: {found[0].message}" if found else ""


Look = Callable[[Case], Finding | None]


def served_generation(case: Case) -> int | None:
    """Return the newest generation that every pod serves, None while one serves none."""
    serving = [report.generation for _, report, _ in case.told if report and report.state == "active"]
    return min(serving) if serving and len(serving) == len(case.told) and min(serving) > 0 else None


# --- checks: each returns None when it has nothing to say -------------------------------------------------------------


def _is_enrolled(case: Case) -> Finding | None:
    """Make sure the Memory is in force at all."""
    if case.member.entry is None:
        problem = case.member.problem
        return Finding(Status.UNKNOWN, problem.reason if problem else Reason.PENDING, "this Memory is not served")
    return None


def _store_is_accepted(slot: str) -> Look:
    """Make sure the API server took the objects of the store."""

    def check(case: Case) -> Finding | None:
        store = case.store(slot)
        refusal = case.refused(store.name, names.REDIS_CONFIG, names.CREDENTIALS) if store else ""
        return Finding(Status.FALSE, Reason.APPLY_FAILED, refusal) if refusal else None

    return check


def _store_is_up(slot: str) -> Look:
    """Make sure the store runs, with the settings it was last given."""

    def check(case: Case) -> Finding | None:
        store = case.store(slot)
        if store is None:
            return None
        live = case.observed.inventory.child(STATEFUL_SET.name, store.name)
        if live is not None and workloads.store_is_up(live):
            return None
        trouble = workloads.trouble(case.observed.inventory, store.component)
        if trouble:
            return Finding(Status.FALSE, trouble.reason, trouble.message)
        return Finding(Status.FALSE, Reason.PROVISIONING, f"{store.name} is starting")

    return check


def _service_told(part: str) -> Look:
    """Make sure that the pods serve the memory and that all who speak of the part have tried it."""

    def check(case: Case) -> Finding | None:
        told = [check for _, check in _checks(case, part)]
        if told and not any(check.untried for check in told):
            return None
        return Finding(Status.UNKNOWN, Reason.LOADING, f"the service has not tried the {part} of this Memory yet")

    return check


def _no_pod_fails(part: str) -> Look:
    """Make sure that no pod finds the part failing; a degraded one is told and still counts."""

    def check(case: Case) -> Finding | None:
        for status, mark in ((reports.FAILED, Status.FALSE), (reports.DEGRADED, Status.TRUE)):
            for pod, told in _checks(case, part):
                if told.status == status:
                    return Finding(mark, told.reason or Reason.UNREACHABLE, f"pod {pod}: {told.message or told.reason}")
        return None

    return check


def _checks(case: Case, part: str) -> list[tuple[str, Check]]:
    return [(pod, report.checks[part]) for pod, report, _ in case.told if report and part in report.checks]


def _recall_is_wanted(case: Case) -> Finding | None:
    """Make sure that somebody wants recall; nothing else matters here if not."""
    return None if case.recalls else Finding(Status.TRUE, Reason.RECALL_DISABLED, "options.semanticRecall is disabled")


def _dimensions_match(case: Case) -> Finding | None:
    """Make sure the embedder makes vectors of the declared size."""
    problem = case.member.problem
    if problem and problem.reason is Reason.DIMENSIONS_MISMATCH:
        return Finding(Status.FALSE, problem.reason, problem.message)
    return None


def _embedder_exists(case: Case) -> Finding | None:
    """Make sure there is an embedder for these dimensions."""
    if case.has_embedder or case.spec is None:
        return None
    return Finding(
        Status.FALSE,
        Reason.NO_EMBEDDER,
        f"vector.dimensions is {case.spec.vector.dimensions} and no embedder is declared: recall by meaning is off;"
        " declare an embedder that makes vectors of this size",
    )


def _service_is_accepted(case: Case) -> Finding | None:
    """Make sure the API server took the objects of the service."""
    refusal = case.refused(names.SERVICE, names.CREDENTIALS, *names.DEFINITION_CONFIG_MAPS)
    return Finding(Status.FALSE, Reason.APPLY_FAILED, refusal) if refusal else None


def _a_pod_is_ready(case: Case) -> Finding | None:
    """Make sure at least one service pod is Ready."""
    inventory = case.observed.inventory
    if ready_service_pods(inventory):
        return None
    trouble = workloads.trouble(inventory, names.COMPONENT_SERVICE)
    if trouble:
        return Finding(Status.FALSE, trouble.reason, trouble.message)
    if inventory.child(DEPLOYMENT.name, names.SERVICE) is None:
        return Finding(Status.FALSE, Reason.PROVISIONING, "the memory service is being created")
    return Finding(Status.FALSE, Reason.SERVICE_UNAVAILABLE, "no pod of the memory service is Ready yet")


def _every_pod_answers(case: Case) -> Finding | None:
    """Make sure every Ready pod can be asked what it serves."""
    for pod, _, error in case.told:
        if error:
            return Finding(Status.FALSE, Reason.LOADING, f"pod {pod} does not say what it serves: {error}")
    return None if case.told else Finding(Status.FALSE, Reason.LOADING, "no service pod was asked yet")


def _every_pod_serves_this_generation(case: Case) -> Finding | None:
    """Make sure every Ready pod serves what is declared now."""
    wanted = case.member.generation
    if (served_generation(case) or 0) >= wanted:
        return None
    pods = [pod for pod, report, _ in case.told if report is None or report.generation < wanted]
    return Finding(Status.FALSE, Reason.LOADING, f"generation {wanted} is not served yet by {', '.join(sorted(pods))}")


STORAGE: Final[Sequence[Look]] = (
    _is_enrolled, _store_is_accepted("storage"), _store_is_up("storage"), _service_told("storage"),
    _no_pod_fails("storage"),
)  # fmt: skip
VECTOR: Final[Sequence[Look]] = (
    _is_enrolled, _store_is_accepted("vector"), _store_is_up("vector"), _recall_is_wanted, _service_told("vector"),
    _no_pod_fails("vector"),
)  # fmt: skip
EMBEDDER: Final[Sequence[Look]] = (
    _recall_is_wanted, _dimensions_match, _is_enrolled, _embedder_exists, _service_told("embedder"),
    _no_pod_fails("embedder"),
)  # fmt: skip
SERVICE: Final[Sequence[Look]] = (
    _is_enrolled, _service_is_accepted, _a_pod_is_ready, _every_pod_answers, _every_pod_serves_this_generation,
)  # fmt: skip
PARTS: Final = {
    Type.STORAGE_READY: STORAGE,
    Type.SERVICE_READY: SERVICE,
    Type.VECTOR_READY: VECTOR,
    Type.EMBEDDER_READY: EMBEDDER,
}


# --- the verdict ------------------------------------------------------------------------------------------------------


def judge(case: Case) -> tuple[Condition, ...]:
    """Return the conditions of a Memory, without transition times."""
    parts = {part: _first(checks, case) for part, checks in PARTS.items()}
    ready = _ready(case, parts)
    stalled = _stalled(case, parts)
    reconciling = Finding(Status.FALSE, Reason.OK)
    if ready.status is not Status.TRUE and stalled.status is not Status.TRUE:
        reconciling = replace(ready, status=Status.TRUE)
    findings = {Type.READY: ready, Type.RECONCILING: reconciling, Type.STALLED: stalled, **parts}
    warning = _warning(case, parts)
    if warning:
        findings[Type.WARNING] = warning
    return tuple(
        Condition(kind, found.status, str(found.reason), found.message, case.member.generation)
        for kind, found in findings.items()
    )


def _first(checks: Sequence[Look], case: Case) -> Finding:
    return next((found for check in checks if (found := check(case))), FINE)


def _needed(case: Case) -> list[Type]:
    """What a Memory needs to be Ready: without recall, or without an embedder for it, history is enough."""
    recall = [Type.VECTOR_READY, Type.EMBEDDER_READY] if case.recalls and case.has_embedder else []
    return [Type.STORAGE_READY, Type.SERVICE_READY, *recall]


def _ready(case: Case, parts: dict[Type, Finding]) -> Finding:
    if case.member.leaving:
        return _leaving(case, parts)
    problem = case.member.problem
    if problem:
        served = served_generation(case) if case.member.entry else None
        still = f" (generation {served} is still being served)" if served else ""
        return Finding(Status.FALSE, problem.reason, problem.message + still)
    for part in _needed(case):
        found = parts[part]
        if found.status is not Status.TRUE:
            return Finding(found.status, found.reason, found.message)
    return Finding(Status.TRUE, Reason.OK, "the memory is served")


REMEDY: Final = f"or give the data up: kubectl annotate memory NAME {names.ANNOTATION_ABANDON_DATA}=true"


def _leaving(case: Case, parts: dict[Type, Finding]) -> Finding:
    """A Memory that is being deleted: it waits for its erasure, and says what that in turn waits for."""
    if case.member.entry is None or case.member.entry.state != "erase":
        return Finding(Status.FALSE, Reason.RETAINED, "it is being deleted, and its data is kept")
    service = _first((_a_pod_is_ready, _every_pod_answers), case)
    for found in (parts[Type.STORAGE_READY], parts[Type.VECTOR_READY], service):
        if found.status is Status.FALSE:
            remedy = REMEDY.replace("NAME", case.member.name)
            return Finding(Status.FALSE, Reason.ERASURE_BLOCKED, f"{found.message}: put that right, {remedy}")
    return Finding(Status.FALSE, Reason.ERASING, "the service is erasing its data")


def _stalled(case: Case, parts: dict[Type, Finding]) -> Finding:
    problem = case.member.problem
    if problem and problem.stalled:
        return Finding(Status.TRUE, problem.reason, problem.message)
    for part in _needed(case):
        found = parts[part]
        if found.status is not Status.TRUE and (found.reason in STALLING or found.reason == Reason.APPLY_FAILED):
            return Finding(Status.TRUE, found.reason, found.message)
    return Finding(Status.FALSE, Reason.OK)


def _warning(case: Case, parts: dict[Type, Finding]) -> Finding | None:
    """What deserves a look although it works."""
    if case.member.entry is None:
        return None
    embedder = parts[Type.EMBEDDER_READY]
    if embedder.reason == Reason.NO_EMBEDDER:
        return replace(embedder, status=Status.TRUE)
    for found in parts.values():
        if found.status is Status.TRUE and found.reason not in (Reason.OK, Reason.RECALL_DISABLED):
            return found
    trouble = workloads.trouble(case.observed.inventory, names.COMPONENT_SERVICE)
    if trouble and parts[Type.SERVICE_READY].status is Status.TRUE:
        return Finding(Status.TRUE, trouble.reason, trouble.message)
    refusals = case.observed.refusals
    if refusals:
        return Finding(Status.TRUE, Reason.APPLY_FAILED, case.refused(refusals[0].name))
    return None
