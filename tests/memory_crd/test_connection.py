"""The connection Secret says how to call the service, and nothing about its stores."""

from __future__ import annotations

import pytest
from memory_crd import connection
from memory_crd.connection import InvalidConnection

DATA = connection.to_data(connection.of_tenant("shop", api_key="k-123"))


def test_the_secret_holds_type_host_port_uri_and_key() -> None:
    assert DATA == {
        "type": "memory",
        "host": "memory.shop.svc",
        "port": "8080",
        "uri": "http://memory.shop.svc:8080",
        "api-key": "k-123",
    }


def test_a_reader_gets_the_connection_back() -> None:
    assert connection.from_data(DATA) == connection.of_tenant("shop", api_key="k-123")


def test_the_key_does_not_show_when_printed() -> None:
    assert "k-123" not in repr(connection.from_data(DATA))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"uri": ""}, "lacks uri"), ({"type": "redis"}, "type must be"), ({"port": "http"}, "port must be"),
        ({"port": "70000"}, "port must be"), ({"port": "²"}, "port must be"),
    ],
    ids=str,
)  # fmt: skip
def test_an_unusable_secret_names_the_key(change: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidConnection, match=told):
        connection.from_data(DATA | change)
