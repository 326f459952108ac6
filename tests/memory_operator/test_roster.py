"""Which Memory is in force, with which definition, and what is wrong with the others."""

from __future__ import annotations

import pytest
from memory_crd import definitions, names
from memory_crd.status import Reason
from memory_operator.reports import MemoryReport
from memory_operator.roster import Roster, enrol, live_entries, proven

from tests.memory_operator.builders import config_maps, entry, inventory, memory, report, serving

DELETE = {"deletionPolicy": "Delete"}


def states(roster: Roster) -> dict[str, tuple[str, str]]:
    """id -> (uid, state) of every entry."""
    return {one.id: (one.uid, one.state) for one in roster.entries}


def problem(roster: Roster, name: str) -> Reason | None:
    [member] = [one for one in roster.members if one.name == name]
    return member.problem.reason if member.problem else None


def test_a_valid_memory_is_active() -> None:
    roster = enrol(inventory(memory("support")), ())

    assert states(roster) == {"support": ("uid-support", "active")}
    assert problem(roster, "support") is None
    assert roster.digest == definitions.digest(roster.entries)


def test_entries_survive_the_way_through_their_config_maps() -> None:
    entries = [entry(memory(name)) for name in ("a", "b", "c")]

    assert sorted(live_entries(inventory(children=config_maps(entries))), key=lambda one: one.id) == entries


def test_what_is_unreadable_in_a_config_map_counts_as_absent() -> None:
    [broken] = config_maps([entry(memory())])
    broken["data"] = {"a.json": "{", "b.json": '{"uid": "x"}'}

    assert live_entries(inventory(children=[broken])) == ()


def test_a_bad_edit_leaves_the_last_good_definition_in_force() -> None:
    good = entry(memory())
    bad = memory(generation=2, vector={"use": "qdrant", "dimensions": -1})

    roster = enrol(inventory(bad, children=config_maps([good])), ())

    assert roster.entries == (good,)
    assert problem(roster, "support") is Reason.INVALID


def test_a_memory_that_never_was_valid_has_no_entry_and_spares_its_neighbours() -> None:
    bad = memory("bad", vector={"use": "pinecone", "dimensions": 3})

    roster = enrol(inventory(bad, memory("good")), ())

    assert states(roster) == {"good": ("uid-good", "active")}
    assert problem(roster, "bad") is Reason.INVALID
    assert problem(roster, "good") is None


def openai(**config: object) -> dict[str, object]:
    return {"embedder": {"use": "openai", "config": config}, "vector": {"use": "qdrant", "dimensions": 8}}


URL = {"storage": {"use": "redis", "config": {"url": "redis://x"}}}
OTHER_MODEL = {"embedder": {"use": "local"}, "vector": {"use": "qdrant", "dimensions": 8}}
BROKEN_TEMPLATE = {"options": {"workingMemory": {"enabled": True, "template": "<a><b></a>"}}}
BROKEN_SCHEMA = {
    "options": {"workingMemory": {"enabled": True, "schema": {"properties": {"age": {"type": "number?"}}}}}
}
COSTLY_PATTERN = {"options": {"privacy": {"redact": [r"(?:.?){500}z"]}}}
RESERVED = openai(secretRef={"name": "env", "key": "k"})
SUMMARIZER = {"url": "http://chat/v1", "model": "m", "secretRef": {"name": "env"}}
FLUSHING = {"type": "hybrid_summary", "maxMessages": 10, "summaryTokens": 9, "summarizer": SUMMARIZER}


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        (URL, Reason.UNSUPPORTED_CONFIG, "/spec/storage/config/url"),
        (OTHER_MODEL, Reason.DIMENSIONS_MISMATCH, "384"),
        (BROKEN_TEMPLATE, Reason.INVALID_TEMPLATE, "/spec/options/workingMemory/template"),
        (BROKEN_SCHEMA, Reason.INVALID_SCHEMA, "/spec/options/workingMemory/schema: /properties/age/type is no valid"),
        (COSTLY_PATTERN, Reason.INVALID_PATTERN, "/spec/options/privacy/redact/0"),
        (RESERVED, Reason.UNSUPPORTED_CONFIG, "/spec/embedder/config/secretRef/name: 'env' is reserved"),
        ({"options": {"flushing": FLUSHING}}, Reason.UNSUPPORTED_CONFIG, "/spec/options/flushing/summarizer/secretRef"),
    ],
    ids=[
        "a key that is not implemented",
        "dimensions of another model",
        "a broken template",
        "a broken schema",
        "a costly pattern",
        "a reserved name",
        "a reserved name of a summarizer's Secret",
    ],
)
def test_what_no_schema_can_refuse_is_a_problem_with_a_path(
    changes: dict[str, object], reason: Reason, told: str
) -> None:
    roster = enrol(inventory(memory(**changes)), ())

    [member] = roster.members
    assert member.problem is not None
    assert member.problem.reason is reason
    assert told in member.problem.message
    assert member.problem.stalled
    assert roster.entries == ()


