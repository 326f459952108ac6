"""Which error an answer of the API server is."""

from __future__ import annotations

import pytest
from memory_operator.errors import ApiError, Conflict, NamespaceEnds, NotFound, Refused, Unavailable, error_for

ENDS = {"details": {"causes": [{"reason": "NamespaceTerminating"}]}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {}, NotFound),
        (409, {}, Conflict),
        (422, {}, Refused),
        (403, {}, Refused),
        (403, ENDS, NamespaceEnds),
        (429, {}, Unavailable),
        (500, {}, Unavailable),
        (410, {}, Unavailable),
    ],
)
def test_a_status_has_its_error(status: int, body: dict[str, object], expected: type[ApiError]) -> None:
    error = error_for(status, body)

    assert type(error) is expected
    assert error.status == status


def test_the_words_of_the_api_server_are_kept() -> None:
    assert str(error_for(422, {"reason": "Invalid", "message": "spec.x: no"})) == "422 Invalid: spec.x: no"


def test_the_fields_that_are_complained_of_are_named() -> None:
    causes = [{"reason": "FieldValueInvalid", "field": "spec.ports[0].port"}, {"reason": "Other"}]

    assert error_for(422, {"details": {"causes": causes}}).fields == ("spec.ports[0].port",)
    assert error_for(422, {}).fields == ()
