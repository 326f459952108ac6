"""The shared connection when things go wrong: servers that die, stall, refuse; callers that go away."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from memory_service.adapters.redis import batching, connection
from memory_service.adapters.redis.connection import Connection, Target
from memory_service.adapters.redis.stores import RedisStores
from memory_service.errors import StorageUnavailable
from memory_service.model.mutations import Append, Outcome

from tests.contracts.store.log import Log, drafts
from tests.contracts.store.servers import Server, binaries, running


def pause(server: Server) -> None:
    """The server answers nothing until it is killed or goes on."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)


async def until_it_answers(stores: RedisStores) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            await stores.ping()
            return
        except StorageUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def test_a_write_that_was_sent_when_the_server_died_has_an_unknown_outcome(log: Log, server: Server) -> None:
    await log.append("t", "a")
    pause(server)
    writing = asyncio.create_task(log.append("t", "b"))
    reading = asyncio.create_task(log.store.facts("t"))
    await asyncio.sleep(0.05)
    server.stop(signal.SIGKILL)

    with pytest.raises(StorageUnavailable) as lost:
        await writing
    assert lost.value.outcome_unknown
    with pytest.raises(StorageUnavailable) as unread:
        await reading
    assert not unread.value.outcome_unknown


async def test_what_was_never_sent_is_known_not_to_have_happened(log: Log, server: Server) -> None:
    await log.append("t", "a")
    server.stop(signal.SIGKILL)
    await asyncio.sleep(0.05)

    with pytest.raises(StorageUnavailable) as refusal:
        await log.append("t", "b")
    assert (refusal.value.outcome_unknown, refusal.value.reason) == (False, "Unreachable")


async def test_after_a_restart_everything_goes_on_in_a_new_epoch(log: Log, stores: RedisStores, server: Server) -> None:
    before = await log.append("t", "a")
    server.stop(signal.SIGKILL)
    server.start()
    await until_it_answers(stores)
    after = await log.append("t", "b")

    assert await log.texts("t") == ["a", "b"]
    assert after.epoch != before.epoch and after.pos > before.pos + (1 << 20)


async def test_every_acknowledged_append_survives_kills(log: Log, stores: RedisStores, server: Server) -> None:
    acknowledged: list[str] = []
    unknown = 0
    running = True

    async def write(name: str) -> None:
        nonlocal unknown
        number = 0
        while running:
            number += 1
            text = f"{name}{number}"
            try:
                await log.append("t", text)
                acknowledged.append(text)
            except StorageUnavailable as error:
                unknown += error.outcome_unknown
                await asyncio.sleep(0.01)

    writers = [asyncio.create_task(write(name)) for name in "abcdefgh"]
    for _ in range(3):
        await asyncio.sleep(0.15)
        server.stop(signal.SIGKILL)
        server.start()
        await until_it_answers(stores)
    running = False
    await asyncio.gather(*writers)

    kept: list[str] = []
    after = None
    while True:
        page = await log.page("t", limit=1000, after=after)
        kept += [text for text in await log.texts("t", limit=1000, after=after)]
        if page.next_seq is None:
            break
        after = f"{page.incarnation}-{page.next_seq}"
    assert len(kept) == len(set(kept))
    assert set(acknowledged) <= set(kept)
    assert len(kept) <= len(acknowledged) + unknown
    for name in "abcdefgh":
        numbers = [int(text[1:]) for text in kept if text[0] == name]
        assert numbers == sorted(numbers)
    assert (await log.store.totals()).messages == len(kept)


async def test_a_server_that_stalls_is_given_up(
    log: Log, stores: RedisStores, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REPLY_SECONDS", 0.3)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)
    await log.append("t", "a")
    pause(server)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable) as refusal:
        await log.append("t", "b")

    assert refusal.value.outcome_unknown and time.monotonic() - started < 3
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGCONT)
    await until_it_answers(stores)
    assert (await log.texts("t"))[0] == "a"


