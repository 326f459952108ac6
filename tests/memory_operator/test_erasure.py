"""When the finalizer goes on a Memory, and when it comes off."""

from __future__ import annotations

from typing import Any

from memory_crd import definitions, names
from memory_crd.status import Reason
from memory_operator import erasure
from memory_operator.reports import MemoryReport
from memory_operator.roster import Member, enrol

from tests.memory_operator.builders import NAMESPACE, config_maps, entry, inventory, memory, report

ON = {"finalizers": ["other.io/keep", names.FINALIZER]}
DELETE = {"deletionPolicy": "Delete"}


def guarded(*memories: Any) -> list[str]:
    return [member.name for member in erasure.to_guard(enrol(inventory(*memories), ()))]


def released(manifest: Any, *entries: Any, reports: tuple[Any, ...] = ()) -> list[Any]:
    what = inventory(manifest, children=config_maps(entries))
    return [release.notice.reason if release.notice else None
            for release in erasure.to_release(enrol(what, reports), reports)]  # fmt: skip


def test_only_a_memory_with_something_to_erase_is_guarded() -> None:
    assert guarded(memory("a", **DELETE), memory("b"), memory("c", **DELETE, **ON)) == ["a"]
    assert guarded(memory("invalid", vector={"use": "no"}, **DELETE)) == []
    assert guarded(memory("going", going=True, **DELETE)) == []


def test_a_memory_that_turned_to_retain_is_released() -> None:
    assert released(memory(**ON)) == [None]
    assert released(memory(**ON, **DELETE)) == []


def test_a_memory_is_held_until_its_erasure_is_proven() -> None:
    erase = entry(memory(**DELETE), "erase")
    digest = definitions.digest([erase])
    going = memory(going=True, **ON, **DELETE)

    assert released(going, erase) == []
    assert released(going, erase, reports=(report(digest=digest, support=MemoryReport(1, "erase")),)) == []
    proof = report(digest=digest, support=MemoryReport(1, "erase", erased=True))
    assert released(going, erase, reports=(proof,)) == [Reason.ERASED]


def test_a_memory_that_never_served_is_released_at_once() -> None:
    assert released(memory(going=True, **ON, **DELETE)) == [None]


def test_abandoned_data_lets_the_memory_go_and_says_so() -> None:
    given_up = memory(going=True, annotations={names.ANNOTATION_ABANDON_DATA: "true"}, **ON, **DELETE)

    assert released(given_up, entry(memory(**DELETE), "erase")) == [Reason.NOT_ERASED]


def test_memories_that_go_with_their_namespace_are_released_and_the_namespace_is_told() -> None:
    """Also those that are not being deleted yet: they will be, and by then we may have no right to touch them."""
    members = [Member(one, None, None) for one in (memory("a", going=True, **ON), memory("b"), memory("c", **ON))]

    releases = erasure.to_abandon(NAMESPACE, members)

    assert [release.member.name for release in releases] == ["a", "c"]
    for release in releases:
        assert release.notice is not None
        assert release.notice.reason == Reason.NOT_ERASED
        assert release.notice.about["kind"] == "Namespace"
