"""PURE: is a workload up, and if not, what do its pods say? The sentences stay the same while nothing changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from memory_crd.status import Reason

from memory_operator.kinds import Manifest
from memory_operator.observed import Inventory, is_leaving, pods_of

PULL_FAULTS: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_WAITS: Final = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not become Ready."""

    reason: Reason
    message: str


def store_is_up(workload: Manifest) -> bool:
    """Tell whether a StatefulSet runs what it was last told to run, and its pod is Ready."""
    metadata, status = workload["metadata"], workload.get("status") or {}
    replicas = workload["spec"].get("replicas", 1)
    return (
        not is_leaving(workload)
        and int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 1)
        and int(status.get("readyReplicas") or 0) >= replicas
        and status.get("currentRevision") == status.get("updateRevision")
    )


def is_rolled_out(deployment: Manifest) -> bool:
    """Tell whether all replicas of a Deployment run what it was last told to run, and are Ready."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    replicas = deployment["spec"].get("replicas", 1)
    counts = [int(status.get(key) or 0) for key in ("updatedReplicas", "readyReplicas", "replicas")]
    return (
        int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 1) and counts == [replicas] * 3
    )


def trouble(inventory: Inventory, name: str) -> Trouble | None:
    """Return what the first troubled pod of a component says, None when none complains."""
    for pod in pods_of(inventory, name):
        for found in _complaints(pod):
            return found
    return None


def _complaints(pod: Manifest) -> Iterator[Trouble]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Trouble(Reason.PROVISIONING, f"pod {name} has no node: {condition.get('message') or 'no message'}")
    for container in status.get("containerStatuses") or []:
        waiting: Mapping[str, Any] = (container.get("state") or {}).get("waiting") or {}
        why = waiting.get("reason")
        if why in PULL_FAULTS:
            yield Trouble(Reason.IMAGE_PULL_FAILED, f"pod {name} cannot pull image {container.get('image')}")
        elif why and why not in _WAITS:
            yield Trouble(
                Reason.PROVISIONING, f"container {container.get('name')} of pod {name}: {why}{_last_exit(container)}"
            )


def _last_exit(container: Mapping[str, Any]) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    return f", it last ended with {ended.get('reason')} (exit code {ended.get('exitCode')})" if ended else ""
