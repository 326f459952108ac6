"""From what operations return to JSON, headers and status."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from memory_service.errors import Fault, Refused
from memory_service.model.facts import Facts
from memory_service.model.mutations import Outcome
from memory_service.model.values import Guard
from memory_service.operations import moments
from memory_service.web import results
from memory_service.web.call import Call, Reply

encode = msgspec.json.Encoder().encode
_REPLAYED: Final = (b"idempotent-replayed", b"true")
Done = TypeVar("Done", bound=results.Mutated)


def ok(answer: Any, status: int = 200) -> Reply:
    """An answer that is not a mutation."""
    return Reply(status, encode(answer))


def dry_run(call: Call) -> bool:
    """Whether this is a dry run: by query or by body, which must not contradict one another."""
    query = getattr(call.query, "dry_run", msgspec.UNSET)
    body = getattr(call.body, "dry_run", msgspec.UNSET)
    if query is not msgspec.UNSET and body is not msgspec.UNSET and query != body:
        text = "says the opposite of the body's dry_run"
        raise Refused("invalid_parameter", f"the query {text}", [Fault("query:dry_run", "invalid_parameter", text)])
    return query is True or body is True


def guard(call: Call) -> Guard:
    """The conditions that a mutation was asked under. A dry run writes nothing, so it is never kept for a replay."""
    dry = dry_run(call)
    return Guard(if_match=call.if_match, if_absent=call.if_absent, dry_run=dry, key=None if dry else call.key)


def mutated(call: Call, outcome: Outcome, answer: results.Mutated, *, etag: bool = True) -> Reply:
    """The answer of a mutation, with its version, its position in the log, and whether it is a replay.

    A PUT that made its thread is 201 and says where it is.
    """
    dry = dry_run(call)
    if dry:
        answer.dry_run = True
    made = outcome.created and call.method == "PUT" and not dry
    reply = Reply(201 if made else 200, encode(answer))
    if made:
        reply.headers.append((b"location", call.scope["raw_path"]))
    if etag:
        reply.headers.append((b"etag", b'"%d"' % outcome.version))
    reply.headers += trail(outcome, dry)
    if not dry:  # counted is what was done
        call.outcomes.append(outcome)
    return reply


def redacted(outcome: Outcome) -> int | msgspec.UnsetType:
    """How many messages were redacted; nothing where the Memory declares no privacy."""
    return msgspec.UNSET if outcome.cleaned is None else outcome.cleaned.redacted


def excluded(outcome: Outcome) -> int | msgspec.UnsetType:
    """How many messages were not stored because of their role; nothing where the Memory declares no privacy."""
    return msgspec.UNSET if outcome.cleaned is None else outcome.cleaned.kept_out


def relief(outcome: Outcome) -> results.Relief | msgspec.UnsetType:
    """The flush that a write brought about; nothing where there was none."""
    done = outcome.relief
    if done is None:
        return msgspec.UNSET
    return results.Relief(removed=done.removed, tokens_freed=done.tokens_freed, actual_strategy=done.strategy)


def repeated(reply: Reply, again: bool) -> Reply:
    """The reply, marked where it is the first answer once more."""
    if again:
        reply.headers.append(_REPLAYED)
    return reply


def trail(outcome: Outcome, dry: bool) -> list[tuple[bytes, bytes]]:
    """Memory-Consistency and Idempotent-Replayed."""
    headers = []
    if not dry and outcome.pos:
        headers.append((b"memory-consistency", b"%s.%d" % (outcome.epoch.encode(), outcome.pos)))
    if outcome.replayed:
        headers.append(_REPLAYED)
    return headers


def thread_facts(facts: Facts) -> results.ThreadFacts:
    """Facts as callers read them."""
    return results.ThreadFacts(
        thread=facts.thread,
        exists=facts.exists,
        type=facts.type,  # type: ignore[arg-type]  # the store keeps what was validated on the way in
        owner=facts.owner,
        title=facts.title,
        metadata=facts.metadata,
        max_messages=facts.max_messages,
        messages=facts.messages,
        system_messages=facts.system_messages,
        tokens=facts.tokens,
        bytes=facts.bytes,
        version=facts.version,
        created_at=moments.render_or_none(facts.created_at),
        updated_at=moments.render_or_none(facts.updated_at),
        expires_at=moments.render_or_none(facts.expires_at),
        ttl_seconds=None if facts.remaining_ms is None else facts.remaining_ms // 1000,
        pinned=facts.pinned,
        last_flush=facts.last_flush,
    )


def joined(messages: list[bytes]) -> bytes:
    """A JSON list of stored messages: their bytes side by side, never decoded."""
    return b"[" + b",".join(messages) + b"]"


def next_link(call: Call, cursor: str | None) -> list[tuple[bytes, bytes]]:
    """The relative RFC 8288 Link to the next page, with the request's other parameters kept."""
    if cursor is None:
        return []
    kept = [part for part in call.scope["query_string"].split(b"&") if part and not part.startswith(b"cursor=")]
    query = b"&".join([*kept, b"cursor=" + cursor.encode()])
    return [(b"link", b'<%s?%s>; rel="next"' % (call.scope["raw_path"], query))]
