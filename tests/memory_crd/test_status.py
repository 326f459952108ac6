"""Conditions change by one pure function, and every type and reason has its sentence."""

from __future__ import annotations

from memory_crd import status
from memory_crd.status import Condition, Reason, Status, Type, set_condition

NOON = "2026-01-01T12:00:00Z"
LATER = "2026-01-01T12:05:00Z"


def ready(state: Status, reason: Reason = Reason.OK, message: str = "", generation: int = 1) -> Condition:
    return Condition(Type.READY, state, reason, message, generation)


def test_a_new_condition_is_added_with_the_time() -> None:
    (found,) = set_condition((), ready(Status.TRUE), now=NOON)

    assert found.transitioned_at == NOON


def test_the_time_stays_while_the_status_does() -> None:
    before = set_condition((), ready(Status.FALSE, Reason.UNREACHABLE, "Redis is away"), now=NOON)

    (after,) = set_condition(before, ready(Status.FALSE, Reason.STORAGE_FULL, "no memory", generation=2), now=LATER)

    assert after.transitioned_at == NOON
    assert (after.reason, after.message, after.observed_generation) == ("StorageFull", "no memory", 2)


def test_the_time_moves_with_the_status() -> None:
    before = set_condition((), ready(Status.FALSE), now=NOON)

    (after,) = set_condition(before, ready(Status.TRUE), now=LATER)

    assert after.transitioned_at == LATER


def test_the_same_judgement_changes_nothing() -> None:
    before = set_condition((), ready(Status.TRUE), now=NOON)

    assert set_condition(before, ready(Status.TRUE), now=LATER) == before


def test_the_order_of_conditions_is_kept() -> None:
    conditions: tuple[Condition, ...] = ()
    for type_ in (Type.READY, Type.STALLED, Type.WARNING):
        conditions = set_condition(conditions, Condition(type_, Status.TRUE, Reason.OK), now=NOON)

    after = set_condition(conditions, Condition(Type.STALLED, Status.FALSE, Reason.OK), now=LATER)

    assert [each.type for each in after] == ["Ready", "Stalled", "Warning"]


def test_a_message_is_cut_to_what_the_schema_allows() -> None:
    (found,) = set_condition((), ready(Status.TRUE, message="x" * 2000), now=NOON)

    assert len(found.message) == status.MESSAGE_LENGTH
    assert set_condition((found,), ready(Status.TRUE, message="x" * 2000), now=LATER) == (found,)


def test_a_condition_survives_the_api_server() -> None:
    (found,) = set_condition((), ready(Status.UNKNOWN, Reason.PENDING, "wait", 7), now=NOON)

    assert status.from_manifest(found.manifest()) == found
    assert found.manifest()["status"] == "Unknown"


def test_a_condition_is_found_by_its_type() -> None:
    conditions = set_condition((), ready(Status.TRUE), now=NOON)

    assert status.find(conditions, Type.READY) == conditions[0]
    assert status.find(conditions, Type.STALLED) is None


def test_every_type_and_reason_has_a_sentence() -> None:
    assert set(status.TYPE_MEANINGS) == set(Type)
    assert set(status.REASON_MEANINGS) == set(Reason)


def test_reasons_are_camel_case() -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in Reason)
