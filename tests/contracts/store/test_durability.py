"""What a server that was stopped or killed still knows, under the operator's own ACL file and append-only settings."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.contracts.store.log import Log
from tests.contracts.store.servers import Server, binaries, running

APPEND_ONLY = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.mark.parametrize("kind", list(binaries()))
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_every_mutation_is_replayed_from_the_append_only_file(kind: str, end: int, tmp_path: Path) -> None:
    binary = binaries()[kind]
    if binary is None:
        pytest.skip("redis-server is not on PATH: install Debian's redis-server to test Redis 7.0 too")
    with running(binary, tmp_path, APPEND_ONLY) as server:
        stores = server.stores()
        log = Log.open(stores, server, "kept")
        await log.append("thread", "first", "second")
        await stores.close()

        server.stop(end)
        server.start()

        stores = server.stores()
        assert await Log.open(stores, server, "kept").texts("thread", last=10) == ["first", "second"]
        await stores.close()


@pytest.mark.parametrize("login", [{}, {"username": "default", "password": ""}], ids=["without", "with"])
def test_nobody_can_log_in_as_the_default_user(server: Server, login: dict[str, Any]) -> None:
    with (
        redis.Redis(unix_socket_path=str(server.socket), **login) as client,
        pytest.raises(redis.exceptions.RedisError),
    ):
        client.ping()
