"""One shared connection to Redis for a process: what is asked within a tick of the event loop leaves in one write.

redis-py's own Connection does the socket, TLS, AUTH, RESP3 and parsing; this adds the queue in front of it, one reader
that matches replies to callers in order, a clock over the oldest unanswered command, and reconnecting with jittered
pauses. Blocking commands and huge replies belong on a second Connection, or every caller waits behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.connection import Connection as TcpConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from memory_service.adapters.redis import scripts
from memory_service.adapters.redis.faults import Unsupported, lost, translate
from memory_service.errors import StorageUnavailable, Unavailable
from memory_service.model.facts import Circuit

Argument = bytes | str | int
Command = Sequence[Argument]

CONNECT_SECONDS: Final = 2.0
REPLY_SECONDS: Final = 5.0
"""A server that owes an answer for longer is taken for dead, and the connection is given up."""
MAX_PAUSE_SECONDS: Final = 2.0
MAX_QUEUED: Final = 20_000
"""Commands that may wait or be in flight; more are refused, so that a slow server cannot fill this process's memory."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where Redis is and who we are there. `password` is asked at each connect, so a rotated one is picked up."""

    url: str
    username: str | None = None
    password: Callable[[], str | None] = lambda: None

    def connection(self, client_name: str) -> AbstractConnection:
        """A connection not opened yet. Raises ValueError for a URL that is none of redis://, rediss://, unix://."""
        options: dict[str, Any] = {**parse_url(self.url)}
        kind: type[AbstractConnection] = options.pop("connection_class", TcpConnection)
        if (password := self.password()) is not None:
            options |= {"username": self.username, "password": password}
        options |= {"protocol": 3, "client_name": client_name, "driver_info": None}
        return kind(socket_timeout=None, socket_connect_timeout=CONNECT_SECONDS, **options)


@dataclass(frozen=True, slots=True)
class Server:
    """The server process behind the connection; `run_id` differs after each of its restarts."""

    run_id: bytes
    version: str


class Waiter:
    """A caller's future and the commands it waits for. It gets the last reply, or all where `replies` is a list."""

    __slots__ = ("commands", "due", "failure", "future", "identify", "replies", "script", "sent", "write")

    def __init__(self, commands: Sequence[Command], future: asyncio.Future[Any], write: bool) -> None:
        self.commands = commands
        self.future = future
        self.write = write
        self.due = len(commands)
        self.failure: ResponseError | None = None
        self.replies: list[object] | None = None
        self.script: scripts.Script | None = None
        self.identify: tuple[list[Argument], int] | None = None
        self.sent = 0.0

    def settle(self, reply: object) -> bool:
        """Take one reply; True when it was the last one this caller waits for."""
        self.due -= 1
        if isinstance(reply, ResponseError) and self.failure is None:
            self.failure = reply
        if self.replies is not None:
            self.replies.append(reply)
        if self.due:
            return False
        if not self.future.done():
            if self.failure is not None:
                self.future.set_exception(translate(self.failure, write=self.write))
            else:
                self.future.set_result(reply if self.replies is None else self.replies)
        return True

    def fail(self, error: Exception) -> None:
        """End the wait; a caller who has gone already is past caring."""
        if not self.future.done():
            self.future.set_exception(error)


