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
from collections.abc import Awaitable, Callable
from contextlib import suppress
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


async def once(
    memory: OpenMemory, key: IdempotencyKey | None, kind: Any, work: Callable[[], Awaitable[Done]]
) -> tuple[Done, bool]:
    """What the work answers, of type `kind`, and whether that is a replay. The answer may hold no content: it is kept.

    Without a key the work is just done. Raises Refused `busy` and `idempotency_mismatch`, and what the work raises,
    which is not kept.
    """
    if key is None:
        return await work(), False
    token = secrets.token_bytes(8)
    found = await memory.store.reserve(key, token, LEASE_MS)
    if found.state == "answered":
        answer: Done = msgspec.msgpack.decode(found.answer, type=kind)
        return answer, True
    if found.state != "taken":
        settle(Outcome("busy" if found.state == "busy" else "idempotency_mismatch"))
    renewing = asyncio.create_task(_renew(memory, key, token))
    try:
        done = await work()
    except BaseException:
        with suppress(Unavailable):
            await memory.store.release(key, token)
        raise
    finally:
        renewing.cancel()
    try:
        await memory.store.conclude(key, token, msgspec.msgpack.encode(done))
    except Unavailable as error:  # the work is done and says so; only a repetition will not know it
        log.warning("the answer under an idempotency key could not be kept: %s", error)
    return done, False


async def _renew(memory: OpenMemory, key: IdempotencyKey, token: bytes) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(Unavailable):
            if not await memory.store.renew(key, token, LEASE_MS):
                return
