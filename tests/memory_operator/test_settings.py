"""The operator's settings come from the environment, once, with errors that name the variable."""

from __future__ import annotations

import pytest
from memory_operator.__main__ import read_settings
from memory_operator.errors import SettingsError
from memory_operator.settings import PARSERS, Settings


def test_everything_but_the_image_has_a_default() -> None:
    settings = Settings.from_env({"MEMORY_OPERATOR_IMAGE": "platform:1"})

    assert settings == Settings(image="platform:1")


def test_every_field_has_a_variable_and_every_variable_a_field() -> None:
    assert set(PARSERS) == set(Settings.__dataclass_fields__)


def test_each_variable_is_read() -> None:
    settings = Settings.from_env(
        {
            "MEMORY_OPERATOR_IMAGE": "platform:1",
            "MEMORY_OPERATOR_NAMESPACES": "b, a,,b",
            "MEMORY_OPERATOR_IMAGE_PULL_POLICY": "Never",
            "MEMORY_OPERATOR_PROOF_INTERVAL_SECONDS": "5",
            "MEMORY_OPERATOR_LISTEN": "[::]:9000",
            "MEMORY_OPERATOR_METRICS_FROM": '[{"namespaceSelector": {}}]',
            "MEMORY_OPERATOR_DEFAULTS": "/etc/defaults.json",
            "MEMORY_OPERATOR_WORKERS": "4",
        },
        read=lambda path: '{"service": {"replicas": 2}}' if path == "/etc/defaults.json" else "",
    )

    assert settings.namespaces == ("a", "b")
    assert settings.image_pull_policy == "Never"
    assert settings.proof_interval_seconds == 5.0
    assert settings.listen == ("::", 9000)
    assert settings.metrics_from == ({"namespaceSelector": {}},)
    assert settings.defaults == {"service": {"replicas": 2}}
    assert settings.workers == 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IMAGE", ""),
        ("IMAGE_PULL_POLICY", "Sometimes"),
        ("PROOF_INTERVAL_SECONDS", "soon"),
        ("PROOF_INTERVAL_SECONDS", "-1"),
        ("RESYNC_SECONDS", "0"),
        ("LISTEN", "9464"),
        ("LISTEN", ":9464"),
        ("METRICS_FROM", "{}"),
        ("METRICS_FROM", "not json"),
        ("DEFAULTS", "/no/such/file"),
        ("WORKERS", "0"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(variable: str, value: str) -> None:
    environ = {"MEMORY_OPERATOR_IMAGE": "platform:1", f"MEMORY_OPERATOR_{variable}": value}

    with pytest.raises(SettingsError, match=f"MEMORY_OPERATOR_{variable}"):
        Settings.from_env(environ)


def test_defaults_of_which_no_tenant_can_be_made_are_refused_at_the_start(tmp_path: pytest.TempPathFactory) -> None:
    file = tmp_path / "defaults.json"  # type: ignore[operator]
    file.write_text('{"service": {"replicas": 0}}')

    with pytest.raises(SettingsError, match=r"MEMORY_OPERATOR_DEFAULTS.*replicas"):
        read_settings({"MEMORY_OPERATOR_IMAGE": "platform:1", "MEMORY_OPERATOR_DEFAULTS": str(file)})
