"""The verbs, without a cluster behind them."""

import pytest

from e2e.cluster.__main__ import arguments, main
from e2e.cluster.builtin import without_proxies


def test_a_command_keeps_its_own_options() -> None:
    asked = arguments(["exec", "--", "kubectl", "get", "pods", "--help"])

    assert asked.command == ["--", "kubectl", "get", "pods", "--help"]


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        arguments(["start"])

    assert exit_code.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_an_error_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MEMORY_CLUSTER", "Not A Name")

    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "MEMORY_CLUSTER" in said
    assert "Traceback" not in said


def test_a_command_inside_sees_no_proxy_of_the_machine() -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "localhost", "HOME": "/root"}

    assert without_proxies(environ) == {"HOME": "/root"}