def test_the_oldest_holder_of_an_id_keeps_it_and_the_other_is_told_who_it_is() -> None:
    old = memory("old", id="shared", creationTimestamp="2026-01-01T00:00:00Z")
    new = memory("new", id="shared", creationTimestamp="2026-01-02T00:00:00Z")

    roster = enrol(inventory(new, old), ())

    assert states(roster) == {"shared": ("uid-old", "active")}
    [late] = [member for member in roster.members if member.name == "new"]
    assert late.problem is not None
    assert (late.problem.reason, late.problem.stalled) == (Reason.ID_TAKEN, True)
    assert "'old'" in late.problem.message


def test_of_two_that_are_equally_old_the_served_one_keeps_the_id() -> None:
    first, second = memory("a", id="shared"), memory("b", id="shared")

    roster = enrol(inventory(first, second, children=config_maps([entry(second)])), ())

    assert states(roster) == {"shared": ("uid-b", "active")}


def test_a_deleted_memory_is_retained_by_default() -> None:
    roster = enrol(inventory(memory("other"), children=config_maps([entry(memory("support"))])), ())

    assert states(roster)["support"] == ("uid-support", "retained")


def test_the_same_id_again_adopts_what_was_retained() -> None:
    past = entry(memory("support", uid="past"), "retained")

    roster = enrol(inventory(memory("support"), children=config_maps([past])), ())

    assert states(roster) == {"support": ("uid-support", "active")}
    assert [member.name for member in roster.adopted] == ["support"]


def test_an_adoption_is_told_once() -> None:
    roster = enrol(inventory(memory("support"), children=config_maps([entry(memory("support"))])), ())

    assert roster.adopted == ()


def test_a_memory_with_policy_delete_that_goes_is_erased() -> None:
    going = memory(going=True, finalizers=[names.FINALIZER], **DELETE)

    roster = enrol(inventory(going, children=config_maps([entry(memory(**DELETE))])), ())

    assert states(roster) == {"support": ("uid-support", "erase")}
    assert problem(roster, "support") is Reason.ERASING


def test_an_abandoned_memory_is_retained_so_that_its_data_expires() -> None:
    going = memory(going=True, annotations={names.ANNOTATION_ABANDON_DATA: "true"}, **DELETE)

    roster = enrol(inventory(going, children=config_maps([entry(memory(**DELETE), "erase")])), ())

    assert states(roster) == {"support": ("uid-support", "retained")}


def test_a_memory_that_never_served_leaves_nothing() -> None:
    assert enrol(inventory(memory(going=True, **DELETE)), ()).entries == ()


def test_an_erasure_goes_on_when_the_finalizer_was_removed_by_force() -> None:
    roster = enrol(inventory(memory("other"), children=config_maps([entry(memory(**DELETE))])), ())

    assert states(roster)["support"] == ("uid-support", "erase")


def test_an_erased_entry_is_dropped_when_it_is_proven_and_the_memory_is_gone() -> None:
    erased = entry(memory(**DELETE), "erase")
    proof = report(digest=definitions.digest([erased]), support=MemoryReport(1, "erase", erased=True))

    assert enrol(inventory(memory("other"), children=config_maps([erased])), (proof,)).entries == (
        entry(memory("other")),
    )


def test_an_id_whose_data_is_being_erased_is_free_only_afterwards() -> None:
    erased = entry(memory("support", uid="past", **DELETE), "erase")

    roster = enrol(inventory(memory("support"), children=config_maps([erased])), ())

    assert states(roster) == {"support": ("past", "erase")}
    [member] = roster.members
    assert member.problem is not None
    assert (member.problem.reason, member.problem.stalled) == (Reason.ID_TAKEN, False)


def test_a_proof_needs_every_pod_on_these_definitions_and_one_that_looked_again() -> None:
    done = MemoryReport(1, "erase", erased=True)
    first, second = report("a", "d", support=done), report("b", "d", support=MemoryReport(1, "erase"))

    assert proven("uid-support", "d", [first, second])
    assert not proven("uid-support", "d", [])
    assert not proven("uid-support", "d", [second])
    assert not proven("uid-support", "d", [first, report("c", "older", support=serving())])


def test_what_does_not_fit_beside_its_neighbours_says_so_and_keeps_its_last_good_definition() -> None:
    # Every id here lands in one ConfigMap, and each definition is far larger than the schema would allow.
    ids = [f"m{number}" for number in range(2000) if definitions.shard(f"m{number}") == 3][:3]
    large = {"options": {"workingMemory": {"enabled": True, "schema": {"note": "x" * 400_000}}}}
    small = memory(ids[2])

    roster = enrol(
        inventory(
            memory(ids[0], **large), memory(ids[1], **large),
            memory(ids[2], generation=2, creationTimestamp="2026-02-01T00:00:00Z", **large),
            children=config_maps([entry(memory(ids[0])), entry(memory(ids[1])), entry(small)]),
        ),
        (),
    )  # fmt: skip

    assert problem(roster, ids[2]) is Reason.DEFINITIONS_TOO_LARGE
    assert entry(small) in roster.entries
    assert [problem(roster, one) for one in ids[:2]] == [None, None]
