"""Amounts in Kubernetes' notation are exact."""

from __future__ import annotations

from fractions import Fraction

import pytest
from memory_crd import quantities


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1), (2, 2), ("500m", Fraction(1, 2)), ("1k", 1000), ("1Ki", 1024), ("64Mi", 64 * 1024**2),
        ("1.5Gi", 1536 * 1024**2), ("10G", 10**10), ("1P", 10**15),
    ],
    ids=str,
)  # fmt: skip
def test_an_amount_is_a_number_and_a_unit(text: str | int, amount: Fraction) -> None:
    assert quantities.parse(text) == amount


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert quantities.parse("1Gi") == quantities.parse("1024Mi") == quantities.parse(2**30)


def test_bytes_are_rounded_down() -> None:
    assert quantities.whole("1500m") == 1


@pytest.mark.parametrize("text", ["", "big", "1GB", "1mi", "Gi", "1 Gi", "1iG"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        quantities.parse(text)
