"""The one error of templates."""

from __future__ import annotations


class TemplateError(ValueError):
    """A template that cannot be rendered. Its text says what is wrong and, where it can, what to write instead."""


class TooCostly(TemplateError):
    """What a whole request may cost is spent: rendering anything more is pointless."""


def shown(text: str, most: int = 64) -> str:
    """A piece of a template as error texts quote it."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")
