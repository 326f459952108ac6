"""Requests of several steps, done once under an idempotency key.

No script can do them in one step, so the key is reserved first, then the work is done, then its answer is kept. A twin
meanwhile is `busy`. A reservation holds for LEASE_MS and is renewed while the work goes on: a process that dies takes
nothing with it, and the same key may be tried again once it has lapsed. The work then begins anew, so it has to be such
that doing it twice does no harm; the answer that is kept is that of the run that ended.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from memory_service.errors import Unavailable
from memory_service.model.mutations import Outcome
from memory_service.model.values import IdempotencyKey
from memory_service.operations.outcomes import settle

if TYPE_CHECKING:
    from memory_service.operations.registry import OpenMemory

LEASE_MS: Final = 15_000
RENEW_SECONDS: Final = 5.0

Done = TypeVar("Done")
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Turn:
    """A key that is ours for now; `before` is the answer kept under it, if there is one, else `answer` is kept."""

    before: bytes | None = None
    answer: bytes | None = None


@asynccontextmanager
async def reserved(memory: OpenMemory, key: IdempotencyKey) -> AsyncIterator[Turn]:
    """Hold a key while its request is worked on, then keep the answer; what ends without one frees the key.

    Raises Refused `busy` and `idempotency_mismatch`, what the work raises, and Unavailable with an unknown outcome when
    the answer cannot be kept: told now, it would not be what a repetition is told, which would do the work again.
    """
    token = secrets.token_bytes(8)
    found = await memory.store.reserve(key, token, LEASE_MS)
    if found.state == "answered":
        yield Turn(before=found.answer)
        return
    if found.state != "taken":
        settle(Outcome("busy" if found.state == "busy" else "idempotency_mismatch"))
    renewing = asyncio.create_task(_renew(memory, key, token))
    turn = Turn()
    try:
        yield turn
    finally:
        renewing.cancel()
        if turn.answer is None:
            await _free(memory, key, token)
    if turn.answer is not None:
        await _keep(memory, key, token, turn.answer)


async def once(
    memory: OpenMemory, key: IdempotencyKey | None, kind: Any, work: Callable[[], Awaitable[Done]]
) -> tuple[Done, bool]:
    """What the work answers, of type `kind`, and whether that is a replay. The answer may hold no content: it is kept.

    Without a key the work is just done. Raises Refused `busy` and `idempotency_mismatch`, and what the work raises,
    which is not kept.
    """
    if key is None:
        return await work(), False
    async with reserved(memory, key) as turn:
        if turn.before is not None:
            answer: Done = msgspec.msgpack.decode(turn.before, type=kind)
            return answer, True
        done = await work()
        turn.answer = msgspec.msgpack.encode(done)
    return done, False


async def _keep(memory: OpenMemory, key: IdempotencyKey, token: bytes, answer: bytes) -> None:
    try:
        await memory.store.conclude(key, token, answer)
    except Unavailable as error:
        error.outcome_unknown = True
        raise


async def _free(memory: OpenMemory, key: IdempotencyKey, token: bytes) -> None:
    """What ended the work is what the caller is told; a key that cannot be freed frees itself before long."""
    try:
        await memory.store.release(key, token)
    except Unavailable as error:
        log.warning("an idempotency key stays reserved for a while: %s", error)


async def _renew(memory: OpenMemory, key: IdempotencyKey, token: bytes) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(Unavailable):
            if not await memory.store.renew(key, token, LEASE_MS):
                return