async def test_replies_of_callers_who_left_do_not_reach_others(log: Log) -> None:
    for number in range(40):
        await log.append(f"t{number}", f"text {number}")
    for _ in range(10):
        tasks = [asyncio.create_task(log.texts(f"t{number}", last=1)) for number in range(40)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for number, texts in enumerate(found):
            assert isinstance(texts, asyncio.CancelledError) or texts == [f"text {number}"]


async def test_a_mutation_whose_caller_left_before_it_was_sent_never_happens(log: Log) -> None:
    await log.append("t", "a")
    task = asyncio.create_task(log.append("t", "b"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await log.append("t", "c")

    assert await log.texts("t") == ["a", "c"]


@pytest.mark.parametrize("kind", ["reads", "writes"])
async def test_too_much_in_flight_is_refused(
    log: Log, server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    await log.append("t", "a")
    monkeypatch.setattr(connection, "MAX_QUEUED", 5)
    monkeypatch.setattr(batching, "MAX_WAITING_BYTES", 10_000)
    pause(server)
    if kind == "reads":
        tasks: list[asyncio.Task[object]] = [asyncio.create_task(log.store.facts("t")) for _ in range(50)]
    else:
        tasks = [asyncio.create_task(log.append("t", "x" * 500)) for _ in range(50)]
    await asyncio.sleep(0.05)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGCONT)

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, StorageUnavailable)]
    assert 0 < len(refused) < 50
    assert not any(refusal.outcome_unknown for refusal in refused)


async def test_one_tick_is_one_script_call_a_group(log: Log, server: Server) -> None:
    def calls() -> int:
        with server.admin() as admin:
            return int(admin.info("commandstats")["cmdstat_evalsha"]["calls"])

    await log.append("t", "warm")
    before = calls()
    await asyncio.gather(*(log.append(f"t{number}", "x") for number in range(96)))
    assert calls() - before == 3
    large = Append("t", drafts("x" * 200_000))
    before = calls()
    outcomes = await asyncio.gather(*(log.store.mutate(large) for _ in range(4)))
    assert calls() - before == 4
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)


async def test_closing_fails_those_who_wait_and_refuses_those_who_come(server: Server) -> None:
    stores = server.stores()
    log = Log.new(stores, server)
    await log.append("t", "a")
    pause(server)
    waiting = asyncio.create_task(log.append("t", "b"))
    await asyncio.sleep(0.05)
    await stores.close()

    with pytest.raises(StorageUnavailable) as lost:
        await waiting
    assert lost.value.outcome_unknown
    with pytest.raises(StorageUnavailable):
        await log.append("t", "c")


async def test_nobody_there_is_unreachable_at_once(tmp_path: Path) -> None:
    stores = RedisStores(Target(f"unix://{tmp_path}/nothing.sock"), tenant="team-a")
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(StorageUnavailable) as refusal:
            await stores.ping()
        assert refusal.value.reason == "Unreachable"
    assert time.monotonic() - started < 5
    await stores.close()


async def test_an_address_that_is_none_says_so() -> None:
    link = Connection(Target("http://somewhere"))
    with pytest.raises(StorageUnavailable, match="schemes"):
        await link.call("PING")
    await link.close()


async def test_a_cluster_is_refused_with_its_reason(tmp_path: Path) -> None:
    binary = binaries()["valkey"]
    assert binary is not None
    with running(binary, tmp_path, ["--cluster-enabled", "yes", "--cluster-port", "0"]) as server:
        stores = server.stores()
        with pytest.raises(StorageUnavailable) as refusal:
            await stores.ping()
        await stores.close()
    assert refusal.value.reason == "StorageUnsupported"


async def test_a_rotated_password_is_taken_at_the_next_connect(server: Server) -> None:
    passwords = iter(["wrong", "a-password-of-a-test", "a-password-of-a-test"])
    stores = RedisStores(Target(f"unix://{server.socket}", "service", lambda: next(passwords)), tenant="team-a")
    with pytest.raises(StorageUnavailable):
        await stores.ping()
    await until_it_answers(stores)
    await stores.close()


async def test_tls_with_a_verified_certificate(tmp_path: Path) -> None:
    redis_server, openssl = binaries()["redis"], shutil.which("openssl")
    if redis_server is None or openssl is None:
        pytest.skip("needs redis-server (the Valkey wheel has no TLS) and openssl on PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *request, *names], check=True, capture_output=True)
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    options += ["--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no"]
    with running(redis_server, tmp_path / "data", options) as server:
        trusted = Target(f"rediss://localhost:{port}?ssl_ca_certs={certificate}", "service", server.target().password)
        stores = RedisStores(trusted, tenant="team-a")
        assert (await Log.new(stores, server).append("t", "a")).code == "ok"
        await stores.close()
        stranger = RedisStores(
            Target(f"rediss://localhost:{port}", "service", server.target().password), tenant="team-a"
        )
        with pytest.raises(StorageUnavailable, match="certificate"):
            await stranger.ping()
        await stranger.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
