"""Kubernetes' notation for amounts: `500m`, `2`, `512Mi`, `1Gi`, `10G`.

Pure. Sign and exponent forms, which nobody writes for a size, are not part of the subset.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

PATTERN: Final = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$"
_AMOUNT = re.compile(PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
MAX_LENGTH: Final = 32
MAX_WHOLE: Final = 999_999_999_999_999

_FACTORS: Final = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000**power) for power, unit in enumerate(("k", "M", "G", "T", "P"), start=1)},
    **{f"{unit}i": Fraction(1024**power) for power, unit in enumerate(("K", "M", "G", "T", "P"), start=1)},
}


def parse(text: str | int) -> Fraction:
    """The exact amount in base units (cores or bytes), so that `1Gi` and `1024Mi` are equal.

    Raises ValueError when it is no amount.
    """
    text = str(text)
    if _AMOUNT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no amount such as 500m, 2, 512Mi or 1Gi")
    digits = text.rstrip("mkKMGTPi")
    return Fraction(digits) * _FACTORS[text.removeprefix(digits)]


def whole(text: str | int) -> int:
    """The amount in base units, rounded down: bytes of `512Mi`."""
    return int(parse(text))
