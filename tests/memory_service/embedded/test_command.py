"""`memory-service --memory FILE`: the whole product in one command, started for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.memory_service.embedded.command import EXAMPLE, PARTS, command, gone, running, until

MEMORY = "/v1/memories/support-agent"


@pytest.mark.slow
def test_what_was_stored_is_recalled_survives_a_restart_and_leaves_no_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as first:
        assert "curl" in first.said
        parts = first.children()
        assert set(parts) == PARTS
        appended = first.ask("POST", f"{MEMORY}/threads/a/messages", {"content": "My favourite colour is green."})
        assert appended["appended"] == 1
        question = {"query": "Which color do I like best?", "consistency": "strong", "timeout": "20s"}
        recalled = until(lambda: (found := first.ask("POST", f"{MEMORY}/recall", question)).get("hits") and found)
        assert recalled["hits"][0]["message"]["content"] == "My favourite colour is green."
        assert until(lambda: first.ask("GET", f"{MEMORY}/health")["status"] == "ok")
        assert first.ask("GET", "/readyz")["status"] == "ready"
        assert first.stop(signal.SIGINT) == 0
        assert until(lambda: gone(list(parts.values())))
    with running(data) as second:
        page = second.ask("GET", f"{MEMORY}/threads/a/messages")
        assert [message["content"] for message in page["messages"]] == ["My favourite colour is green."]
        assert until(lambda: second.ask("POST", f"{MEMORY}/recall", question).get("hits"))
        assert second.ask("DELETE", f"{MEMORY}/threads/a")["deleted"] is True
        assert second.ask("POST", f"{MEMORY}/recall", {"query": "Which color do I like best?"})["hits"] == []
        assert second.stop() == 0


@pytest.mark.slow
def test_parts_die_with_their_parent_and_are_restarted_without_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as service:
        refused = subprocess.run(command(data), capture_output=True, text=True, timeout=30)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"in use by another memory-service (process {service.process.pid})" in refused.stderr
        assert "another folder by --data or MEMORY_DATA" in refused.stderr
        service.ask("POST", f"{MEMORY}/threads/a/messages", {"content": "one"})
        time.sleep(1.2)  # everysec: what was acknowledged over a second ago is on disk
        service.children()["redis"].kill()
        assert until(lambda: service.ask("GET", f"{MEMORY}/threads/a/messages").get("total") == 1)
        parts = until(lambda: set(found := service.children()) == PARTS and found)
        service.process.kill()
        assert until(lambda: gone(list(parts.values())))
    with running(data) as again:
        assert again.ask("GET", f"{MEMORY}/threads/a/messages")["total"] == 1
        again.stop()


@pytest.mark.slow
def test_in_memory_stores_are_twins_that_keep_nothing(tmp_path: Path) -> None:
    declared = tmp_path / "memory.json"
    declared.write_text(json.dumps({"id": "brief", "vector": {"use": "in-memory", "dimensions": 384, "config": {}}}))
    for _ in range(2):
        with running(tmp_path / "data", memory=str(declared)) as service:
            appended = service.ask("POST", "/v1/memories/brief/threads/a/messages", "hello")
            assert (appended["total"], appended["created"]) == (1, True)
            service.stop()


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "memory_service", *arguments], capture_output=True, text=True, timeout=30,
        env={**os.environ, **environ},
    )  # fmt: skip


def test_help_names_every_option_and_its_twin() -> None:
    text = run("--help").stdout
    for flag, twin in (("--memory", "MEMORY_MEMORY"), ("--listen", "MEMORY_LISTEN"), ("--insecure", "MEMORY_INSECURE")):
        assert flag in text and twin in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--memory is required"),
        (["--memory", "/nonexistent/memory.yaml"], "no definitions at /nonexistent/memory.yaml"),
        (["--memory", EXAMPLE, "--listen", "nowhere"], "--listen must be HOST:PORT"),
        (["--memory", EXAMPLE, "--listen", "0.0.0.0:0"], "give a credentials folder, listen on 127.0.0.1"),
    ],
)
def test_a_start_that_would_be_a_mistake_is_refused_with_the_remedy(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("option", ["listen", "management"])
def test_a_taken_address_is_named_with_the_option_that_gives_another(option: str) -> None:
    away = ("--redis", "redis://127.0.0.1:9", "--qdrant", "http://127.0.0.1:9", "--socket", "/nowhere")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = {"listen": "127.0.0.1:0", "management": "127.0.0.1:0", option: f"127.0.0.1:{taken.getsockname()[1]}"}
        addresses = [word for name, address in place.items() for word in (f"--{name}", address)]
        refused = run("--memory", str(EXAMPLE), *away, *addresses)
    assert refused.returncode == 2
    assert f"cannot listen on {place[option]}: Address already in use" in refused.stderr
    assert f"by --{option} or MEMORY_{option.upper()}" in refused.stderr


def test_a_definition_that_is_not_valid_is_refused_with_every_fault(tmp_path: Path) -> None:
    declared = tmp_path / "memory.json"
    declared.write_text(json.dumps({"id": "a b", "vector": {"use": "pinecone", "dimensions": 384}}))
    done = run("--memory", str(declared), "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert "/id" in done.stderr and "/vector/use" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.fixture(autouse=True)
def no_children_left() -> Iterator[None]:
    """Nothing that a test started outlives it; servers of other tests may run on."""
    before = living()
    yield
    assert living() <= before


def living() -> set[int]:
    """Processes below this one."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(child.pid)
    return found
