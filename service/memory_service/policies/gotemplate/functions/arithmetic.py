"""Sprig's arithmetic. Whole numbers stay within 64 bits; what is beyond is an error, not another number."""

from __future__ import annotations

import math
import re

from memory_service.policies.gotemplate.faults import TemplateError, shown
from memory_service.policies.gotemplate.functions.registry import LEAST, MOST, Family, a_number, an_int
from memory_service.policies.gotemplate.values import Value, kind

FAMILY = Family()
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


def whole(value: Value) -> int:
    """A whole number, of what can be read as one; fractions are cut off."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return _cut(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value) if _WHOLE.fullmatch(value) else _cut(float(value))
    raise TemplateError(f"needs a whole number, not {shown(value) if isinstance(value, str) else kind(value)}")


def _cut(value: float) -> int:
    if not math.isfinite(value) or not LEAST <= value <= MOST:
        raise TemplateError("the number is beyond 64 bits")
    return int(value)


def decimal(value: Value) -> float:
    """A float, of what can be read as one."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(value, bool | int | float):
        return float(value)
    raise TemplateError(f"needs a number, not {shown(value) if isinstance(value, str) else kind(value)}")


@FAMILY.add("int", "int64")
def to_int(value: Value) -> int:
    return whole(value)


@FAMILY.add("atoi")
def atoi(value: Value) -> int:
    return whole(value)


@FAMILY.add("float64")
def to_float(value: Value) -> float:
    return decimal(value)


@FAMILY.add("add")
def add(*terms: Value) -> int:
    return sum(map(whole, terms))


@FAMILY.add("add1")
def add_one(value: Value) -> int:
    return whole(value) + 1


@FAMILY.add("sub")
def subtract(one: Value, other: Value) -> int:
    return whole(one) - whole(other)


@FAMILY.add("mul")
def multiply(first: Value, *others: Value) -> int:
    product = whole(first)
    for each in others:
        product *= whole(each)
        if not LEAST <= product <= MOST:
            raise TemplateError("the result is beyond 64 bits")
    return product


@FAMILY.add("div")
def divide(one: Value, other: Value) -> int:
    """Towards zero, as Go divides."""
    quotient, _ = _divided(whole(one), whole(other))
    return quotient


@FAMILY.add("mod")
def modulo(one: Value, other: Value) -> int:
    """The remainder, with the sign of the dividend."""
    _, remainder = _divided(whole(one), whole(other))
    return remainder


def _divided(one: int, other: int) -> tuple[int, int]:
    if other == 0:
        raise TemplateError("division by zero")
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return quotient, one - quotient * other


@FAMILY.add("max")
def largest(first: Value, *others: Value) -> int:
    return max(map(whole, (first, *others)))


@FAMILY.add("min")
def smallest(first: Value, *others: Value) -> int:
    return min(map(whole, (first, *others)))


@FAMILY.add("floor")
def floor(value: Value) -> float:
    return float(math.floor(_finite(value)))


@FAMILY.add("ceil")
def ceil(value: Value) -> float:
    return float(math.ceil(_finite(value)))


@FAMILY.add("round")
def rounded(value: Value, places: Value, up_from: Value = 0.5) -> float:
    """To so many decimal places; `up_from` is the fraction from which it goes up."""
    digits = an_int(places)
    if not 0 <= digits <= 15:
        raise TemplateError("rounds to 0 to 15 places")
    scaled = _finite(value) * 10**digits
    threshold: float = a_number(up_from)
    fraction, base = math.modf(scaled)
    moved = base + math.copysign(1, scaled) if abs(fraction) >= threshold else base
    return float(moved) / float(10**digits)


def _finite(value: Value) -> float:
    number = decimal(value)
    if not math.isfinite(number):
        raise TemplateError("needs a finite number")
    return number