class Connection:
    """The shared connection. Opens at the first call; `close` ends it. Not for more than one event loop."""

    def __init__(self, target: Target, *, name: str = "memory") -> None:
        self._target = target
        self._name = name
        self._queue: list[Waiter] = []
        self._flying: deque[Waiter] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._down: Unavailable | None = None
        self._closed = False
        self.server: Server | None = None

    @property
    def circuit(self) -> Circuit:
        """Open while Redis is away: calls fail at once then, and the connection is tried again by itself."""
        return "closed" if self._down is None else "open"

    def call(self, *command: Argument, write: bool = False) -> asyncio.Future[Any]:
        """Send one command; the future has its reply. Raises (in the future) StorageUnavailable or StorageFull."""
        return self._submit([command], write).future

    def pipeline(self, commands: Sequence[Command]) -> asyncio.Future[Any]:
        """Send commands in one piece; the future has the list of their replies.

        Others may come in between, though they rarely do. Not a MULTI: a full Redis refuses to queue even reads there.
        """
        waiter = self._submit(commands, False)
        waiter.replies = []
        return waiter.future

    def run(self, name: str, keys: Sequence[str], args: Sequence[Argument], *, write: bool) -> asyncio.Future[Any]:
        """Run a script by name, loading it when the server does not know it.

        A script that writes gets one more argument, in front: the server's run id and a fresh epoch. It is put in when
        the command is sent, because only then it is certain which server process will run it.
        """
        script = scripts.script(name)
        if not write:
            waiter = self._submit([("EVALSHA", script.sha, len(keys), *keys, *args)], write)
        else:
            command: list[Argument] = ["EVALSHA", script.sha, len(keys), *keys, b"", *args]
            waiter = self._submit([command], write)
            waiter.identify = (command, 3 + len(keys))
        waiter.script = script
        return waiter.future

    async def ready(self) -> Server:
        """Wait for a working connection and answer whose it is. Raises StorageUnavailable."""
        await self.call("PING")
        assert self.server is not None, "a reply came from a server that was greeted"
        return self.server

    async def close(self) -> None:
        """Fail what waits, close the socket; later calls are refused."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._give_up(StorageUnavailable("the connection to Redis was closed"))

    # --- the queue ----------------------------------------------------------------------------------------------------

    def _submit(self, commands: Sequence[Command], write: bool) -> Waiter:
        waiter = Waiter(commands, asyncio.get_running_loop().create_future(), write)
        if self._closed:
            waiter.fail(StorageUnavailable("the connection to Redis was closed"))
        elif self._down is not None:
            waiter.fail(StorageUnavailable(self._down.detail, reason=self._down.reason))
        elif len(self._queue) + len(self._flying) >= MAX_QUEUED:
            waiter.fail(StorageUnavailable("Redis is slower than what is asked of it; too many commands wait"))
        else:
            self._queue.append(waiter)
            self._wake.set()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name=f"redis:{self._name}")
        return waiter

    def _take(self) -> list[Waiter]:
        """What is to be sent now; callers who gave up before are forgotten."""
        taken = [waiter for waiter in self._queue if not waiter.future.done()]
        self._queue.clear()
        self._wake.clear()
        return taken

    def _give_up(self, error: Unavailable) -> None:
        """Fail everyone: those in flight do not know what became of their write, the others were never sent."""
        for waiter in self._flying:
            waiter.fail(lost(str(error), write=waiter.write))
        self._flying.clear()
        for waiter in self._take():
            waiter.fail(StorageUnavailable(error.detail, reason=error.reason))

    # --- one connection's life ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Connect, serve, and begin again after a pause, until closed. Whatever ends this, nobody is left waiting."""
        failures = 0
        try:
            while True:
                failures = 0 if await self._live() else failures + 1
                pause = min(MAX_PAUSE_SECONDS, 0.05 * 2 ** min(failures, 8))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        finally:
            self._give_up(StorageUnavailable("the connection to Redis ended"))

    async def _live(self) -> bool:
        """One connection from its opening to its loss; True when it was open at all."""
        connection: AbstractConnection | None = None
        opened = False
        try:
            connection = self._target.connection(self._name)
            await self._greet(connection)
            self._down, opened = None, True
            await self._serve(connection)
        except (RedisError, OSError, ValueError, Unsupported) as error:
            known = self._down is not None
            self._down = translate(error, write=False)
            log.log(logging.DEBUG if known else logging.WARNING, "Redis is away: %s", self._down)
            self._give_up(self._down)
        finally:
            if connection is not None:
                await connection.disconnect(nowait=True)
        return opened

    async def _greet(self, connection: AbstractConnection) -> None:
        """Connect, learn which process answers, and load the scripts."""
        await connection.connect()  # type: ignore[no-untyped-call]
        found = await self._ask(connection, ("INFO", "server", "cluster"))
        facts = dict(line.split(":", 1) for line in found.decode().splitlines() if ":" in line)
        if facts.get("cluster_enabled") == "1":
            raise Unsupported("Redis runs in cluster mode, which is not supported: use a standalone server or Sentinel")
        version = facts.get("valkey_version") or facts.get("redis_version", "unknown")
        for script in scripts.every():
            await self._ask(connection, ("SCRIPT", "LOAD", script.text))
        self.server = Server(facts["run_id"].encode(), version)

    async def _ask(self, connection: AbstractConnection, command: Command) -> Any:
        await connection.send_packed_command(connection.pack_commands([command]), check_health=False)
        reply = await connection.read_response(disable_decoding=True, timeout=CONNECT_SECONDS)
        if reply is None:
            raise TimeoutError(f"no answer to {command[0]!s} within {CONNECT_SECONDS:.0f} s")
        return reply

    async def _serve(self, connection: AbstractConnection) -> None:
        """Write, read and watch until one of the three fails. Raises what it failed with."""
        tasks = [
            asyncio.create_task(work, name=f"redis:{self._name}")
            for work in (self._write(connection), self._read(connection), self._watch())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            await self._wake.wait()
            waiters = self._take()
            self._identify(waiters)
            commands = [command for waiter in waiters for command in waiter.commands]
            now = time.monotonic()
            for waiter in waiters:
                waiter.sent = now
            self._flying.extend(waiters)
            await connection.send_packed_command(b"".join(map(_packed, commands)), check_health=False)

    def _identify(self, waiters: Sequence[Waiter]) -> None:
        assert self.server is not None, "nothing is written before the server was greeted"
        identity = self.server.run_id[:16] + secrets.token_hex(4).encode()
        for waiter in waiters:
            if waiter.identify is not None:
                command, place = waiter.identify
                command[place] = identity

    async def _read(self, connection: AbstractConnection) -> None:
        flying = self._flying
        while True:
            reply: object
            try:
                reply = await connection.read_response(disable_decoding=True)
            except ResponseError as refusal:
                reply = refusal
            waiter = flying[0]
            if isinstance(reply, NoScriptError) and waiter.script is not None:
                flying.popleft()
                self._reload(waiter, waiter.script)
            elif waiter.settle(reply):
                flying.popleft()

    def _reload(self, waiter: Waiter, script: scripts.Script) -> None:
        """Send the script, then the call again: nothing ran yet, so this is safe for writes too."""
        again = Waiter([("SCRIPT", "LOAD", script.text), *waiter.commands], waiter.future, waiter.write)
        again.identify = waiter.identify
        self._queue.append(again)
        self._wake.set()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(REPLY_SECONDS / 10)
            if self._flying and time.monotonic() - self._flying[0].sent > REPLY_SECONDS:
                raise TimeoutError(f"no reply within {REPLY_SECONDS:.0f} s")


def _packed(command: Sequence[bytes | str | int]) -> bytes:
    """A command in the protocol's words; hiredis packs in a tenth of the time that redis-py's Python takes."""
    words: Any = tuple(command)
    packed: bytes = pack_command(words)
    return packed
