"""Settings: a flag wins over its twin, the twin over the default; mistakes are refused by name."""

from __future__ import annotations

import pytest
from memory_service.settings import Address, InvalidSettings, Settings


def test_defaults_make_an_embedded_service_on_loopback() -> None:
    settings = Settings.read(["--memory", "m.yaml"], {})
    assert (settings.listen, settings.management) == (Address("127.0.0.1", 8080), Address("127.0.0.1", 9464))
    assert (settings.embedded, settings.data, settings.tenant) == (True, ".memory-data", "local")


def test_a_flag_wins_over_its_twin() -> None:
    settings = Settings.read(["--listen", "127.0.0.1:1"], {"MEMORY_MEMORY": "m.yaml", "MEMORY_LISTEN": "127.0.0.1:2"})
    assert (settings.memory, settings.listen.port) == ("m.yaml", 1)


def test_an_empty_twin_counts_as_absent() -> None:
    settings = Settings.read([], {"MEMORY_MEMORY": "m.yaml", "MEMORY_REDIS": "", "MEMORY_LISTEN": ""})
    assert (settings.redis, settings.listen.port) == (None, 8080)


def test_addresses_of_all_parts_make_it_start_nothing() -> None:
    environ = {
        "MEMORY_MEMORY": "/etc/memory/definitions", "MEMORY_REDIS": "redis://r:6379", "MEMORY_QDRANT": "http://q:6333",
        "MEMORY_SOCKET": "/run/memory/worker.sock", "MEMORY_CREDENTIALS": "/etc/memory/credentials",
        "MEMORY_LISTEN": "0.0.0.0:8080",
    }  # fmt: skip
    assert Settings.read([], environ).embedded is False


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "[::]"])
def test_other_machines_are_not_served_without_credentials(host: str) -> None:
    with pytest.raises(InvalidSettings, match="--insecure"):
        Settings.read(["--memory", "m", "--listen", f"{host}:80"], {})
    assert Settings.read(["--memory", "m", "--listen", f"{host}:80", "--insecure"], {}).insecure
    assert Settings.read(["--memory", "m", "--listen", f"{host}:80", "--credentials", "c"], {}).credentials == "c"


@pytest.mark.parametrize("text", ["", "8080", ":8080", "host:", "host:x", "host:70000", "host:-1"])
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    with pytest.raises(InvalidSettings, match="--listen"):
        Settings.read(["--memory", "m", f"--listen={text}"], {"MEMORY_LISTEN": ""} if text else {"MEMORY_LISTEN": "x"})


def test_an_ipv6_address_keeps_its_brackets_outside() -> None:
    assert str(Settings.read(["--memory", "m", "--listen", "[::1]:80"], {}).listen) == "[::1]:80"
