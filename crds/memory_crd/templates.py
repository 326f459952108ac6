"""Whether a working-memory template is fit for use. Pure."""

from __future__ import annotations

from xml.parsers import expat


def fault(template: str) -> str | None:
    """What is wrong with a template, in words, or None.

    A template that begins with `<` is XML, one element or several; any other text (Markdown) is always fit. Document
    types are refused: they are the door to entity expansion.
    """
    if not template.lstrip().startswith("<"):
        return None
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(f"<template>{template}</template>", True)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}"
    except _Doctype:
        return "a document type declaration is not allowed"
    return None


class _Doctype(Exception):
    pass


def _refuse_doctype(*_: object) -> None:
    raise _Doctype
