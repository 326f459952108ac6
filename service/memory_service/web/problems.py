"""Errors as RFC 9457 problem documents: the one table of status and code, and the one way to write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from memory_service.errors import Refused, Unavailable
from memory_service.web.results import Imported

STATUSES: Final[Mapping[int, tuple[str, ...]]] = {
    400: (
        "invalid_json", "invalid_message", "invalid_thread", "invalid_owner", "invalid_ttl", "invalid_query",
        "invalid_filter", "invalid_cursor", "invalid_template", "invalid_field", "invalid_parameter", "invalid_header",
        "invalid_import", "unknown_field", "confirm_required",
    ),
    401: ("unauthenticated",),
    403: ("forbidden",),
    404: ("route_not_found", "memory_not_found", "thread_not_found", "message_not_found", "backup_not_found"),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    409: (
        "settings_conflict", "busy", "not_empty", "recall_disabled", "working_memory_disabled", "wrong_scope",
        "not_mergeable",
    ),
    410: ("gone",),
    412: ("version_mismatch",),
    413: ("message_too_large", "request_too_large", "token_limit", "system_cap", "thread_full"),
    415: ("unsupported_media_type",),
    422: ("idempotency_mismatch",),
    429: ("rate_limited", "quota_exceeded"),
    431: ("headers_too_large",),
    500: ("internal",),
    503: (
        "storage_unavailable", "storage_full", "vector_unavailable", "embedder_unavailable", "definition_not_loaded",
        "shutting_down",
    ),
    504: ("timeout",),
}  # fmt: skip
"""Status -> codes, as the API page lists them; the OpenAPI document is made from the same table."""

STATUS_OF: Final[Mapping[str, int]] = {code: status for status, codes in STATUSES.items() for code in codes}

RETRY_AFTER: Final[Mapping[str, int]] = {
    "busy": 1,
    "rate_limited": 1,
    "quota_exceeded": 60,
    "storage_unavailable": 1,
    "storage_full": 5,
    "vector_unavailable": 2,
    "embedder_unavailable": 2,
    "definition_not_loaded": 1,
    "shutting_down": 1,
    "timeout": 1,
}
"""Seconds to wait, for the codes where the same request may succeed later."""

CONTENT_TYPE: Final = "application/problem+json"

_TITLES: Final[Mapping[int, str]] = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Content Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


class ProblemFault(msgspec.Struct):
    """One thing wrong.

    A JSON Pointer into the body, or `query:name`, `header:Name`, `path:name`; its code; the remedy.
    """

    path: str
    code: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong, for people (`title`, `detail`) and for programs (`code`, `retryable`, `errors`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str
    errors: list[ProblemFault] | msgspec.UnsetType = msgspec.UNSET
    outcome: str | None = None
    version: int | None = None
    quota: str | None = None
    used: int | None = None
    limit: int | None = None
    next: str | None = None
    line: int | None = None
    imported: Imported | None = None


_EXTRA: Final = ("version", "quota", "used", "limit", "next", "line", "imported")


def of_error(error: Refused | Unavailable, request_id: str) -> Problem:
    """The problem document of an error that was raised on purpose."""
    extra: dict[str, Any] = {name: error.extra[name] for name in _EXTRA if name in error.extra}
    if isinstance(error, Unavailable):
        unknown = "unknown" if error.outcome_unknown else None
        return _problem(error.code, error.detail, request_id, outcome=unknown, **extra)
    problem = _problem(error.code, error.detail, request_id, **extra)
    if error.faults:
        problem.errors = [ProblemFault(fault.path, fault.code, fault.message) for fault in error.faults]
    return problem


def internal(request_id: str) -> Problem:
    """The problem document of a defect of ours; it tells nothing but the id to look for in the log."""
    return _problem("internal", "something went wrong here; the log has it under this request_id", request_id)


def _problem(code: str, detail: str, request_id: str, **extra: Any) -> Problem:
    status = STATUS_OF.get(code, 500)
    return Problem(
        type=f"https://memoryplatform.dev/problems/{code}",
        title=_TITLES[status],
        status=status,
        detail=detail,
        code=code,
        retryable=code in RETRY_AFTER,
        request_id=request_id,
        **extra,
    )


def headers(problem: Problem) -> list[tuple[str, str]]:
    """The headers that belong to a problem whatever route it came from."""
    out = [("content-type", CONTENT_TYPE), ("cache-control", "no-store")]
    if problem.retryable:
        out.append(("retry-after", str(RETRY_AFTER[problem.code])))
    if problem.status == 401:
        out.append(("www-authenticate", 'Bearer realm="memory"'))
    return out
