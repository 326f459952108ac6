"""PURE: when our finalizer goes on a Memory, and when it may come off.

| the Memory                                         | finalizer                                  |
|----------------------------------------------------|--------------------------------------------|
| stays, policy Delete, in force                     | on, before its definition is               |
| stays, policy Retain                               | off: there is nothing to erase             |
| goes, erasure proven                               | off, event Erased                          |
| goes, annotated abandon-data, retained by now      | off, event NotErased                       |
| goes, never in force, or policy Retain             | off                                        |
| goes with its namespace                            | off, event NotErased: nothing could run    |
"""

from collections.abc import Iterable
from dataclasses import dataclass

from memory_crd.status import Reason

from memory_operator.cluster import Notice
from memory_operator.kinds import NAMESPACE, Manifest
from memory_operator.reports import PodReport
from memory_operator.roster import Member, Roster, proven


@dataclass(frozen=True)
class Release:
    """A Memory whose finalizer comes off, and what is said about it."""

    member: Member
    notice: Notice | None = None


def to_guard(roster: Roster) -> list[Member]:
    """Return the Memories that need the finalizer before their definition is in force."""
    return [
        member
        for member in roster.members
        if member.deletes and not member.guarded and not member.leaving and member.entry is not None
    ]


def to_release(roster: Roster, reports: Iterable[PodReport]) -> list[Release]:
    """Return the Memories that the finalizer holds for no reason any more."""
    told = tuple(reports)
    releases = (_release(member, roster, told) for member in roster.members if member.guarded)
    return [release for release in releases if release]


def _release(member: Member, roster: Roster, reports: tuple[PodReport, ...]) -> Release | None:
    if not member.leaving:
        return None if member.deletes else Release(member)
    if member.entry is None:
        return Release(member)
    if member.entry.state == "erase":
        if not proven(member.uid, roster.digest, reports):
            return None
        return Release(member, Notice(member.manifest, Reason.ERASED, "its data is erased, and nothing of it remains"))
    if not member.abandoned:
        return Release(member)
    message = "its data was given up by annotation and not erased; what the stores still hold expires on time"
    return Release(member, Notice(member.manifest, Reason.NOT_ERASED, message, alarming=True))


def to_abandon(namespace: str, memories: Iterable[Member]) -> list[Release]:
    """Return the Memories that go with their namespace: waiting for an erasure there would hang it for ever."""
    # Nothing can be created in a namespace that is going away, an Event neither: it is about the namespace instead.
    about: Manifest = {"apiVersion": "v1", "kind": NAMESPACE.name, "metadata": {"name": namespace}}
    return [
        Release(
            member,
            Notice(
                about,
                Reason.NOT_ERASED,
                f"Memory {namespace}/{member.name} went with its namespace: its volumes follow their reclaim policy,"
                " and what they hold was not erased by the service",
                alarming=True,
            ),
        )
        for member in memories
        if member.guarded
    ]
