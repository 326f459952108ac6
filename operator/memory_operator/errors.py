"""The errors that someone in the operator catches.

OperatorError
├── SettingsError          a setting is missing or unreadable; names the variable
└── ApiError               the API server answered with an error status
    ├── NotFound           404
    ├── Conflict           409: the object moved on, or exists already
    ├── Refused            400, 403, 422: will not succeed by trying again as it is
    │   └── NamespaceEnds  403 because the namespace is being deleted: nothing can be created in it
    └── Unavailable        429, 5xx, no connection, time-out: try again later
"""

from collections.abc import Mapping
from typing import Any


class OperatorError(Exception):
    """Root of the operator's own errors."""


class SettingsError(OperatorError):
    """A setting is missing or unreadable; the message names the variable and the remedy."""


class ApiError(OperatorError):
    """The API server answered with an error.

    Args:
        status: HTTP status; 0 when there was no answer at all.
        reason: the machine reason of the `Status` object, such as `Invalid`.
        message: its sentence for people.
        fields: the fields that it complains of, if it names any.
    """

    def __init__(self, status: int, reason: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.fields = fields
        self.status = status
        self.reason = reason
        self.message = message


class NotFound(ApiError):
    """There is no such object (or no such kind)."""


class Conflict(ApiError):
    """The object changed since it was read, or exists already."""


class Refused(ApiError):
    """The request itself is not acceptable: repeating it changes nothing."""


class NamespaceEnds(Refused):
    """The namespace is being deleted, so nothing can be created in it."""


class Unavailable(ApiError):
    """No answer, too many requests or a server fault: worth another try."""


def error_for(status: int, body: Mapping[str, Any]) -> ApiError:
    """Return the error that stands for an answer of the API server (pure)."""
    reason = str(body.get("reason") or "Unknown")
    message = str(body.get("message") or "no message")
    causes = (body.get("details") or {}).get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return NamespaceEnds(status, reason, message)
    kinds: dict[int, type[ApiError]] = {404: NotFound, 409: Conflict, 400: Refused, 403: Refused, 422: Refused}
    fields = tuple(str(cause["field"]) for cause in causes if cause.get("field"))
    return kinds.get(status, Unavailable)(status, reason, message, fields)
