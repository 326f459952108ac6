"""The functions of templates, a table: Go's own, and the part of Sprig that reads nothing but its arguments.

A module here is a family of functions; each is declared by a decorator that says how it is charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from memory_service.policies.gotemplate.functions import arithmetic, containers, dates, encoding, logic, text
from memory_service.policies.gotemplate.functions.registry import Function

FUNCTIONS: Final[Mapping[str, Function]] = {
    name: function
    for family in (logic, text, containers, arithmetic, encoding, dates)
    for name, function in family.FAMILY.items()
}
"""Name -> function."""

__all__ = ["FUNCTIONS", "Function"]
