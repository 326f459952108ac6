"""Generated credentials: made once, read back, never shown."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import count

from memory_crd import names
from memory_operator import credentials
from memory_operator.credentials import GENERATED, acl_file, sha256

from tests.memory_operator.builders import CREDENTIALS, NAMESPACE


def secret(**values: str) -> dict[str, object]:
    return {"data": {key.replace("_", "-"): b64encode(value.encode()).decode() for key, value in values.items()}}


def test_what_is_missing_is_generated_and_what_is_there_is_kept() -> None:
    numbers = count()

    found = credentials.complete({names.KEY_QDRANT_API_KEY: "kept"}, lambda: f"fresh-{next(numbers)}")

    assert found[names.KEY_QDRANT_API_KEY] == "kept"
    assert sorted(found.values) == sorted(GENERATED)
    assert len(set(found.values.values())) == len(GENERATED)


def test_values_are_read_back_from_the_secret() -> None:
    present = credentials.of_secret(secret(**{key: f"{key}-value" for key in GENERATED}, extra="ignored"))

    assert present == dict(CREDENTIALS.values)
    assert credentials.is_complete(present)


def test_an_unreadable_value_counts_as_missing() -> None:
    broken = {"data": {names.KEY_QDRANT_API_KEY: "%%%", names.KEY_SERVICE_API_KEY: b64encode(b"a b\n").decode()}}

    assert credentials.of_secret(broken) == {}
    assert credentials.of_secret(None) == {}
    assert not credentials.is_complete({})


def test_credentials_do_not_show_in_a_log() -> None:
    assert "value" not in repr(CREDENTIALS).replace("values", "")


def test_the_acl_file_holds_hashes_and_no_password() -> None:
    text = acl_file(NAMESPACE, CREDENTIALS)

    for value in CREDENTIALS.values.values():
        assert value not in text
    assert f"#{sha256(CREDENTIALS[names.KEY_REDIS_SERVICE_PASSWORD])}" in text


def test_each_redis_user_may_do_only_its_own() -> None:
    users = dict(re.findall(r"^user (\S+) (.*)$", acl_file(NAMESPACE, CREDENTIALS), re.MULTILINE))

    assert users["default"].startswith("off ")
    assert "~{acme/*}:*" in users["service"].split()
    assert {"-@admin", "-@dangerous", "-scan", "-select"} <= set(users["service"].split())
    assert users["probe"].endswith("-@all +ping")
    assert "~*" in users["admin"].split()
