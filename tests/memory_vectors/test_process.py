"""The process: its arguments, its address, its folder, its end."""

import signal
import socket
import subprocess
import sys
import time

import pytest
from memory_vectors.settings import Settings


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memory_vectors", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def test_help_names_the_options_and_their_environment():
    text = run("--help").stdout
    for word in ("--listen", "--storage", "QDRANT__SERVICE__API_KEY", "QDRANT__STORAGE__STORAGE_PATH", "6333"):
        assert word in text


def test_settings_come_from_arguments_then_environment_then_defaults():
    environ = {
        "QDRANT__SERVICE__HOST": "127.0.0.1",
        "QDRANT__SERVICE__HTTP_PORT": "7000",
        "QDRANT__STORAGE__STORAGE_PATH": "/data",
        "QDRANT__SERVICE__API_KEY": "secret",
    }
    settings = Settings.read([], environ)
    assert (settings.host, settings.port, str(settings.storage), settings.api_key) == (
        "127.0.0.1",
        7000,
        "/data",
        "secret",
    )
    assert "secret" not in repr(settings)
    settings = Settings.read(["--listen", "[::1]:0", "--storage", "here"], environ)
    assert (settings.host, settings.port, str(settings.storage)) == ("::1", 0, "here")
    assert Settings.read([], {"QDRANT__SERVICE__API_KEY": ""}) == Settings()


@pytest.mark.parametrize("address", ["6333", "localhost:", "localhost:port", "localhost:70000", ":6333"])
def test_an_address_that_is_none_is_a_usage_error(address, tmp_path):
    finished = run("--listen", address, "--storage", str(tmp_path))
    assert finished.returncode == 2
    assert "give HOST:PORT" in finished.stderr


def test_a_taken_address_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run("--listen", f"127.0.0.1:{port}", "--storage", str(tmp_path))
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in finished.stderr


def test_a_taken_folder_is_an_error(launch, tmp_path):
    launch(tmp_path)
    finished = run("--listen", "127.0.0.1:0", "--storage", str(tmp_path))
    assert finished.returncode == 1
    assert "another process serves" in finished.stderr


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_after_it_is_told_to_also_with_an_open_connection(launch, tmp_path, sign):
    server = launch(tmp_path)
    server.result("PUT", "/collections/notes", {"vectors": {"dense": {"size": 2, "distance": "Dot"}}})
    points = [{"id": id_, "vector": {"dense": [id_, 1]}} for id_ in range(1000)]
    server.result("PUT", "/collections/notes/points?wait=true", {"points": points})
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        began = time.monotonic()
        server.process.send_signal(sign)
        assert server.process.wait(timeout=10) == 0
        assert time.monotonic() - began < 5
