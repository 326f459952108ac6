"""Grouping mutations: what a memory is asked within a tick, or while a group is on its way, goes in one script call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import Final

from memory_service.adapters.redis import codec
from memory_service.adapters.redis.connection import Connection
from memory_service.errors import StorageUnavailable, Unavailable
from memory_service.keys import Keys
from memory_service.model.mutations import Outcome
from memory_service.policies.retention import Policy

MOST: Final = 32
"""Operations of one script call: enough to share its fixed cost, few enough to keep Redis free for others."""
MOST_BYTES: Final = 256 * 1024
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""Bytes of mutations that may wait for the script; more are refused, so that a slow Redis cannot fill this process."""

Pending = tuple[codec.Operation, "asyncio.Future[Outcome]"]


class Batcher:
    """Mutations of one memory on their way to its script. Each succeeds or fails alone.

    A group leaves at the end of the tick when none is in flight, or when it is full; otherwise it waits for the one
    in flight, which costs no time that Redis would not take anyway, and makes groups large exactly when it pays.
    """

    def __init__(self, connection: Connection, keys: Keys, policy: Policy) -> None:
        self._connection = connection
        self._keys = keys
        self._policy = policy
        self._packed_policy = codec.pack_policy(policy)
        self._pending: deque[Pending] = deque()
        self._waiting_bytes = 0
        self._flying = 0
        self._scheduled = False

    def submit(self, operation: codec.Operation) -> asyncio.Future[Outcome]:
        """Queue one operation; the future has its outcome, or StorageUnavailable, or StorageFull."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        if self._waiting_bytes + operation.size > MAX_WAITING_BYTES:
            future.set_exception(StorageUnavailable("Redis is slower than what is asked of it; too much is waiting"))
            return future
        self._waiting_bytes += operation.size
        self._pending.append((operation, future))
        self._schedule(loop)
        return future

    async def together(self, operations: Sequence[codec.Operation]) -> list[Outcome | Unavailable]:
        """Send these in one script call of their own, now; what became of each. At most MOST."""
        loop = asyncio.get_running_loop()
        group: list[Pending] = [(operation, loop.create_future()) for operation in operations]
        self._send(group)
        answers = await asyncio.gather(*(future for _, future in group), return_exceptions=True)
        return [_told(answer) for answer in answers]

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        while self._pending and (self._flying == 0 or len(self._pending) >= MOST):
            group = self._group()
            if group:
                self._send(group)

    def _group(self) -> list[Pending]:
        """The next operations that go together; callers who gave up before are left out."""
        group: list[Pending] = []
        size = 0
        while self._pending and len(group) < MOST:
            operation, future = self._pending[0]
            if group and size + operation.size > MOST_BYTES:
                break
            self._pending.popleft()
            self._waiting_bytes -= operation.size
            if not future.done():
                group.append((operation, future))
                size += operation.size
        return group

    def _send(self, group: list[Pending]) -> None:
        self._flying += 1
        digests = b"".join(operation.digest for operation, _ in group)
        keys = [self._keys.memory, *(operation.key for operation, _ in group)]
        heads = b"".join(operation.head for operation, _ in group)
        args = [self._packed_policy, digests, heads, *chain.from_iterable(each.args for each, _ in group)]
        reply = self._connection.run("mutate", keys, args, write=True)
        reply.add_done_callback(lambda done: self._settle(group, done))

    def _settle(self, group: list[Pending], reply: asyncio.Future[list[bytes]]) -> None:
        self._flying -= 1
        if self._pending:
            self._schedule(reply.get_loop())
        error = reply.exception()
        answers = [] if error else reply.result()
        epoch = answers[0].decode() if answers else ""
        for number, (_, future) in enumerate(group, 1):
            if future.done():
                continue
            outcome = error or codec.decode_outcome(answers[number], epoch, self._policy)
            if isinstance(outcome, Outcome):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)


def _told(answer: Outcome | BaseException) -> Outcome | Unavailable:
    """An answer, or the error that this adapter knows. Raises any other."""
    if isinstance(answer, Outcome | Unavailable):
        return answer
    raise answer
